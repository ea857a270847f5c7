//! What a fault may be aimed at, asked before it is armed: in preflight, and again when it begins.
//!
//! Every target is looked at before the fault is prepared and once more after that: what the undo records name is then
//! what the guard has seen. Faults themselves know nothing of guards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use super::fault_task::PREPARE_WITHIN;
use crate::fault::{Fault as _, FaultContext};
use crate::model::{Member, Name, Readiness};
use crate::safety::Undo;
use crate::scenario::consent::{Tickets, same_targets};
use crate::scenario::fault::Use;
use crate::scenario::guard::{Environment, KeepReady};
use crate::scenario::plan::Plan;
use crate::scenario::target::{ContainerSelector, ProcessSelector};
use crate::scenario::{Fault, Scenario, Target};
use crate::world::{DriverError, World};

/// The labels by which Compose says what belongs together.
const COMPOSE: [&str; 2] = ["com.docker.compose.project", "com.docker.compose.service"];

/// What each fault touches, from its arming to its end: by its place in the scenario, identities.
type Touched = BTreeMap<usize, BTreeSet<String>>;

/// The limits of a drill.
pub(super) struct Limits {
    plan: Arc<Plan>,
    world: World,
    touched: Mutex<Touched>,
}

/// A fault that may begin. While it is held, no other fault gets its answer: two could each leave enough alone, and
/// together too little.
pub(super) struct Cleared<'a> {
    pub(super) undo: Vec<Undo>,
    index: usize,
    members: BTreeSet<String>,
    turn: MutexGuard<'a, Touched>,
}

impl Cleared<'_> {
    /// It is armed: what it touches is no longer among what is left alone.
    pub(super) fn begins(mut self) {
        self.turn.insert(self.index, self.members);
    }
}

impl Limits {
    pub(super) fn new(plan: Arc<Plan>, world: World) -> Arc<Self> {
        Arc::new(Limits { plan, world, touched: Mutex::default() })
    }

    /// A fault has ended: what it touched counts again, when it is ready.
    pub(super) async fn ended(&self, index: usize) {
        self.touched.lock().await.remove(&index);
    }

    /// Before anything is looked at closely: the targets of a production drill are those of its token.
    ///
    /// # Errors
    /// What was planned, and what there is.
    pub(super) async fn planned(&self) -> Result<(), String> {
        let Some(planned) = self.token()? else { return Ok(()) };
        same_targets(planned, &tickets(&self.world, &self.plan.scenario).await?)
    }

    /// The targets that were planned, where the drill needs that.
    fn token(&self) -> Result<Option<&Tickets>, String> {
        let production = self.plan.scenario.guard.environment == Environment::Production;
        match &self.plan.consent.targets {
            Some(targets) => Ok(Some(targets)),
            None if production && !self.plan.simulated => {
                Err("a production drill needs the token that `simulacro plan` prints".into())
            }
            None => Ok(None),
        }
    }

    /// Whether a fault may begin now, and how it would be taken back. Reads only.
    ///
    /// # Errors
    /// Why it may not, or cannot.
    pub(super) async fn clear(&self, index: usize) -> Result<Cleared<'_>, String> {
        let (plan, fault) = (&self.plan, &self.plan.scenario.faults[index]);
        if fault.spec.runs_commands() && !plan.allow_commands {
            return Err("it runs a command of the scenario's own: allow that with --allow-commands".into());
        }
        if let Some(problem) = fault.spec.irreversible(&plan.scenario)
            && !plan.simulated
            && !plan.consent.yes
        {
            return Err(format!("{}: run with --yes if that is meant", problem.message));
        }
        let turn = self.touched.lock().await;
        let before = in_time(self.look(fault)).await?;
        self.check(&before)?;
        self.check_ready(fault, &before, index, &turn).await?;
        let context = FaultContext {
            run: &plan.run,
            name: &fault.name,
            scenario: &plan.scenario,
            dir: &plan.dir,
            seed: plan.seed,
        };
        let undo = in_time(async { fault.spec.prepare(&self.world, context).await.map_err(|e| e.to_string()) }).await?;
        let after = in_time(self.look(fault)).await?;
        self.check(&after)?;
        let (seen, members) = (identities(&before), identities(&after));
        if seen != members {
            let names: Vec<_> = before.keys().map(ToString::to_string).collect();
            return Err(format!("target {} changed while it was looked at: nothing was hurt", names.join(", ")));
        }
        Ok(Cleared { undo, index, members, turn })
    }

    async fn look(&self, fault: &Fault) -> Result<BTreeMap<Name, Vec<Member>>, String> {
        let mut looked = BTreeMap::new();
        for name in targets_of(fault) {
            let Some(target) = self.plan.scenario.targets.get(name) else { continue };
            let members = self.world.look(target).await.map_err(|e| e.to_string())?;
            looked.insert(name.clone(), members);
        }
        Ok(looked)
    }

    fn check(&self, looked: &BTreeMap<Name, Vec<Member>>) -> Result<(), String> {
        let scenario = &self.plan.scenario;
        let limit = scenario.guard.max_targets;
        for (name, members) in looked {
            let shown = || members.iter().map(|m| m.shown.as_str()).collect::<Vec<_>>().join(", ");
            if members.len() > limit as usize {
                return Err(format!(
                    "target {name} means {} things ({}) and `guard.max_targets` is {limit}: narrow the selector, or \
                     raise the limit",
                    members.len(),
                    shown()
                ));
            }
            for member in members {
                if let Some(why) = scenario.guard.refuses(member) {
                    return Err(format!("target {name} means {}, which may not be touched: {why}", member.shown));
                }
            }
        }
        if let Some(planned) = self.token()? {
            let now = looked.iter().map(|(name, members)| (name.clone(), ticket(scenario, name, members)));
            let now: Tickets = now.collect();
            let planned: Tickets = planned
                .iter()
                .filter(|(name, _)| now.contains_key(*name))
                .map(|(n, t)| (n.clone(), t.clone()))
                .collect();
            same_targets(&planned, &now)?;
        }
        Ok(())
    }

    /// Whether enough stays ready that neither this fault nor one that stands touches.
    async fn check_ready(
        &self,
        fault: &Fault,
        looked: &BTreeMap<Name, Vec<Member>>,
        index: usize,
        touched: &Touched,
    ) -> Result<(), String> {
        let Some(keep) = &self.plan.scenario.guard.keep_ready else { return Ok(()) };
        let mut hurt = identities(looked);
        hurt.extend(touched.iter().filter(|(other, _)| **other != index).flat_map(|(_, members)| members.clone()));
        let targets = &self.plan.scenario.targets;
        match keep {
            KeepReady::Beside(n) => {
                for name in targets_of(fault) {
                    let (Some(target), Some(members)) = (targets.get(name), looked.get(name)) else { continue };
                    for group in groups(target, members) {
                        let group = in_time(self.look_at(&group)).await?;
                        enough(name, &group, &hurt, *n)?;
                    }
                }
            }
            KeepReady::Of(wanted) => {
                for (name, n) in wanted {
                    let Some(target) = targets.get(name) else { continue };
                    enough(name, &in_time(self.look_at(target)).await?, &hurt, *n)?;
                }
            }
        }
        Ok(())
    }

    async fn look_at(&self, target: &Target) -> Result<Vec<Member>, String> {
        match self.world.look(target).await {
            Ok(members) => Ok(members),
            // Nothing there is nothing ready, and that is for `keep_ready` to say.
            Err(DriverError::NotFound(_)) => Ok(Vec::new()),
            Err(e) => Err(e.to_string()),
        }
    }
}

/// A look that is cut off, so that a driver that hangs cannot hold a drill.
async fn in_time<T>(look: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let within: Duration = PREPARE_WITHIN;
    match tokio::time::timeout(within, look).await {
        Ok(looked) => looked,
        Err(_) => Err(format!("its target could not be looked at within {within:?}")),
    }
}

fn targets_of(fault: &Fault) -> impl Iterator<Item = &Name> {
    let uses = fault.spec.uses().into_iter();
    uses.filter_map(|used| match used {
        Use::Target { name, .. } => Some(name),
        Use::Link { .. } => None,
    })
}

fn identities(looked: &BTreeMap<Name, Vec<Member>>) -> BTreeSet<String> {
    looked.values().flatten().map(|member| member.identity.clone()).collect()
}

/// What belongs together with a target's members: the containers of the same Compose service, else whatever its
/// selector means.
fn groups(target: &Target, members: &[Member]) -> Vec<Target> {
    let Target::Container(selector) = target else { return vec![target.clone()] };
    let service = |member: &Member| {
        let [project, service] = COMPOSE.map(|label| member.labels.get(label).cloned());
        Some((project?, service?))
    };
    let services: Option<BTreeSet<_>> = members.iter().map(service).collect();
    let Some(services) = services else { return vec![target.clone()] };
    let group = |(project, service)| {
        Target::Container(ContainerSelector {
            compose_project: Some(project),
            compose_service: Some(service),
            engine: selector.engine.clone(),
            ..Default::default()
        })
    };
    services.into_iter().map(group).collect()
}

fn enough(name: &Name, group: &[Member], hurt: &BTreeSet<String>, n: u32) -> Result<(), String> {
    let left = group.iter().filter(|member| !hurt.contains(&member.identity));
    let ready = left.filter(|member| member.readiness == Readiness::Ready).count();
    if ready >= n as usize {
        return Ok(());
    }
    let state = |member: &Member| match hurt.contains(&member.identity) {
        true => format!("{} (touched by a fault)", member.shown),
        false => format!("{} ({})", member.shown, member.readiness),
    };
    let group: Vec<String> = group.iter().map(state).collect();
    let group = if group.is_empty() { "there is nothing".to_owned() } else { group.join(", ") };
    Err(format!("`guard.keep_ready` asks for {n} of target {name} that stay ready, and {ready} would: {group}"))
}

/// How the plan's token names a target's members. What the drill starts itself has no identity before.
fn ticket(scenario: &Scenario, name: &Name, members: &[Member]) -> Vec<String> {
    if let Some(Target::Process(ProcessSelector::Service(service))) = scenario.targets.get(name) {
        return vec![format!("service {service} of this drill")];
    }
    let mut tickets: Vec<String> = members.iter().map(Member::ticket).collect();
    tickets.sort();
    tickets
}

/// All targets that faults of a scenario are aimed at, as a plan's token names them.
///
/// # Errors
/// Which target cannot be looked at, and why.
pub async fn tickets(world: &World, scenario: &Scenario) -> Result<Tickets, String> {
    let mut all = Tickets::new();
    for name in scenario.faults.iter().flat_map(targets_of) {
        let Some(target) = scenario.targets.get(name) else { continue };
        let members = match target {
            Target::Process(ProcessSelector::Service(_)) => Vec::new(),
            target => world.look(target).await.map_err(|e| format!("target {name}: {e}"))?,
        };
        all.insert(name.clone(), ticket(scenario, name, &members));
    }
    Ok(all)
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
