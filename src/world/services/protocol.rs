//! What the runner and a service's supervisor say to each other: one JSON object a line.
//!
//! The runner writes to the supervisor's standard input, first the [`Assignment`], then perhaps [`Order`]s; end of file
//! is the end of the lease. The supervisor writes [`Report`]s to its standard output. Nothing of this is in an
//! argument: those can be read by everybody on the machine, and the assignment holds resolved secrets.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::ProcessId;

/// Longest line that either side accepts, in bytes.
pub const MAX_LINE: usize = 4 * 1024 * 1024;

/// What the supervisor runs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Environment added to the supervisor's own.
    pub env: Vec<(String, String)>,
    /// Directory it runs in.
    pub dir: PathBuf,
    /// What follows its end.
    pub then: Then,
}

/// What follows the end of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It is started again so long after.
    Restart(Duration),
    /// The supervisor goes on to hold what the program left running.
    Stay,
    /// The supervisor ends and leaves alone what the program left running: a command that succeeded by starting
    /// something.
    Leave,
}

/// What the runner asks for later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// End everything: gently, and after the grace time by force.
    Stop {
        /// Time between SIGTERM and SIGKILL.
        grace: Duration,
    },
}

/// What the supervisor tells. Times are raw `CLOCK_MONOTONIC` nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// When it happened.
    pub at: i64,
    /// What happened.
    pub what: Change,
}

/// What happened to the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was started as this process.
    Started(ProcessId),
    /// That process ended.
    Exited {
        /// The process.
        process: ProcessId,
        /// Exit code, when it exited.
        code: Option<i32>,
        /// Signal number, when one ended it.
        signal: Option<i32>,
    },
    /// It could not be started.
    Failed {
        /// Whether the program or its directory does not exist.
        missing: bool,
        /// What happened and what to do.
        why: String,
    },
    /// The last line: the supervisor ends.
    Ended {
        /// Processes below it that could not be ended.
        left: u32,
    },
}
