//! `container-oom`: a worker inside the container's control group takes memory until the kernel must end somebody, and
//! the container's first process is the one it takes.

use std::time::Duration;

use super::container_limit::{memory, restoring};
use super::containers::{CALL, act_on, asking_the_peer, must_outlive_its_end, targeted, undo, worker_inside};
use super::{Fault, FaultContext};
use crate::model::{Size, Stress};
use crate::safety::{ContainerEffect, ContainerUndo, Licence, Undo};
use crate::scenario::fault::{ContainerOom, LEAST_OOM};
use crate::world::docker::{ContainerAct, ContainerView};
use crate::world::{DriverError, World};

/// A worker whose starter vanished ends within a look at its lease; what it took by then may still cost somebody.
const LEASE: Duration = Duration::from_millis(500);

impl Fault for ContainerOom {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let mut undos = Vec::new();
        for (container, view) in targeted(world, context, &self.target).await? {
            must_outlive_its_end(context, &container, &view)?;
            let process = world.containers.init(&container).await?;
            let size = match self.memory {
                Some(size) => {
                    let during = memory(Some(size), None);
                    let before = restoring(&view.limits).touched_by(&during);
                    let effect = ContainerEffect::Limited { before, during };
                    undos.push(undo(container.clone(), &view, CALL, effect));
                    size
                }
                None => own_limit(&view).ok_or_else(|| {
                    DriverError::Refused(format!(
                        "fault {}: {container} has no limit of memory, so only the whole machine could run out of it: \
                         give it one (`mem_limit`), or one for the time of the fault by `memory:`",
                        context.name
                    ))
                })?,
            };
            if size < LEAST_OOM {
                return Err(DriverError::Refused(format!(
                    "fault {}: {container} is limited to {size} of memory, and the worker that is to fill it needs \
                     {LEAST_OOM}: give it that much for the time of the fault by `memory: {LEAST_OOM}`",
                    context.name
                )));
            }
            let stress = Stress::Memory { size, floor: None, first_to_die: false };
            let worker = worker_inside(world, context, &container, stress).await?;
            let effect = ContainerEffect::Ended {
                started: view.started.clone(),
                process: Some(process),
                policy: view.policy.clone(),
                patience: self.heal_within,
                oom_score_adj: Some(world.containers.oom_score_adj(&container, process).await?),
                worker: Some(Box::new(worker)),
            };
            undos.push(undo(container, &view, LEASE, effect));
        }
        Ok(asking_the_peer(context, &self.target, undos))
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        for record in undo {
            let Undo::Container(record) = record else { continue };
            match record {
                ContainerUndo { effect: ContainerEffect::Limited { .. }, .. } => {
                    act_on(world, record, ContainerAct::Limit, licence).await?;
                }
                ContainerUndo { effect: ContainerEffect::Ended { worker: Some(worker), .. }, .. } => {
                    act_on(world, record, ContainerAct::OfferToOom, licence).await?;
                    world.machine.inject(worker, licence).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// All the memory that it may use, with swap.
fn own_limit(view: &ContainerView) -> Option<Size> {
    let set = |value: Option<i64>| value.filter(|value| *value > 0 && *value < 1 << 60);
    let memory = set(view.limits.memory)?;
    // Where swap is without a limit, as much of it as of memory is what engines give when nothing is said.
    let whole = set(view.limits.memory_swap).unwrap_or(memory.saturating_mul(2)).max(memory);
    Some(Size(whole.cast_unsigned()))
}
