//! `disk-fill`: takes space on a disk of this machine.

use super::{Fault, FaultContext, machine};
use crate::model::Stress;
use crate::safety::{Licence, Undo};
use crate::scenario::fault::DiskFill;
use crate::world::{DriverError, World};

impl Fault for DiskFill {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let stress = Stress::Disk { directory: self.directory.clone().into(), fill: self.fill(), floor: self.floor };
        machine::worker(world, context, stress).await
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        machine::inject(world, undo, licence).await
    }
}
