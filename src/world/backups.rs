//! Backups and restore proofs, as the engine asks for them.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;

use super::DriverError;
use crate::model::{Name, Offset};
use crate::scenario::Backup;
use crate::timeline::ledger::Entry;
use crate::timeline::restore::RestoreProof;

/// A backup that was taken during the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// When it was asked for.
    pub began: Offset,
    /// When it was complete.
    pub completed: Offset,
    /// Its size.
    pub bytes: u64,
}

/// What a proof is made of.
#[derive(Debug, Clone, Copy)]
pub struct ProofRequest<'a> {
    /// The backup's name.
    pub name: &'a Name,
    /// The backup.
    pub backup: &'a Backup,
    /// How it was taken; none: it existed.
    pub taken: Option<&'a Taken>,
    /// The ledger's writes, in order; empty without a ledger.
    pub ledger: &'a [Entry],
    /// The run's folder; scratch copies are made below it and removed again.
    pub dir: &'a Path,
    /// Longest time for all of it.
    pub within: Duration,
}

/// Takes backups and proves that they restore.
#[async_trait]
pub trait Backups: Send + Sync {
    /// Takes a backup under load.
    async fn take(&self, name: &Name, backup: &Backup, dir: &Path) -> Result<Taken, DriverError>;
    /// Restores it into a scratch copy and checks that. A bad backup is a failed proof, never an error.
    async fn prove(&self, request: ProofRequest<'_>) -> RestoreProof;
}
