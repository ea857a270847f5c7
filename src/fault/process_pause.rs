//! `process-pause`: stops a process; undo continues it.

use super::processes::{signal_all, targeted};
use super::{Fault, FaultContext};
use crate::model::Signal;
use crate::safety::{Licence, ProcessUndo, Undo};
use crate::scenario::fault::ProcessPause;
use crate::world::process::ProcessState;
use crate::world::{DriverError, World};

impl Fault for ProcessPause {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let (_, processes) = targeted(world, context, &self.target).await?;
        for process in &processes {
            // Undo would continue what somebody else stopped on purpose.
            if world.processes.state(*process).await? == ProcessState::Stopped {
                return Err(DriverError::Refused(format!(
                    "fault {}: {process} is stopped already, and not by this drill: continue it (kill -CONT {}) or \
                     aim elsewhere",
                    context.name, process.pid
                )));
            }
        }
        Ok(processes.into_iter().map(|process| Undo::Process(ProcessUndo::Continue { process })).collect())
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        signal_all(world, undo, Signal::STOP, licence).await
    }
}
