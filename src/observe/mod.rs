//! What clients live through: probes, load, ledger.

pub mod probe;
