//! What the faults of networks share: from a target to network namespaces, from one effect to undo records.

use super::FaultContext;
use crate::model::{Name, NetworkSpace};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::{Flow, Peer};
use crate::scenario::target::Target;
use crate::world::network::NetworkEffect;
use crate::world::{DriverError, World};

/// The networks that a target means right now, each once, within the guard's limit.
async fn spaces(world: &World, context: FaultContext<'_>, target: &Name) -> Result<Vec<NetworkSpace>, DriverError> {
    let FaultContext { name, scenario, .. } = context;
    let mut found: Vec<NetworkSpace> = Vec::new();
    let means = match scenario.targets.get(target) {
        None => return Err(DriverError::NotFound(format!("fault {name}: `targets:` has nothing called {target}"))),
        Some(Target::Process(selector)) => {
            let processes = world.processes.resolve(selector).await?;
            for process in &processes {
                found.push(world.networks.space(*process).await?);
            }
            processes.len()
        }
        Some(Target::Container(selector)) => {
            let containers = world.containers.resolve(selector).await?;
            for container in &containers {
                let process = world.containers.init(container).await?;
                let space = world.networks.space(process).await?;
                found.push(NetworkSpace { container: Some(container.clone()), ..space });
            }
            containers.len()
        }
        Some(Target::Host(host)) => {
            if !host.consent {
                return Err(DriverError::Refused(format!(
                    "fault {name}: target {target} is this whole machine: consent with `targets.{target}.host.consent: \
                     true`, or aim at a container or a process in a network namespace of its own"
                )));
            }
            found.push(world.networks.own().await?);
            1
        }
        Some(other) => {
            return Err(DriverError::Refused(format!(
                "fault {name}: target {target} is a {}, which has no network of its own here: aim at its container",
                other.sort()
            )));
        }
    };
    let limit = scenario.guard.max_targets;
    if means > limit as usize {
        return Err(DriverError::Refused(format!(
            "fault {name}: target {target} means {means} things and `guard.max_targets` is {limit}: narrow the \
             selector, or raise the limit"
        )));
    }
    found.sort_by_key(|space| space.inode);
    found.dedup_by_key(|space| space.inode);
    Ok(found)
}

/// The undo: what stands with this run's and this fault's tag in each network of the target.
pub(super) async fn prepare(
    world: &World,
    context: FaultContext<'_>,
    target: &Name,
    effect: &NetworkEffect,
) -> Result<Vec<Undo>, DriverError> {
    let FaultContext { run, name, scenario, .. } = context;
    let tag: String = format!("simulacro_{run}_{name}")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .collect();
    let host = matches!(scenario.targets.get(target), Some(Target::Host(_)));
    let mut undo = Vec::new();
    for space in spaces(world, context, target).await? {
        if space.own && !host {
            return Err(DriverError::Refused(format!(
                "fault {name}: target {target} has no network of its own, it shares this machine's: give it a network \
                 namespace, or aim at a target of the sort `host` and consent"
            )));
        }
        let prepared = world.networks.prepare(&space, &tag, effect, scenario.guard.max_hold).await?;
        undo.extend(prepared.into_iter().map(Undo::Network));
    }
    Ok(undo)
}

/// The undo of an effect on a flow, with the addresses of another target, which only a look at the world tells.
/// Without any limit a whole machine would be cut off from whoever watches the drill.
pub(super) async fn prepare_flow(
    world: &World,
    context: FaultContext<'_>,
    target: &Name,
    peer: Option<&Name>,
    effect: &NetworkEffect,
) -> Result<Vec<Undo>, DriverError> {
    let mut peers = Vec::new();
    if let Some(peer) = peer {
        for space in spaces(world, context, peer).await? {
            peers.extend(world.networks.addresses(&space).await?);
        }
    }
    let everything = peers.is_empty() && flow(effect).is_some_and(Flow::is_everything);
    if everything && matches!(context.scenario.targets.get(target), Some(Target::Host(_))) {
        return Err(DriverError::Refused(format!(
            "fault {}: everything to and from this machine would be hit, the way you reach it included: name `peers`, \
             `peer` or `ports`",
            context.name
        )));
    }
    let mut undo = prepare(world, context, target, effect).await?;
    for record in &mut undo {
        if let Undo::Network(record) = record {
            record.peers.clone_from(&peers);
        }
    }
    Ok(undo)
}

fn flow(effect: &NetworkEffect) -> Option<&Flow> {
    match effect {
        NetworkEffect::Cut { flow, .. } | NetworkEffect::Loss { flow, .. } => Some(flow),
        _ => None,
    }
}

/// The flow of a fault together with the peers that were found when it was prepared.
pub(super) fn whole(mut flow: Flow, undo: &[Undo]) -> Flow {
    let found = undo.iter().find_map(|record| match record {
        Undo::Network(record) => Some(&record.peers),
        _ => None,
    });
    flow.peers.extend(found.into_iter().flatten().copied().map(Peer::from));
    flow
}

/// Makes the effect in every network that the undo records name.
pub(super) async fn inject(
    world: &World,
    undo: &[Undo],
    effect: &NetworkEffect,
    licence: Licence<'_>,
) -> Result<(), DriverError> {
    let mut result = Ok(());
    for record in undo {
        if let Undo::Network(record) = record {
            // One that cannot be reached does not spare the others, and is an error all the same.
            let done = world.networks.inject(record, effect, licence).await;
            result = result.and(done);
        }
    }
    result
}
