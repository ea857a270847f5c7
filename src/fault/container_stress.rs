//! `container-stress`: uses up processors or memory of a container; undo ends the worker that does it.

use super::containers::{act_inside, targeted, worker_inside};
use super::{Fault, FaultContext};
use crate::model::Stress;
use crate::safety::{Licence, Undo};
use crate::scenario::fault::ContainerStress;
use crate::world::{DriverError, World};

impl Fault for ContainerStress {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let cpu = self.threads.map(|threads| Stress::Cpu { threads, load: self.load });
        let memory = self.memory.map(|size| Stress::Memory { size, floor: None, first_to_die: true });
        let mut undos = Vec::new();
        for (container, _) in targeted(world, context, &self.target).await? {
            for stress in cpu.iter().chain(&memory) {
                let worker = worker_inside(world, context, &container, stress.clone()).await?;
                undos.push(Undo::Machine(worker));
            }
        }
        Ok(undos)
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        act_inside(world, undo, licence).await
    }
}
