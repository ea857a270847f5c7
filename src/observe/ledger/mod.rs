//! The ledger: uniquely numbered writes, journaled before they are sent, and read back at the end.

mod read;
#[cfg(test)]
mod tests;
mod writer;

pub use read::read_back;
pub use writer::{LedgerError, LedgerWriter};

/// Headers of a scenario, as a request has them.
fn headers(given: &std::collections::BTreeMap<String, String>) -> Vec<(String, String)> {
    given.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}
