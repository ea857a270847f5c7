//! What can go wrong with a backup, told apart by what it says about the backup.

use std::io;
use std::path::{Path, PathBuf};

/// Why a step of a backup or restore did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is no backup at all.
    #[error("there is no backup at {0}")]
    Missing(PathBuf),
    /// The backup, or the copy restored from it, cannot be used as a database.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        reason: String,
    },
    /// The engine refused a statement for a reason other than damage.
    #[error("{path}: the engine refused: {reason}")]
    Sql {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The scratch copy would overwrite something.
    #[error("refused to restore into {target}: {why}; name a new file")]
    NotFresh {
        /// The target.
        target: PathBuf,
        /// What is there.
        why: String,
    },
    /// The disk is too full for a copy.
    #[error("{folder} has {free} bytes free, {need} are needed: free some space or choose another folder")]
    NoSpace {
        /// Where the copy would go.
        folder: PathBuf,
        /// Bytes needed.
        need: u64,
        /// Bytes free.
        free: u64,
    },
    /// The time limit ran out, or the drill was stopped.
    #[error("the time limit ran out; raise `within` if the database is this large")]
    TimedOut,
    /// A bug in this program.
    #[error("a bug in this program: {0}")]
    Bug(String),
}

impl BackupError {
    /// Whether it says that the backup is bad; otherwise it says that we could not tell.
    pub fn is_damage(&self) -> bool {
        matches!(self, BackupError::Missing(_) | BackupError::Damaged { .. })
    }

    /// An error of the file system, with what was tried.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
        let path = path.to_owned();
        move |source| BackupError::Io { doing, path, source }
    }
}
