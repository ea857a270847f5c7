//! Everything that looks at the system while the drill is on: probes, load streams, the ledger.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::inbox::{Inbox, Input};
use super::preflight::file_name;
use crate::model::Offset;
use crate::observe::ledger::LedgerWriter;
use crate::observe::probe;
use crate::scenario::plan::Plan;
use crate::timeline::event::EventKind;
use crate::timeline::load_line::{Assignment, WorkerLine, WorkerReport, WorkerSaid};
use crate::world::World;
use crate::world::workers::WorkerHandle;

/// Longest time for a load worker to say that it is ready.
const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// How many lines of one worker may wait.
const LINES: usize = 256;

/// What looks at the system, running.
pub(super) struct Observers {
    stop: CancellationToken,
    workers: Vec<Box<dyn WorkerHandle>>,
    tasks: JoinSet<()>,
}

impl Observers {
    /// Starts all of it; load workers first, because they take longest, and each must have said that it is ready.
    pub(super) async fn start(plan: &Arc<Plan>, world: &World, inbox: &Inbox) -> Result<Observers, String> {
        let stop = CancellationToken::new();
        let mut observers = Observers { stop: stop.clone(), workers: Vec::new(), tasks: JoinSet::new() };
        for load in &plan.scenario.load {
            let profile = plan.profiles.get(&load.name).ok_or_else(|| format!("load {}: no profile", load.name))?;
            let assignment = Assignment {
                stream: load.name.clone(),
                base_url: load.base_url.clone(),
                profile: profile.clone(),
                seed: plan.seed,
                epoch: world.clock.raw_of(Offset::ZERO),
                not_before: 0,
                log: plan.dir.join(format!("load-{}.log", file_name(&load.name))),
            };
            let (reports, received) = mpsc::channel(LINES);
            let worker =
                world.workers.start(assignment, reports).await.map_err(|e| format!("load {}: {e}", load.name))?;
            observers.workers.push(worker);
            let received = ready(received, inbox).await.map_err(|e| format!("load {}: {e}", load.name))?;
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

    /// Stops all of it and waits until everything it saw has been told.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        let stops = self.workers.iter_mut().map(|worker| worker.stop());
        futures_util::future::join_all(stops).await;
        while self.tasks.join_next().await.is_some() {}
    }
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
