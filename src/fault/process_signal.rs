//! `process-signal`: sends a process a signal that it handles.

use super::processes::{signal_all, targeted};
use super::{Fault, FaultContext};
use crate::safety::{Licence, ProcessUndo, Undo};
use crate::scenario::fault::{Kind, ProcessSignal};
use crate::scenario::target::ProcessSelector;
use crate::world::process::Reception;
use crate::world::{DriverError, World};

/// Signals that do nothing unless a process handles them (signal(7)): SIGCHLD, SIGURG, SIGWINCH.
const NOTHING_BY_DEFAULT: [i32; 3] = [17, 23, 28];

impl Fault for ProcessSignal {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let FaultContext { name, scenario, .. } = context;
        let signal = self.signal;
        let refused = |why: String| Err(DriverError::Refused(format!("fault {name}: {why}")));
        if let Some(problem) = self.problems().into_iter().next() {
            return refused(format!("{}: {}", problem.message, problem.hint));
        }
        let (selector, processes) = targeted(world, context, &self.target).await?;
        let (service, restarted) = match selector {
            ProcessSelector::Service(service) => (Some(service.clone()), true),
            ProcessSelector::Foreign(foreign) => (None, foreign.restarted_by.is_some()),
        };
        for process in &processes {
            let reception = world.processes.reception(*process, signal).await?;
            let nothing = NOTHING_BY_DEFAULT.contains(&signal.number());
            let ends = match reception {
                Reception::Ignored => return refused(format!("{process} ignores {signal}: nothing would happen")),
                Reception::Default if nothing => {
                    return refused(format!("{process} has no handler for {signal}: nothing would happen"));
                }
                Reception::Default => true,
                Reception::Caught => self.ends_as_a_rule(),
            };
            if ends && !restarted && !scenario.guard.allow_irreversible {
                return refused(format!(
                    "{signal} ends {process}, which the drill did not start and cannot restart: say what does with \
                     `restarted_by`, or consent with `guard: {{ allow_irreversible: true }}`"
                ));
            }
        }
        let undo = |process| Undo::Process(ProcessUndo::Signalled { process, signal, service: service.clone() });
        Ok(processes.into_iter().map(undo).collect())
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        signal_all(world, undo, self.signal, licence).await
    }
}
