//! What the faults on containers share: from a target to containers that can be hurt, from undo records to acts.

use std::time::Duration;

use super::FaultContext;
use super::databases::failover_of;
use crate::model::{ContainerId, HumanDuration, Name, Stress, StressJob};
use crate::safety::{ContainerEffect, ContainerUndo, Licence, MachineUndo, Undo};
use crate::scenario::target::Target;
use crate::world::docker::{ContainerAct, ContainerView, Life};
use crate::world::{DriverError, World};

/// How long a call to an engine can still take effect after its caller vanished.
pub(super) const CALL: Duration = Duration::from_secs(5);

/// The containers a target means right now, each with a look at it: running, not paused, within the guard's limit.
///
/// # Errors
/// When the target means nothing, more than `guard.max_targets`, or something that cannot be hurt and healed.
pub(super) async fn targeted(
    world: &World,
    context: FaultContext<'_>,
    target: &Name,
) -> Result<Vec<(ContainerId, ContainerView)>, DriverError> {
    let FaultContext { name, scenario, .. } = context;
    let Some(Target::Container(selector)) = scenario.targets.get(target) else {
        return Err(DriverError::NotFound(format!("fault {name}: `targets:` has no container called {target}")));
    };
    let found = world.containers.resolve(selector).await?;
    let limit = scenario.guard.max_targets;
    if found.len() > limit as usize {
        let names: Vec<&str> = found.iter().map(|container| container.name.as_str()).collect();
        return Err(DriverError::Refused(format!(
            "fault {name}: target {target} means {} containers ({}) and `guard.max_targets` is {limit}: say which by \
             `name` or `compose_project`, or raise the limit",
            found.len(),
            names.join(", ")
        )));
    }
    let mut viewed = Vec::new();
    for container in found {
        let view = world.containers.view(&container).await?;
        let how = match view.life {
            Life::Running => None,
            Life::Paused => Some(("paused already, and not by this drill", "unpause")),
            Life::Restarting => Some(("being restarted by its policy: it is not well before the fault", "logs")),
            Life::Down => Some(("not running", "start")),
        };
        if let Some((how, remedy)) = how {
            return Err(DriverError::Refused(format!(
                "fault {name}: {container} is {how}: `docker {remedy} {}`, or aim elsewhere",
                container.name
            )));
        }
        viewed.push((container, view));
    }
    Ok(viewed)
}

/// An engine removes a container with `--rm` as soon as it ends: nothing could start it again.
pub(super) fn must_outlive_its_end(
    context: FaultContext<'_>,
    container: &ContainerId,
    view: &ContainerView,
) -> Result<(), DriverError> {
    if !view.auto_remove {
        return Ok(());
    }
    Err(DriverError::Refused(format!(
        "fault {}: {container} was started with `--rm`: the engine would remove it with all it holds as soon as it \
         ends, and nothing could start it again; start it without `--rm`",
        context.name
    )))
}

/// The record of one container.
pub(super) fn undo(container: ContainerId, view: &ContainerView, flight: Duration, effect: ContainerEffect) -> Undo {
    let engine_id = view.engine_id.clone();
    Undo::Container(ContainerUndo { container, engine_id, flight: HumanDuration(flight), effect, failover: None })
}

/// The records, with whoever may take over from what they would start again.
pub(super) fn asking_the_peer(context: FaultContext<'_>, target: &Name, mut undos: Vec<Undo>) -> Vec<Undo> {
    let failover = failover_of(context.scenario, target);
    for undo in &mut undos {
        if let Undo::Container(undo) = undo
            && undo.ended().is_some()
        {
            undo.failover.clone_from(&failover);
        }
    }
    undos
}

/// Acts on the container of one record.
pub(super) async fn act_on(
    world: &World,
    undo: &ContainerUndo,
    act: ContainerAct,
    licence: Licence<'_>,
) -> Result<(), DriverError> {
    world.containers.harm(undo, act, licence).await
}

/// Plans a stress worker inside a container. It ends by itself: with the runner, with the container's first process,
/// and when no fault may be held any longer.
pub(super) async fn worker_inside(
    world: &World,
    context: FaultContext<'_>,
    container: &ContainerId,
    stress: Stress,
) -> Result<MachineUndo, DriverError> {
    let FaultContext { run, name, scenario, .. } = context;
    let inside = Some(world.containers.init(container).await?);
    let sort = match stress {
        Stress::Cpu { .. } => "cpu",
        Stress::Memory { .. } => "memory",
        Stress::Io { .. } => "io",
        Stress::Disk { .. } => "disk",
    };
    let job = StressJob { stress, at_most: scenario.guard.max_hold, inside };
    let id: String = container.id.chars().take(12).collect();
    world.machine.plan_worker(format!("{run}/{name}/{id}/{sort}"), job).await
}

/// Starts the workers that the records name.
pub(super) async fn act_inside(world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
    for record in undo {
        if let Undo::Machine(worker) = record {
            world.machine.inject(worker, licence).await?;
        }
    }
    Ok(())
}

/// Acts on every container that the undo records name. One that cannot be reached does not spare the others, and is an
/// error all the same: the fault did not do what it says.
pub(super) async fn act_on_all(
    world: &World,
    undo: &[Undo],
    act: ContainerAct,
    licence: Licence<'_>,
) -> Result<(), DriverError> {
    let acts = undo.iter().filter_map(|record| match record {
        Undo::Container(undo) => Some(world.containers.harm(undo, act, licence)),
        _ => None,
    });
    // At once: a stop may take its whole grace, and several of them are meant to be one fault.
    let done = futures_util::future::join_all(acts).await;
    done.into_iter().fold(Ok(()), Result::and)
}

/// Whole seconds, as engines count them; a part of one counts as one.
pub(super) fn seconds(duration: HumanDuration) -> u32 {
    let whole = duration.get().as_secs() + u64::from(duration.get().subsec_nanos() > 0);
    u32::try_from(whole).unwrap_or(u32::MAX)
}
