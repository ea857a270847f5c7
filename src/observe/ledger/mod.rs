//! The ledger: uniquely numbered writes, journaled before they are sent, and read back at the end.

mod clickhouse;
mod database;
mod grpc;
mod http;
mod read;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod ways_tests;
mod writer;

pub use read::read_back;
pub use writer::{LedgerError, LedgerWriter};

/// Largest answer to a write that is read, in bytes.
const MAX_ACKNOWLEDGEMENT: usize = 1 << 20;

/// Largest list of entries that is read, in bytes: about two million.
const MAX_LIST: usize = 64 << 20;
