//! Processes of this host.

mod host;
pub(in crate::world) mod identity;
mod look;
pub(in crate::world) mod procfs;
pub(in crate::world) mod select;

use async_trait::async_trait;

use super::DriverError;
use crate::model::{Member, ProcessId, Signal};
use crate::safety::{Licence, ProcessUndo, Reverted, Standing};
use crate::scenario::target::ProcessSelector;

pub use host::HostProcesses;

/// What state a process is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessState {
    /// It runs or sleeps.
    Running,
    /// It is stopped by a signal.
    Stopped,
    /// It ended, or its pid belongs to another process now.
    Gone,
}

/// Processes of this host: found by selector, signalled by identity.
#[async_trait]
pub trait Processes: Send + Sync {
    /// The processes a selector means right now. Never empty.
    async fn resolve(&self, selector: &ProcessSelector) -> Result<Vec<ProcessId>, DriverError>;
    /// The same processes with what guards and plans ask of them: program, user, systemd unit, and whether each runs.
    async fn look(&self, selector: &ProcessSelector) -> Result<Vec<Member>, DriverError>;
    /// Sends a harmful signal to exactly that process (by pidfd, after its start time was compared).
    async fn signal(&self, process: ProcessId, signal: Signal, licence: Licence<'_>) -> Result<(), DriverError>;
    /// What state it is in.
    async fn state(&self, process: ProcessId) -> Result<ProcessState, DriverError>;
    /// Takes a process fault back.
    async fn revert(&self, undo: &ProcessUndo) -> Result<Reverted, DriverError>;
    /// Whether a process fault stands.
    async fn standing(&self, undo: &ProcessUndo) -> Result<Standing, DriverError>;
}
