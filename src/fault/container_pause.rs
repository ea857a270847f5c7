//! `container-pause`: freezes a container; undo unpauses it.

use super::containers::{CALL, act_on_all, targeted, undo};
use super::{Fault, FaultContext};
use crate::safety::{ContainerEffect, Licence, Undo};
use crate::scenario::fault::ContainerPause;
use crate::world::docker::ContainerAct;
use crate::world::{DriverError, World};

impl Fault for ContainerPause {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let targets = targeted(world, context, &self.target).await?;
        let paused =
            |view: &crate::world::docker::ContainerView| ContainerEffect::Paused { started: view.started.clone() };
        Ok(targets.into_iter().map(|(container, view)| undo(container, &view, CALL, paused(&view))).collect())
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        act_on_all(world, undo, ContainerAct::Pause, licence).await
    }
}
