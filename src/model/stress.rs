//! What a stress worker does to a machine.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{HumanDuration, ProcessId, Ratio, Size};

/// One kind of stress. All of it ends with the process that does it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Stress {
    /// Keeps processors busy.
    Cpu {
        /// Number of threads.
        threads: u32,
        /// Share of the time for which each is busy.
        load: Ratio,
    },
    /// Takes memory, touches it and holds it.
    Memory {
        /// How much.
        size: Size,
        /// So much of the machine's memory stays available, whatever happens.
        floor: Size,
        /// Whether the worker offers itself to the kernel's out-of-memory killer first.
        first_to_die: bool,
    },
    /// Writes, syncs and reads a file without a name, again and again.
    Io {
        /// Where.
        directory: PathBuf,
        /// Bytes written a second, in all.
        rate: Size,
        /// Number of threads, each with a file of its own.
        threads: u32,
        /// Size of each file.
        file: Size,
    },
    /// Holds space on a disk by a file without a name: it vanishes with the process.
    Disk {
        /// Where.
        directory: PathBuf,
        /// How much.
        fill: Fill,
        /// So much stays free, whatever happens: the worker gives back when others need it.
        floor: Size,
    },
}

/// How much of a disk is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// This much.
    Size(Size),
    /// All but this much; what others free is taken as well.
    LeaveFree(Size),
}

/// The whole task of a stress worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StressJob {
    /// What it does.
    pub stress: Stress,
    /// It ends by itself after this, whoever still wants it.
    pub at_most: HumanDuration,
    /// A process whose control groups and mounts it joins first: the first one of a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<ProcessId>,
}

impl fmt::Display for Stress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stress::Cpu { threads, load } => write!(f, "{threads} busy thread(s) at {load}"),
            Stress::Memory { size, .. } => write!(f, "{size} of memory"),
            Stress::Io { directory, rate, .. } => write!(f, "{rate}/s on {}", directory.display()),
            Stress::Disk { directory, fill: Fill::Size(size), .. } => write!(f, "{size} on {}", directory.display()),
            Stress::Disk { directory, fill: Fill::LeaveFree(size), .. } => {
                write!(f, "all but {size} on {}", directory.display())
            }
        }
    }
}
