//! `process-kill`: sends a signal that ends a process.

use super::processes::{signal_all, targeted};
use super::{Fault, FaultContext};
use crate::safety::{Licence, ProcessUndo, Undo};
use crate::scenario::fault::ProcessKill;
use crate::scenario::target::ProcessSelector;
use crate::world::{DriverError, World};

/// Signals that stop a process, continue it, or are ignored unless it asks for them (signal(7)): none of them ends it,
/// and a stop sent from here would have no undo.
const NOT_ENDING: [i32; 8] = [17, 18, 19, 20, 21, 22, 23, 28];

impl Fault for ProcessKill {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let name = context.name;
        if NOT_ENDING.contains(&self.signal.number()) {
            return Err(DriverError::Refused(format!(
                "fault {name}: {} does not end a process: use SIGKILL or SIGTERM, or `process-pause` to stop one",
                self.signal
            )));
        }
        let (selector, processes) = targeted(world, context, &self.target).await?;
        let service = match selector {
            ProcessSelector::Service(service) => Some(service.clone()),
            ProcessSelector::Foreign(foreign) => {
                if foreign.restarted_by.is_none() && !context.scenario.guard.allow_irreversible {
                    return Err(DriverError::Refused(format!(
                        "fault {name}: the drill did not start target {} and cannot restart it: say what does with \
                         `restarted_by`, or consent with `guard: {{ allow_irreversible: true }}`",
                        self.target
                    )));
                }
                None
            }
        };
        let undo = |process| Undo::Process(ProcessUndo::Killed { process, service: service.clone() });
        Ok(processes.into_iter().map(undo).collect())
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        signal_all(world, undo, self.signal, licence).await
    }
}
