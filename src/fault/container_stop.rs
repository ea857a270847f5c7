//! `container-stop`: stops a container; undo starts it.

use super::containers::{CALL, act_on_all, asking_the_peer, must_outlive_its_end, seconds, targeted, undo};
use super::{Fault, FaultContext};
use crate::safety::{ContainerEffect, Licence, Undo};
use crate::scenario::fault::ContainerStop;
use crate::world::docker::ContainerAct;
use crate::world::{DriverError, World};

impl Fault for ContainerStop {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let mut undos = Vec::new();
        for (container, view) in targeted(world, context, &self.target).await? {
            must_outlive_its_end(context, &container, &view)?;
            let effect = ContainerEffect::Down { started: view.started.clone() };
            // The engine goes on with a stop that nobody waits for any more.
            undos.push(undo(container, &view, self.grace.get() + CALL, effect));
        }
        Ok(asking_the_peer(context, &self.target, undos))
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        act_on_all(world, undo, ContainerAct::Stop { grace: seconds(self.grace) }, licence).await
    }
}
