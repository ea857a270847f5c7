//! What an engine must be able to do to be proven.

use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use super::record::Recorder;
use super::{BackupError, Leash};
use crate::clock::Clock;
use crate::model::Offset;
use crate::scenario::backup::{BackupCheck, SmokeQuery};
use crate::timeline::ledger::{FinalRead, Shape};
use crate::timeline::restore::ProofSource;

/// A backup that this run took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The backup file; its digest and manifest lie beside it.
    pub file: PathBuf,
    /// When it was asked for.
    pub started: Offset,
    /// When it was complete, digest and manifest included.
    pub completed: Offset,
    /// Everything acknowledged before the first is in it, nothing sent after the second is.
    pub consistent_at: (Offset, Offset),
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, hex.
    pub digest: String,
    /// How often it had to start over because the database changed.
    pub restarts: u32,
}

/// A backup that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The backup file.
    pub file: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its manifest; in words why there is none.
    pub manifest: Result<Manifest, String>,
}

/// What is wanted of a restored copy.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The checks that the scenario asks for.
    pub checks: &'a [BackupCheck],
    /// The smoke query, if any.
    pub smoke: Option<&'a SmokeQuery>,
}

/// What a look at the backup gave, beside its checks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspected {
    /// Whether there is anything that a restore could be tried with.
    pub usable: bool,
    /// Its SHA-256, hex; none when it could not be read.
    pub digest: Option<String>,
}

/// One engine. All functions block, look at the leash between pieces of work, and are called in the order they stand in
/// here; the caller sees to time limits and to the clean-up after any of them failed.
pub trait Provider: Send + Sync {
    /// What the backup is made from.
    fn source(&self) -> ProofSource;

    /// How its backups are made (logical, physical, snapshot, archive) and of which type (full, incremental,
    /// differential).
    fn method(&self) -> (&'static str, &'static str);

    /// Whether a backup into `into` can be taken at all: source present, enough space, nothing overwritten.
    ///
    /// # Errors
    /// When it cannot, with the remedy.
    fn preflight(&self, into: &Path) -> Result<(), BackupError>;

    /// Takes a backup under load, with manifest and digest, and publishes nothing incomplete.
    ///
    /// # Errors
    /// When it cannot be taken; nothing of it is left then.
    fn take(&self, into: &Path, ledger: Option<&Shape>, clock: Clock, leash: &Leash) -> Result<Taken, BackupError>;

    /// Finds the backup.
    ///
    /// # Errors
    /// When there is none, or it cannot be looked at.
    fn locate(&self, file: &Path) -> Result<Located, BackupError>;

    /// Checks of the backup as it lies: layers 0 to 2.
    fn inspect(&self, located: &Located, taken: Option<&Taken>, record: &mut Recorder<'_>) -> Inspected;

    /// Proves that `target` is new, is not the source, and that the copy fits.
    ///
    /// # Errors
    /// When it is none of that. Nothing at `target` has been touched then, and [`Provider::cleanup`] must not be
    /// called.
    fn provision(&self, located: &Located, target: &Path) -> Result<(), BackupError>;

    /// Restores into `target`, step by step, up to the first read.
    ///
    /// # Errors
    /// When a step failed; it is in the record already.
    fn restore(&self, located: &Located, target: &Path, record: &mut Recorder<'_>) -> Result<(), BackupError>;

    /// Checks of the copy: layers 4 and 5, and the smoke query.
    fn verify(&self, target: &Path, located: &Located, wanted: Wanted<'_>, record: &mut Recorder<'_>);

    /// The ledger on the copy.
    ///
    /// # Errors
    /// When it cannot be read.
    fn ledger(&self, target: &Path, shape: &Shape, leash: &Leash) -> Result<FinalRead, BackupError>;

    /// The first write on the copy: the last step of the restore. Leaves nothing in the copy.
    ///
    /// # Errors
    /// When the copy cannot be written.
    fn first_write(&self, target: &Path, leash: &Leash) -> Result<(), BackupError>;

    /// Removes the copy; what could not be removed is returned.
    fn cleanup(&self, target: &Path) -> Vec<String>;
}
