//! Preflight: links, services, load and probes are started, in this order, and each must be ready.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::inbox::{Inbox, Input};
use super::limits::Limits;
use super::observers::Observers;
use super::reach::reach;
use crate::model::{LinkAddress, Name};
use crate::observe::probe::is_ready;
use crate::safety::{ProcessUndo, Undo};
use crate::scenario::plan::Plan;
use crate::scenario::probe::{HttpProbe, Look, TcpProbe};
use crate::scenario::service::{Ready, Service};
use crate::timeline::event::{EventKind, ServiceMark};
use crate::world::World;
use crate::world::services::{ServiceLaunch, ServiceNotice};

/// Time between two looks at a service that is not ready yet.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Longest time one such look may take.
const LOOK_WITHIN: Duration = Duration::from_secs(1);

/// Starts everything that the drill observes with and is aimed at; tells the engine when all is ready, or why not.
pub(super) async fn prepare(
    plan: Arc<Plan>,
    world: World,
    limits: Arc<Limits>,
    inbox: Inbox,
    notices: mpsc::Sender<ServiceNotice>,
) {
    let ready = start(&plan, &world, &limits, &inbox, notices).await;
    let _ = inbox.send(Input::Ready(ready.map(Box::new))).await;
}

async fn start(
    plan: &Arc<Plan>,
    world: &World,
    limits: &Limits,
    inbox: &Inbox,
    notices: mpsc::Sender<ServiceNotice>,
) -> Result<Observers, String> {
    limits.planned().await?;
    let links: Vec<LinkAddress> = plan
        .scenario
        .proxies
        .iter()
        .map(|(name, p)| LinkAddress {
            name: name.clone(),
            listen: p.listen.clone(),
            upstream: p.upstream.clone(),
            control: p.control.clone(),
        })
        .collect();
    if !links.is_empty() {
        world.links.open(&links, plan.seed).await.map_err(|e| e.to_string())?;
    }
    for (name, service) in &plan.scenario.services {
        let mut launch = launch(plan, name, service);
        if service.faketime {
            let preloaded = service.env.get("LD_PRELOAD").map(String::as_str);
            let clock = world.machine.movable_clock(name, &plan.dir, preloaded).await.map_err(|e| e.to_string())?;
            launch.env.extend(clock);
        }
        let log = launch.log.clone();
        world.services.start(launch, notices.clone()).await.map_err(|e| format!("service {name}: {e}"))?;
        if let Some(ready) = &service.ready {
            wait_until_ready(world, name, ready, &log).await?;
        }
        let mark = EventKind::Service { service: name.clone(), seen: world.clock.now(), change: ServiceMark::Ready };
        let _ = inbox.send(Input::Event(mark)).await;
    }
    look_at_targets(plan, limits).await?;
    Observers::start(plan, world, inbox).await
}

/// Every fault is prepared once, which only reads: a target that is missing, too many, not allowed, or out of the
/// watchdog's reach is found before anything is hurt. Faults ask again when they begin.
async fn look_at_targets(plan: &Plan, limits: &Limits) -> Result<(), String> {
    for step in &plan.scenario.playbook {
        if let Some(problem) = step.irreversible()
            && !plan.simulated
            && !plan.consent.yes
        {
            return Err(format!("step {}: {}: run with --yes if that is meant", step.name, problem.message));
        }
    }
    let reach = reach();
    for (index, fault) in plan.scenario.faults.iter().enumerate() {
        let name = &fault.name;
        let cleared = limits.clear(index).await.map_err(|why| format!("fault {name}: {why}"))?;
        for undo in &cleared.undo {
            if let Undo::Process(ProcessUndo::Continue { process }) = undo
                && !plan.simulated
                && reach.certainly_misses(*process)
            {
                return Err(format!(
                    "fault {name}: {process} lives outside of what would end the watchdog together with this runner \
                     ({reach}), so it could stay stopped; start the drill from outside that scope, for instance with \
                     `systemd-run --scope`, or from within the target's own"
                ));
            }
        }
    }
    Ok(())
}

fn launch(plan: &Plan, name: &Name, service: &Service) -> ServiceLaunch {
    ServiceLaunch {
        name: name.clone(),
        command: service.command.clone(),
        env: service.env.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        dir: service.dir.as_ref().map_or_else(|| plan.dir.clone(), |d| plan.dir.join(d)),
        restart_after: service.restart.as_ref().map(|r| r.after.get()),
        log: plan.dir.join(format!("service-{}.log", file_name(name))),
    }
}

/// A name as part of a file name.
pub(super) fn file_name(name: &Name) -> String {
    name.as_str().chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

async fn wait_until_ready(world: &World, name: &Name, ready: &Ready, log: &Path) -> Result<(), String> {
    let deadline = Instant::now() + ready.within.get();
    loop {
        let looked = match (&ready.http, &ready.tcp) {
            (Some(url), _) => {
                let probe = HttpProbe {
                    url: url.clone(),
                    method: "GET".into(),
                    headers: Default::default(),
                    status: None,
                    contains: None,
                };
                is_ready(world, Look::Http(&probe), LOOK_WITHIN).await
            }
            (None, Some(address)) => {
                is_ready(world, Look::Tcp(&TcpProbe { address: address.clone() }), LOOK_WITHIN).await
            }
            (None, None) => return Ok(()),
        };
        let Err(why) = looked else { return Ok(()) };
        if Instant::now() >= deadline {
            return Err(format!(
                "service {name} was not ready within {}: {why}; what it printed is in {}",
                ready.within,
                log.display()
            ));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
