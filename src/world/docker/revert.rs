//! Taking back what was done to a container, and looking whether it stands.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::act;
use super::engine::Engine;
use super::host::inspect;
use super::network;
use super::view::{ContainerView, Life, view};
use crate::model::{ContainerId, ContainerLimits, HumanDuration, ProcessId};
use crate::safety::{ContainerEffect, ContainerUndo, Reverted, Standing, is_alive};
use crate::world::DriverError;

/// Time between two looks at a container that is on its way.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Longest wait until what the engine was told shows.
const SHOWS_WITHIN: Duration = Duration::from_secs(3);

/// Takes the effect back.
pub(super) async fn revert(engine: &Engine, undo: &ContainerUndo) -> Result<Reverted, DriverError> {
    let container = &undo.container;
    let Some(now) = look(engine, undo).await? else { return Ok(Reverted::TargetGone) };
    match &undo.effect {
        ContainerEffect::Paused { .. } => {
            if now.life != Life::Paused {
                return Ok(Reverted::AlreadyBack);
            }
            settled(engine, undo, act::unpause(engine, container).await, |life| life != Life::Paused).await
        }
        ContainerEffect::Down { .. } => match now.life {
            Life::Running | Life::Paused => Ok(Reverted::AlreadyBack),
            Life::Restarting | Life::Down => bring_up(engine, undo, SHOWS_WITHIN).await,
        },
        ContainerEffect::Ended { started, process, policy, patience, oom_score_adj, .. } => {
            if let (Some(process), Some(worth)) = (process, oom_score_adj) {
                act::set_oom_score_adj(container, *process, *worth)?;
            }
            ended(engine, undo, &Incarnation { started, process: *process }, policy.is_some(), *patience).await
        }
        ContainerEffect::Disconnected { endpoint, keep_address } => {
            network::reconnect(engine, container, endpoint, *keep_address, &now).await
        }
        ContainerEffect::Limited { before, during } => {
            let back = before.touched_by(&in_force(&now.limits, during));
            if back == ContainerLimits::default() {
                return Ok(Reverted::AlreadyBack);
            }
            act::limit(engine, container, &whole(&back, before)).await?;
            Ok(Reverted::Restored)
        }
    }
}

/// Looks whether the effect stands.
pub(super) async fn standing(engine: &Engine, undo: &ContainerUndo) -> Result<Standing, DriverError> {
    const HERE: Standing = Standing::InForce { touched: 1 };
    let Some(now) = look(engine, undo).await? else {
        // What was done ended with the container; that one incarnation ended is still true.
        return Ok(if matches!(undo.effect, ContainerEffect::Ended { .. }) { HERE } else { Standing::Gone });
    };
    let there = match &undo.effect {
        ContainerEffect::Paused { .. } => now.life == Life::Paused,
        ContainerEffect::Down { .. } => matches!(now.life, Life::Down | Life::Restarting),
        ContainerEffect::Ended { started, process, .. } => !Incarnation { started, process: *process }.lives(&now),
        ContainerEffect::Disconnected { endpoint, .. } => !now.networks.iter().any(|n| network::same(n, endpoint)),
        ContainerEffect::Limited { during, .. } => {
            let (asked, there) = (count(during), count(&in_force(&now.limits, during)));
            return Ok(match there {
                0 => Standing::Gone,
                n if n == asked => Standing::InForce { touched: n },
                // Somebody else changed some of them meanwhile.
                _ => Standing::Foreign,
            });
        }
    };
    Ok(if there { HERE } else { Standing::Gone })
}

/// One look. None: the container does not exist any more, and this is the engine it belonged to.
async fn look(engine: &Engine, undo: &ContainerUndo) -> Result<Option<ContainerView>, DriverError> {
    match inspect(engine, &undo.container).await {
        Ok(told) => Ok(Some(view(&told))),
        Err(DriverError::NotFound(_)) => {
            let here = engine.id().await?;
            if here != undo.engine_id && !undo.engine_id.is_empty() {
                return Err(DriverError::Identity(format!(
                    "another engine answers at {} than the one that {} belongs to: point it at the right one, or undo \
                     by hand",
                    engine.address, undo.container
                )));
            }
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

/// One life of a container, from a start to an end.
struct Incarnation<'a> {
    started: &'a str,
    process: Option<ProcessId>,
}

impl Incarnation<'_> {
    /// Whether it still lives. The engine may not have noticed the end of its first process yet.
    fn lives(&self, now: &ContainerView) -> bool {
        let same = now.started == self.started && matches!(now.life, Life::Running | Life::Paused);
        same && self.process.is_none_or(is_alive)
    }
}

/// Waits for whatever starts the container again, and starts it when nothing does.
async fn ended(
    engine: &Engine,
    undo: &ContainerUndo,
    hurt: &Incarnation<'_>,
    heals: bool,
    patience: HumanDuration,
) -> Result<Reverted, DriverError> {
    let limit = Instant::now() + if heals { patience.get() } else { SHOWS_WITHIN };
    let mut first = true;
    loop {
        let Some(now) = look(engine, undo).await? else { return Ok(Reverted::TargetGone) };
        match now.life {
            _ if hurt.lives(&now) && first => return Ok(Reverted::AlreadyBack),
            Life::Running | Life::Paused if now.started != hurt.started => return Ok(Reverted::Restored),
            // Down for good: no policy, or one that has given up.
            Life::Down if !heals || !first => return bring_up(engine, undo, SHOWS_WITHIN).await,
            Life::Restarting if Instant::now() >= limit => return bring_up(engine, undo, Duration::ZERO).await,
            _ if Instant::now() >= limit => {
                return Err(DriverError::Failed(format!(
                    "the first process of {} has ended and its engine has not noticed",
                    undo.container
                )));
            }
            _ => {}
        }
        first = false;
        sleep(LOOK_AGAIN).await;
    }
}

/// Starts a container and sees it run. `wait`: how long one that is about to be restarted by its policy is waited for,
/// before it is restarted by order.
async fn bring_up(engine: &Engine, undo: &ContainerUndo, wait: Duration) -> Result<Reverted, DriverError> {
    let container = &undo.container;
    let limit = Instant::now() + wait;
    loop {
        match look(engine, undo).await? {
            None => return Ok(Reverted::TargetGone),
            Some(now) if matches!(now.life, Life::Running | Life::Paused) => return Ok(Reverted::Restored),
            Some(now) if now.life == Life::Down => break,
            Some(_) if Instant::now() < limit => sleep(LOOK_AGAIN).await,
            // A start is no news to the engine while it means to restart it; a restart cuts its pause short.
            Some(_) => {
                let ordered = act::restart(engine, container, 0).await;
                return settled(engine, undo, ordered, |life| matches!(life, Life::Running | Life::Paused)).await;
            }
        }
    }
    settled(engine, undo, act::start(engine, container).await, |life| matches!(life, Life::Running | Life::Paused))
        .await
}

/// Sees that what the engine was told shows. Its answer alone is not proof, and an error of it not either: somebody
/// else may have done the same a moment before.
async fn settled(
    engine: &Engine,
    undo: &ContainerUndo,
    told: Result<(), DriverError>,
    shows: impl Fn(Life) -> bool,
) -> Result<Reverted, DriverError> {
    let limit = Instant::now() + SHOWS_WITHIN;
    loop {
        match look(engine, undo).await? {
            None => return Ok(Reverted::TargetGone),
            Some(now) if shows(now.life) => return Ok(Reverted::Restored),
            Some(_) if told.is_err() || Instant::now() >= limit => break,
            Some(_) => sleep(LOOK_AGAIN).await,
        }
    }
    told?;
    Err(DriverError::Failed(format!(
        "the engine took the order and {} does not show it: it ended again at once, or is held; see `docker logs {}`",
        undo.container, undo.container.name
    )))
}

/// Those of the limits that were set and are still as they were set.
fn in_force(now: &ContainerLimits, during: &ContainerLimits) -> ContainerLimits {
    let keep = |now: Option<i64>, set: Option<i64>| set.filter(|set| now == Some(*set));
    ContainerLimits {
        nano_cpus: keep(now.nano_cpus, during.nano_cpus),
        cpu_quota: keep(now.cpu_quota, during.cpu_quota),
        memory: keep(now.memory, during.memory),
        memory_swap: keep(now.memory_swap, during.memory_swap),
        pids: keep(now.pids, during.pids),
    }
}

/// Memory and swap go together: one alone is refused by the engine where it contradicts the other.
fn whole(back: &ContainerLimits, before: &ContainerLimits) -> ContainerLimits {
    if back.memory.is_none() {
        return ContainerLimits { memory_swap: None, ..*back };
    }
    ContainerLimits { memory_swap: before.memory_swap, ..*back }
}

fn count(limits: &ContainerLimits) -> u64 {
    limits.fields().into_iter().filter(|(_, value)| value.is_some()).count() as u64
}

/// Carries out a step of a playbook; what it found.
pub(super) async fn order(
    engine: &Engine,
    container: &ContainerId,
    order: super::ContainerOrder<'_>,
) -> Result<String, DriverError> {
    use super::ContainerOrder as Order;
    let now = view(&inspect(engine, container).await?);
    let done = |what: &str| Ok(format!("{container} {what}"));
    match (order, now.life) {
        (Order::Start, Life::Running) => done("runs already"),
        (Order::Start, _) => {
            act::start(engine, container).await?;
            match view(&inspect(engine, container).await?).life {
                Life::Running => done("was started"),
                other => Err(DriverError::Failed(format!("{container} was started and is {other:?} now"))),
            }
        }
        (Order::Stop, Life::Down) => done("is down already"),
        (Order::Stop, _) => act::stop(engine, container, 10).await.and_then(|()| done("was stopped")),
        (Order::Restart, _) => act::restart(engine, container, 10).await.and_then(|()| done("was restarted")),
        (Order::Unpause, Life::Paused) => act::unpause(engine, container).await.and_then(|()| done("was unpaused")),
        (Order::Unpause, _) => done("is not paused"),
        (Order::Connect { network }, _) if now.networks.iter().any(|n| n.network == network) => {
            done(&format!("is in the network {network} already"))
        }
        (Order::Connect { network }, _) => {
            let endpoint = crate::model::Endpoint { network: network.into(), ..Default::default() };
            act::connect(engine, container, &endpoint).await?;
            done(&format!("joined the network {network}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(nano_cpus: i64, memory: i64, memory_swap: i64) -> ContainerLimits {
        ContainerLimits {
            nano_cpus: Some(nano_cpus),
            memory: Some(memory),
            memory_swap: Some(memory_swap),
            ..ContainerLimits::default()
        }
    }

    #[test]
    fn a_limit_that_somebody_else_changed_meanwhile_is_left_as_they_want_it() {
        let (before, during) = (limits(2, 200, 400), limits(1, 100, 100));
        let left = |now: ContainerLimits| before.touched_by(&in_force(&now, &during));
        assert_eq!(left(during), before, "nobody touched it: all of it goes back");
        assert_eq!(left(before), ContainerLimits::default(), "it is back already");
        let only_cpu = ContainerLimits { nano_cpus: Some(2), ..ContainerLimits::default() };
        assert_eq!(whole(&left(limits(1, 150, 300)), &before), only_cpu);
        assert_eq!(whole(&left(limits(1, 150, 100)), &before), only_cpu, "swap alone would contradict memory");
        assert_eq!(whole(&left(limits(9, 100, 300)), &before).memory_swap, Some(400), "memory takes its swap along");
    }
}
