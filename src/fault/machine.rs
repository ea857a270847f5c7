//! What the faults on this machine share.

use super::FaultContext;
use crate::model::{Stress, StressJob};
use crate::safety::{Licence, Undo};
use crate::world::{DriverError, World};

/// Plans one stress worker, which ends by itself when no fault may be held any longer.
pub async fn worker(world: &World, context: FaultContext<'_>, stress: Stress) -> Result<Vec<Undo>, DriverError> {
    let FaultContext { run, name, scenario, .. } = context;
    let job = StressJob { stress, at_most: scenario.guard.max_hold, inside: None };
    // The run's id makes it unique among runs, the fault's name within the run: one fault begins once.
    let undo = world.machine.plan_worker(format!("{run}/{name}"), job).await?;
    Ok(vec![Undo::Machine(undo)])
}

/// Does what the records of this family would take back.
pub async fn inject(world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
    for record in undo {
        if let Undo::Machine(undo) = record {
            world.machine.inject(undo, licence).await?;
        }
    }
    Ok(())
}
