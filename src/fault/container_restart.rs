//! `container-restart`: the engine stops a container and starts it again; undo makes sure that it did.

use super::containers::{CALL, act_on_all, asking_the_peer, seconds, targeted, undo};
use super::{Fault, FaultContext};
use crate::model::HumanDuration;
use crate::safety::{ContainerEffect, Licence, Undo};
use crate::scenario::fault::ContainerRestart;
use crate::world::docker::ContainerAct;
use crate::world::{DriverError, World};

impl Fault for ContainerRestart {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let mut undos = Vec::new();
        for (container, view) in targeted(world, context, &self.target).await? {
            let effect = ContainerEffect::Ended {
                started: view.started.clone(),
                process: None,
                // The engine itself starts it; it is started by the undo where that did not come to pass.
                policy: None,
                patience: HumanDuration::default(),
                oom_score_adj: None,
                worker: None,
            };
            undos.push(undo(container, &view, self.grace.get() + CALL, effect));
        }
        Ok(asking_the_peer(context, &self.target, undos))
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        act_on_all(world, undo, ContainerAct::Restart { grace: seconds(self.grace) }, licence).await
    }
}
