//! What the faults on processes share: from a target to processes, from undo records to signals.

use super::FaultContext;
use crate::model::{Name, ProcessId, Signal};
use crate::safety::{Licence, ProcessUndo, Undo};
use crate::scenario::target::{ProcessSelector, Target};
use crate::world::{DriverError, World};

/// The processes a target means right now, within the guard's limit.
///
/// # Errors
/// When the target is not in the scenario, means nothing, or means more than `guard.max_targets`.
pub async fn targeted<'a>(
    world: &World,
    context: FaultContext<'a>,
    target: &Name,
) -> Result<(&'a ProcessSelector, Vec<ProcessId>), DriverError> {
    let FaultContext { name, scenario, .. } = context;
    let Some(Target::Process(selector)) = scenario.targets.get(target) else {
        return Err(DriverError::NotFound(format!("fault {name}: `targets:` has no process called {target}")));
    };
    let found = world.processes.resolve(selector).await?;
    let limit = scenario.guard.max_targets;
    if found.len() > limit as usize {
        let pids: Vec<String> = found.iter().map(|process| process.pid.to_string()).collect();
        return Err(DriverError::Refused(format!(
            "fault {name}: target {target} means {} processes ({}) and `guard.max_targets` is {limit}: narrow the \
             selector, or raise the limit",
            found.len(),
            pids.join(", ")
        )));
    }
    Ok((selector, found))
}

/// Signals every process that the undo records name. One that cannot be reached does not spare the others, and is an
/// error all the same: the fault did not do what it says.
pub async fn signal_all(world: &World, undo: &[Undo], signal: Signal, licence: Licence<'_>) -> Result<(), DriverError> {
    let mut result = Ok(());
    for record in undo {
        if let Undo::Process(
            ProcessUndo::Continue { process }
            | ProcessUndo::Killed { process, .. }
            | ProcessUndo::Signalled { process, .. },
        ) = record
        {
            let sent = world.processes.signal(*process, signal, licence).await;
            result = result.and(sent);
        }
    }
    result
}
