//! What the faults of databases share: from a target to its address, and to the driver; and who takes over from whom.

use super::FaultContext;
use crate::model::Name;
use crate::safety::{Failover, Licence, Undo};
use crate::scenario::{Scenario, Target};
use crate::world::database::{Effect, Harm, tag};
use crate::world::{DriverError, World};

/// The undo of a harm to a target.
///
/// # Errors
/// When the target is no database of the scenario, or the server cannot, or may not be asked to, do this.
pub(super) async fn prepare(
    world: &World,
    context: FaultContext<'_>,
    target: &Name,
    harm: &Harm,
) -> Result<Vec<Undo>, DriverError> {
    let url = match context.scenario.targets.get(target) {
        Some(Target::Postgres(postgres)) => &postgres.url,
        Some(Target::Redis(redis)) => &redis.url,
        _ => {
            let why = format!("fault {}: `targets:` has no database called {target}", context.name);
            return Err(DriverError::NotFound(why));
        }
    };
    let tag = tag(context.run, context.name);
    let effect = Effect { tag: &tag, hold: context.scenario.guard.max_hold };
    Ok(vec![Undo::Database(world.databases.prepare(url, harm, effect).await?)])
}

/// Does what the undo record takes back.
///
/// # Errors
/// When it was not done, or not wholly.
pub(super) async fn inject(world: &World, undo: &[Undo], harm: &Harm, licence: Licence<'_>) -> Result<(), DriverError> {
    let [Undo::Database(undo)] = undo else {
        let why = format!("fault {} has no undo record of a database; nothing was done", licence.fault());
        return Err(DriverError::Failed(why));
    };
    world.databases.inject(undo, harm, licence).await
}

/// Who may take over from the server in a target, such as a container; none when the scenario names nobody. An undo
/// that would start that target again asks [`World::may_start`] first.
pub fn failover_of(scenario: &Scenario, target: &Name) -> Option<Failover> {
    let mut servers = scenario.targets.iter().filter_map(|(name, target)| match target {
        Target::Postgres(postgres) => Some((name, postgres)),
        _ => None,
    });
    let (_, server) = servers.find(|(name, server)| server.container.as_ref() == Some(target) || *name == target)?;
    let Some(Target::Postgres(peer)) = scenario.targets.get(server.peer.as_ref()?) else { return None };
    Some(Failover { peer: peer.url.clone(), after: server.after_failover })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_over_is_found_by_the_container() {
        let scenario: Scenario = serde_json::from_value(serde_json::json!({
            "name": "drill",
            "targets": {
                "box": { "container": { "name": "old" } },
                "old": { "postgres": { "url": "postgres://a/d", "container": "box", "peer": "new",
                                       "after_failover": "leave_down" } },
                "new": { "postgres": { "url": "postgres://b/d" } },
            },
        }))
        .unwrap();
        let of = |name: &str| failover_of(&scenario, &name.parse().unwrap());
        assert_eq!(of("box").unwrap().peer, "postgres://b/d");
        assert_eq!(of("box"), of("old"));
        assert_eq!(of("new"), None);
        assert_eq!(of("nobody"), None);
    }
}
