//! Commands that the scenario names.

mod host;
mod tail;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;

use super::DriverError;
use crate::safety::{CommandUndo, Licence, Reverted, Standing};

pub use host::HostCommands;

/// A command ready to run: program and arguments, no shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// Program and arguments; references to secrets are resolved by the driver, at the last moment.
    pub argv: Vec<String>,
    /// Directory it runs in.
    pub dir: PathBuf,
    /// Longest time it may take; then its whole process group is killed.
    pub within: Duration,
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutput {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// The last 4 KiB of its standard output and error.
    pub tail: String,
}

/// Runs commands, each in a process group of its own.
#[async_trait]
pub trait Commands: Send + Sync {
    /// Whether a command that harms and its inverse can run at all: programs and secrets are there. Changes nothing but
    /// this driver's own memory: it forgets that the same inverse ran before, for an earlier fault.
    async fn prepare(&self, _inject: &CommandLine, _undo: &CommandUndo) -> Result<(), DriverError> {
        Ok(())
    }
    /// Runs a harmless command (a probe, a step) to its end.
    async fn run(&self, command: &CommandLine) -> Result<CommandOutput, DriverError>;
    /// Runs a command that harms.
    async fn inject(&self, command: &CommandLine, licence: Licence<'_>) -> Result<CommandOutput, DriverError>;
    /// Runs the inverse; anything but exit code 0 is an error.
    async fn revert(&self, undo: &CommandUndo) -> Result<Reverted, DriverError>;
    /// A command's effect cannot be seen: in force once the inject command succeeded, until the inverse did.
    async fn standing(&self, undo: &CommandUndo) -> Result<Standing, DriverError>;
}
