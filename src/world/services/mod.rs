//! Services that the drill starts, supervises and ends itself.

mod host;
mod lease;
pub(in crate::world) mod protocol;
mod shim;
pub(in crate::world) mod supervisor;
pub(in crate::world) mod tree;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::DriverError;
use crate::model::{Name, Offset, ProcessId};

pub use host::HostServices;
pub use shim::service_shim;

/// A service ready to be started: every reference resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceLaunch {
    /// Its name in the scenario.
    pub name: Name,
    /// Program and arguments; no shell. The word `simulacro` as program means this very binary.
    pub command: Vec<String>,
    /// Environment added to the runner's.
    pub env: Vec<(String, String)>,
    /// Directory it runs in.
    pub dir: PathBuf,
    /// Time between its end and its next start; none: it is not restarted.
    pub restart_after: Option<Duration>,
    /// File that receives its standard output and error.
    pub log: PathBuf,
}

/// What became of a service, told by its supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceNotice {
    /// The service.
    pub service: Name,
    /// When it happened.
    pub at: Offset,
    /// What happened.
    pub change: ServiceChange,
}

/// A change in a service's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceChange {
    /// It was started as this process.
    Started(ProcessId),
    /// That process ended: exit code, or the number of the signal.
    Exited {
        /// The process that ended.
        process: ProcessId,
        /// Exit code, when it exited.
        code: Option<i32>,
        /// Signal number, when one ended it.
        signal: Option<i32>,
    },
    /// It could not be started.
    Failed(String),
    /// Its supervisor is gone, and the service with it.
    Lost(String),
}

/// Services that belong to the drill. Each runs below a supervisor that ends the whole tree when the runner is gone.
#[async_trait]
pub trait Services: Send + Sync {
    /// Starts a service and its supervisor; its life is told through `notices`.
    async fn start(&self, launch: ServiceLaunch, notices: mpsc::Sender<ServiceNotice>) -> Result<(), DriverError>;
    /// The process that runs for a service now; none between an end and the next start.
    fn current(&self, service: &Name) -> Option<ProcessId>;
    /// Ends every service with its whole tree, gently first, and waits until all are gone.
    async fn stop_all(&self, grace: Duration);
}
