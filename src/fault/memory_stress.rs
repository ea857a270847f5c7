//! `memory-stress`: takes memory of this machine and holds it.

use super::{Fault, FaultContext, machine};
use crate::model::Stress;
use crate::safety::{Licence, Undo};
use crate::scenario::fault::MemoryStress;
use crate::world::{DriverError, World};

impl Fault for MemoryStress {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let stress = Stress::Memory { size: self.size, floor: self.leave, first_to_die: true };
        machine::worker(world, context, stress).await
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        machine::inject(world, undo, licence).await
    }
}
