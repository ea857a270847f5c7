//! What clients live through: probes, load, ledger.

pub mod load;
pub mod probe;
