//! Restore proof: backups that are restored into a scratch copy, timed by step and checked by layer.
//!
//! A [`Provider`] knows one engine: how a backup is taken, looked at, restored and read. [`prove`] leads every provider
//! through the same steps and records them as one [`RestoreProof`](crate::timeline::restore::RestoreProof); what
//! the findings mean is decided by the pure functions in [`checks`]. A backup that does not restore is a recorded
//! failure, never an error of this program; what could not be told is inconclusive, never a pass.

pub mod checks;
mod error;
mod files;
mod host;
mod leash;
pub mod manifest;
mod proof;
mod provider;
mod record;
pub mod sqlite;

pub use error::BackupError;
pub use host::HostBackups;
pub use leash::Leash;
pub use manifest::{Facts, Manifest, TableFacts};
pub use proof::{LedgerOrder, ProofOrder, prove, take};
pub use provider::{Inspected, Located, Provider, Taken, Wanted};
pub use record::Recorder;
pub use sqlite::Sqlite;
