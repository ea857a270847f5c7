//! Load workers: child processes that drive load and report windows.

mod host;

pub use host::HostWorkers;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::DriverError;
use crate::timeline::load_line::{Assignment, WorkerOrder, WorkerReport};

/// Starts load workers.
#[async_trait]
pub trait Workers: Send + Sync {
    /// Starts one worker for one stream; what it reports arrives through `reports`.
    async fn start(
        &self,
        assignment: Assignment,
        reports: mpsc::Sender<WorkerReport>,
    ) -> Result<Box<dyn WorkerHandle>, DriverError>;
}

/// A running load worker. Dropping it closes its lease: it stops within 100 ms.
#[async_trait]
pub trait WorkerHandle: Send + Sync {
    /// Gives it an order. One that is gone already has nothing to obey, which is no error.
    ///
    /// # Errors
    /// When it does not take the order within a short limit.
    async fn order(&mut self, order: WorkerOrder) -> Result<(), DriverError>;

    /// Asks it to stop and to report what is left, waits for its end, kills it after a limit. Its reports must be taken
    /// meanwhile: a full channel holds its last lines up until the limit.
    async fn stop(&mut self);
}
