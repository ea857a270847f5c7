//! Everything that looks at the system while the drill is on: probes, load streams, the ledger.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::inbox::{Inbox, Input};
use super::preflight::file_name;
use crate::model::{Name, Offset};
use crate::observe::ledger::LedgerWriter;
use crate::observe::probe;
use crate::scenario::plan::Plan;
use crate::timeline::event::EventKind;
use crate::timeline::load_line::{Assignment, WorkerLine, WorkerOrder, WorkerReport, WorkerSaid};
use crate::world::World;
use crate::world::workers::WorkerHandle;

/// Longest time for a load worker to say that it is ready.
const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// In a load alone, the time for all workers to get ready before the first of them begins; for each stream this much
/// more. One that is late begins when it is ready.
const LEAD: Duration = Duration::from_millis(500);
const LEAD_EACH: Duration = Duration::from_millis(100);
/// How many lines of one worker may wait.
const LINES: usize = 256;

/// What looks at the system, running.
pub(super) struct Observers {
    stop: CancellationToken,
    workers: Vec<(Name, Box<dyn WorkerHandle>)>,
    tasks: JoinSet<()>,
}

impl Observers {
    /// Starts all of it; load workers first, because they take longest, and each must have said that it is ready.
    pub(super) async fn start(plan: &Arc<Plan>, world: &World, inbox: &Inbox) -> Result<Observers, String> {
        let stop = CancellationToken::new();
        let mut observers = Observers { stop: stop.clone(), workers: Vec::new(), tasks: JoinSet::new() };
        let not_before = begin(plan, world);
        let mut starting = Vec::new();
        for load in &plan.scenario.load {
            let profile = plan.profiles.get(&load.name).ok_or_else(|| format!("load {}: no profile", load.name))?;
            let assignment = Assignment {
                stream: load.name.clone(),
                base_url: load.base_url.clone(),
                profile: profile.clone(),
                seed: plan.seed,
                epoch: world.clock.raw_of(Offset::ZERO),
                not_before,
                log: plan.dir.join(format!("load-{}.log", file_name(&load.name))),
            };
            let (reports, received) = mpsc::channel(LINES);
            let worker =
                world.workers.start(assignment, reports).await.map_err(|e| format!("load {}: {e}", load.name))?;
            observers.workers.push((load.name.clone(), worker));
            starting.push((&load.name, received));
        }
        // They get ready side by side, and are heard one after the other, so that a run's first events have an order.
        for (name, received) in starting {
            let received = ready(received, inbox).await.map_err(|e| format!("load {name}: {e}"))?;
            observers.tasks.spawn(forward_reports(received, inbox.clone()));
        }
        let (events, received) = mpsc::channel(LINES);
        observers.tasks.spawn(forward_events(received, inbox.clone()));
        for probe in &plan.scenario.probes {
            let looks = probe::watch(world.clone(), probe.clone(), plan.dir.clone(), stop.clone(), events.clone());
            observers.tasks.spawn(looks);
        }
        if let Some(ledger) = &plan.scenario.ledger {
            let writer = LedgerWriter::create(plan, ledger).map_err(|e| format!("ledger: {e}"))?;
            observers.tasks.spawn(writer.run(world.clone(), stop.clone(), events));
        }
        Ok(observers)
    }

    /// Gives an order to the worker of one stream, or to all; says which did not take it, and why.
    pub(super) async fn order(&mut self, stream: Option<&Name>, order: WorkerOrder) -> Vec<String> {
        let meant = self.workers.iter_mut().filter(|(name, _)| stream.is_none_or(|stream| stream == name));
        let given = meant.map(|(_, worker)| worker.order(order));
        let answers = futures_util::future::join_all(given).await;
        answers.into_iter().filter_map(Result::err).map(|e| e.to_string()).collect()
    }

    /// Stops all of it and waits until everything it saw has been told.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        let stops = self.workers.iter_mut().map(|(_, worker)| worker.stop());
        futures_util::future::join_all(stops).await;
        while self.tasks.join_next().await.is_some() {}
    }
}

/// The raw time from which the load's start times count: a common one for a load alone, each worker's own in a drill.
fn begin(plan: &Plan, world: &World) -> i64 {
    let Some(_) = &plan.load else { return 0 };
    let streams = u32::try_from(plan.scenario.load.len()).unwrap_or(u32::MAX);
    world.clock.raw_of(world.clock.now() + LEAD + LEAD_EACH.saturating_mul(streams))
}

/// Waits until a worker has said that it is ready.
async fn ready(
    mut received: mpsc::Receiver<WorkerReport>,
    inbox: &Inbox,
) -> Result<mpsc::Receiver<WorkerReport>, String> {
    match tokio::time::timeout(HELLO_WITHIN, received.recv()).await {
        Ok(Some(report)) => match &report.said {
            WorkerSaid::Line(WorkerLine::Hello(_)) => {
                let _ = inbox.send(Input::Worker(report)).await;
                Ok(received)
            }
            WorkerSaid::Line(_) => Err("its worker did not say hello first".into()),
            WorkerSaid::Lost(why) => Err(why.clone()),
        },
        Ok(None) => Err("its worker ended at once".into()),
        Err(_) => Err(format!("its worker was not ready within {HELLO_WITHIN:?}")),
    }
}

async fn forward_reports(mut received: mpsc::Receiver<WorkerReport>, inbox: Inbox) {
    while let Some(report) = received.recv().await {
        if inbox.send(Input::Worker(report)).await.is_err() {
            return;
        }
    }
}

async fn forward_events(mut received: mpsc::Receiver<EventKind>, inbox: Inbox) {
    while let Some(event) = received.recv().await {
        if inbox.send(Input::Event(event)).await.is_err() {
            return;
        }
    }
}
