//! The machine that the drill runs on: its processors, memory and disks, the clocks of the drill's services, its files.
//!
//! Stress is done by worker processes ([`worker`]), so that it ends with them: whoever started it may die at any
//! moment.

mod clock;
mod file;
mod host;
mod limits;
mod space;
mod standing;
mod tag;
mod worker;
mod workers;

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::DriverError;
use crate::model::{Damage, Name, RunId, StressJob};
use crate::safety::{Licence, MachineUndo, Reverted, Standing};

pub use host::HostMachine;
pub use worker::stress_worker;

/// What is to be done to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOrder {
    /// The run, whose state folder keeps the copy.
    pub run: RunId,
    /// The fault, for the copy's name.
    pub fault: Name,
    /// The file, an absolute path.
    pub path: PathBuf,
    /// The damage.
    pub damage: Damage,
    /// Decides where.
    pub seed: u64,
}

/// What is to be done to the clock of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct ClockOrder {
    /// The service.
    pub service: Name,
    /// The run's folder, as [`Machine::movable_clock`] got it.
    pub dir: PathBuf,
    /// How far the clock is moved, in seconds; negative: back.
    pub seconds: f64,
}

/// The machine. The three `plan_` calls read and change nothing; [`Machine::inject`] does exactly what the record says
/// that one of them made.
#[async_trait]
pub trait Machine: Send + Sync {
    /// Plans a stress worker with a tag that no other has; what the job leaves open is settled. Refuses what would take
    /// more of the machine than is there.
    async fn plan_worker(&self, tag: String, job: StressJob) -> Result<MachineUndo, DriverError>;
    /// Plans damage to a file.
    async fn plan_file(&self, order: FileOrder) -> Result<MachineUndo, DriverError>;
    /// Plans to move the clock of a service that runs.
    async fn plan_clock(&self, order: ClockOrder) -> Result<MachineUndo, DriverError>;
    /// Does what the record would take back.
    async fn inject(&self, undo: &MachineUndo, licence: Licence<'_>) -> Result<(), DriverError>;
    /// Takes it back.
    async fn revert(&self, undo: &MachineUndo) -> Result<Reverted, DriverError>;
    /// Whether it stands.
    async fn standing(&self, undo: &MachineUndo) -> Result<Standing, DriverError>;
    /// Makes ready that a service's clock can be moved later: the variables to start it with. `preloaded` is what the
    /// service wants to have in `LD_PRELOAD` itself.
    async fn movable_clock(
        &self,
        service: &Name,
        dir: &Path,
        preloaded: Option<&str>,
    ) -> Result<Vec<(String, String)>, DriverError>;
}
