//! The driver of this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::clock::Clocks;
use super::file::Files;
use super::workers::Workers;
use super::{ClockOrder, FileOrder, Machine, limits};
use crate::model::{Name, StressJob};
use crate::safety::{Licence, MachineUndo, Reverted, Standing};
use crate::world::{DriverError, Services};

/// This machine.
pub struct HostMachine {
    workers: Workers,
    files: Files,
    clocks: Clocks,
}

impl HostMachine {
    /// A driver that starts stress workers from `program`, the file of this very binary.
    pub fn new(program: PathBuf, services: Arc<dyn Services>) -> Self {
        HostMachine { workers: Workers::new(program), files: Files::default(), clocks: Clocks::new(services) }
    }
}

#[async_trait]
impl Machine for HostMachine {
    async fn plan_worker(&self, tag: String, job: StressJob) -> Result<MachineUndo, DriverError> {
        let job = limits::settle(job)?;
        Ok(MachineUndo::Worker { tag, job })
    }

    async fn plan_file(&self, order: FileOrder) -> Result<MachineUndo, DriverError> {
        self.files.plan(order).await.map(MachineUndo::File)
    }

    async fn plan_clock(&self, order: ClockOrder) -> Result<MachineUndo, DriverError> {
        self.clocks.plan(&order).await
    }

    async fn inject(&self, undo: &MachineUndo, _licence: Licence<'_>) -> Result<(), DriverError> {
        match undo {
            MachineUndo::Worker { tag, job } => self.workers.start(tag, job).await,
            MachineUndo::Clock { file, before, during, .. } => self.clocks.set(file, before, during),
            MachineUndo::File(undo) => self.files.harm(undo).await,
        }
    }

    async fn revert(&self, undo: &MachineUndo) -> Result<Reverted, DriverError> {
        match undo {
            MachineUndo::Worker { tag, job } => self.workers.end(tag, job).await,
            MachineUndo::Clock { file, before, during, .. } => self.clocks.revert(file, before, during),
            MachineUndo::File(undo) => self.files.restore(undo).await,
        }
    }

    async fn standing(&self, undo: &MachineUndo) -> Result<Standing, DriverError> {
        match undo {
            MachineUndo::Worker { tag, job } => self.workers.standing(tag, &job.stress).await,
            MachineUndo::Clock { service, file, before, during } => self.clocks.standing(service, file, before, during),
            MachineUndo::File(undo) => self.files.standing(undo).await,
        }
    }

    async fn movable_clock(
        &self,
        service: &Name,
        dir: &Path,
        preloaded: Option<&str>,
    ) -> Result<Vec<(String, String)>, DriverError> {
        self.clocks.prepare(service, dir, preloaded)
    }
}
