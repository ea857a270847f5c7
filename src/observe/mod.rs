//! What clients live through: probes, load, ledger.

pub mod ledger;
pub mod load;
pub mod probe;
