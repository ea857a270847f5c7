//! Undo of what is done to the machine that the drill runs on: stress, a moved clock, a harmed file.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Family, Home};
use crate::model::{FileHarm, Name, StressJob};

/// Undo for the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MachineUndo {
    /// End the stress worker that carries this tag. Its pid is not known before it runs, so it is found by the tag,
    /// which no other process has: it holds the id of the run. All that the worker did ends with it.
    Worker {
        /// The value of its argument `--tag`.
        tag: String,
        /// What it does.
        job: StressJob,
    },
    /// Write the offset of a service's clock back.
    Clock {
        /// The service.
        service: Name,
        /// The file that its clock follows.
        file: PathBuf,
        /// What stood there before.
        before: String,
        /// What the fault writes there.
        during: String,
    },
    /// Put the harmed bytes of a file back.
    File(FileUndo),
}

/// Undo for a harmed file: its identity, the copy of how it was, and exactly which bytes are harmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileUndo {
    /// Its absolute path.
    pub path: PathBuf,
    /// The device it lies on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Its length before.
    pub size: u64,
    /// SHA-256 of what it held before, in hex.
    pub digest: String,
    /// When it was last written before: seconds and nanoseconds since 1970.
    pub modified: (i64, i64),
    /// Where the copy is kept. It is whole and on disk before the first byte is harmed.
    pub copy: PathBuf,
    /// What is done to it.
    pub harm: FileHarm,
}

impl Family for MachineUndo {
    fn by_hand(&self) -> String {
        match self {
            MachineUndo::Worker { tag, .. } => {
                format!("pkill -KILL -f {}", quoted(&format!("stress-worker --tag {tag} ")))
            }
            MachineUndo::Clock { file, before, .. } => {
                format!("echo {} > {}", quoted(before), quoted(&file.display().to_string()))
            }
            MachineUndo::File(FileUndo { path, copy, .. }) => {
                let (path, copy) = (quoted(&path.display().to_string()), quoted(&copy.display().to_string()));
                format!("test ! -e {copy} || cat {copy} > {path}")
            }
        }
    }

    fn subject(&self) -> String {
        match self {
            MachineUndo::Worker { job, .. } => format!("stress worker ({})", job.stress),
            MachineUndo::Clock { service, .. } => format!("clock of service {service}"),
            MachineUndo::File(FileUndo { path, .. }) => format!("file {}", path.display()),
        }
    }

    fn longest(&self) -> Duration {
        Duration::from_secs(match self {
            MachineUndo::Worker { .. } => 5,
            MachineUndo::Clock { .. } => 3,
            MachineUndo::File(_) => 20,
        })
    }

    /// A worker whose starter died between fork and exec shows its tag only then, and ends because its lease is broken.
    /// A write that has begun ends with its system call.
    fn flight(&self) -> Duration {
        match self {
            MachineUndo::Worker { .. } | MachineUndo::File(_) => Duration::from_millis(500),
            MachineUndo::Clock { .. } => Duration::from_millis(100),
        }
    }

    /// Workers and services ended with the boot that ran them; a file outlives it.
    fn home(&self) -> Home {
        match self {
            MachineUndo::Worker { .. } | MachineUndo::Clock { .. } => Home::Boot,
            MachineUndo::File(_) => Home::Machine,
        }
    }
}

/// A word as a shell takes it literally.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
