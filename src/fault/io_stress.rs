//! `io-stress`: keeps a disk of this machine busy.

use super::{Fault, FaultContext, machine};
use crate::model::Stress;
use crate::safety::{Licence, Undo};
use crate::scenario::fault::IoStress;
use crate::world::{DriverError, World};

impl Fault for IoStress {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let stress = Stress::Io {
            directory: self.directory.clone().into(),
            rate: self.rate,
            threads: self.threads,
            file: self.file_size,
        };
        machine::worker(world, context, stress).await
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        machine::inject(world, undo, licence).await
    }
}
