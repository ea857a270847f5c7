//! What clients live through: probes, load, ledger.
