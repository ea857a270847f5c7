//! `cpu-stress`: keeps processors of this machine busy.

use super::{Fault, FaultContext, machine};
use crate::model::Stress;
use crate::safety::{Licence, Undo};
use crate::scenario::fault::CpuStress;
use crate::world::{DriverError, World};

impl Fault for CpuStress {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let stress = Stress::Cpu { threads: self.threads.unwrap_or(0), load: self.load };
        machine::worker(world, context, stress).await
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        machine::inject(world, undo, licence).await
    }
}
