//! `file-corrupt`: harms a file; undo puts the harmed bytes back.

use super::{Fault, FaultContext, machine};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::FileCorrupt;
use crate::world::machine::FileOrder;
use crate::world::{DriverError, World};

impl Fault for FileCorrupt {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let FaultContext { run, name, dir, seed, .. } = context;
        let Some(damage) = self.damage() else {
            return Err(DriverError::Refused(format!(
                "fault {name}: give exactly one of `flip_bits`, `overwrite` and `truncate`"
            )));
        };
        // Two faults of one run must not choose the same places.
        let salt = name.as_str().bytes().fold(seed, |n, byte| n.rotate_left(9) ^ u64::from(byte));
        let (run, fault, path) = (run.clone(), name.clone(), dir.join(&self.file));
        let undo = world.machine.plan_file(FileOrder { run, fault, path, damage, seed: salt }).await?;
        Ok(vec![Undo::Machine(undo)])
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        machine::inject(world, undo, licence).await
    }
}
