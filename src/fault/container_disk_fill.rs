//! `container-disk-fill`: takes space on a disk of a container; undo ends the worker that holds it.

use super::containers::{act_inside, targeted, worker_inside};
use super::{Fault, FaultContext};
use crate::model::Stress;
use crate::safety::{Licence, Undo};
use crate::scenario::fault::ContainerDiskFill;
use crate::world::{DriverError, World};

impl Fault for ContainerDiskFill {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let disk = self.disk();
        let mut undos = Vec::new();
        for (container, _) in targeted(world, context, &self.target).await? {
            let stress =
                Stress::Disk { directory: self.directory.clone().into(), fill: disk.fill(), floor: disk.floor };
            undos.push(Undo::Machine(worker_inside(world, context, &container, stress).await?));
        }
        Ok(undos)
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        act_inside(world, undo, licence).await
    }
}
