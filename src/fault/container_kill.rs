//! `container-kill`: a crash that the restart policy heals, or a kill by the engine that nothing heals but the undo.

use std::time::Duration;

use super::containers::{CALL, act_on_all, asking_the_peer, must_outlive_its_end, targeted, undo};
use super::{Fault, FaultContext};
use crate::safety::{ContainerEffect, Licence, Undo};
use crate::scenario::fault::{ContainerKill, KillMode};
use crate::world::docker::ContainerAct;
use crate::world::{DriverError, World};

/// A signal is delivered within the system call that sends it.
const SIGNAL: Duration = Duration::from_millis(200);

impl Fault for ContainerKill {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let mut undos = Vec::new();
        for (container, view) in targeted(world, context, &self.target).await? {
            must_outlive_its_end(context, &container, &view)?;
            let started = view.started.clone();
            let (effect, flight) = match self.mode {
                KillMode::Api => (ContainerEffect::Down { started }, CALL),
                KillMode::Crash => {
                    let process = Some(world.containers.init(&container).await.map_err(|e| no_crash(context, &e))?);
                    let policy = view.policy.clone();
                    let patience = self.heal_within;
                    let effect = ContainerEffect::Ended {
                        started,
                        process,
                        policy,
                        patience,
                        oom_score_adj: None,
                        worker: None,
                    };
                    (effect, SIGNAL)
                }
            };
            undos.push(undo(container, &view, flight, effect));
        }
        Ok(asking_the_peer(context, &self.target, undos))
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        let act = match self.mode {
            KillMode::Api => ContainerAct::Kill,
            KillMode::Crash => ContainerAct::Crash,
        };
        act_on_all(world, undo, act, licence).await
    }
}

fn no_crash(context: FaultContext<'_>, why: &DriverError) -> DriverError {
    DriverError::Refused(format!(
        "fault {}: {why}. `mode: api` needs no sight of its processes, but suppresses restart policies",
        context.name
    ))
}
