//! A simulated load worker: it fills each window from what the world was like in it.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::clients::SERVICE_TIME;
use super::state::{Serving, authority, delay};
use super::{Driver, Sim};
use crate::clock::Clock;
use crate::model::{LinkRule, Offset};
use crate::scenario::profile::{Executor, Profile, Stage};
use crate::timeline::load_line::{
    Assignment, Hello, LoadModel, PROTOCOL, SLOT_MS, Slot, WINDOW_MS, WindowLine, WorkerEnd, WorkerLine, WorkerReport,
    WorkerSaid,
};
use crate::world::DriverError;
use crate::world::workers::{WorkerHandle, Workers};

const SLOTS: u64 = WINDOW_MS / SLOT_MS;
/// Requests that a simulated user makes in a second.
const PASSES: f64 = 5.0;

#[async_trait]
impl Workers for Driver {
    async fn start(
        &self,
        assignment: Assignment,
        reports: mpsc::Sender<WorkerReport>,
    ) -> Result<Box<dyn WorkerHandle>, DriverError> {
        let stop = CancellationToken::new();
        let worker = SimWorker { sim: self.sim.clone(), clock: self.clock, assignment, histograms: HashMap::new() };
        let task = tokio::spawn(worker.run(stop.clone(), reports));
        Ok(Box::new(Handle { stop, task }))
    }
}

struct Handle {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

#[async_trait]
impl WorkerHandle for Handle {
    async fn stop(&mut self) {
        self.stop.cancel();
        // A worker that panicked has nothing more to report.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct SimWorker {
    sim: Sim,
    clock: Clock,
    assignment: Assignment,
    /// Encoded histograms by count and latency: most windows are alike.
    histograms: HashMap<(u64, u64), String>,
}

/// What a request met at one moment.
enum Met {
    Answer(Duration),
    Failure,
}

impl SimWorker {
    async fn run(mut self, stop: CancellationToken, reports: mpsc::Sender<WorkerReport>) {
        let (rate, model, executor) = pace(&self.assignment.profile);
        let first = self.clock.now().nanos() / (WINDOW_MS as i64 * 1_000_000) + 1;
        let hello = Hello {
            protocol: PROTOCOL,
            worker: 0,
            pid: 0,
            model,
            executor,
            asked_rate: (model == LoadModel::Open).then_some(rate),
            start: self.assignment.epoch.saturating_add(first * WINDOW_MS as i64 * 1_000_000),
        };
        let stream = self.assignment.stream.clone();
        let say = |line| WorkerReport { stream: stream.clone(), said: WorkerSaid::Line(line) };
        if reports.send(say(WorkerLine::Hello(hello))).await.is_err() {
            return;
        }
        let name = self.assignment.profile.request_names().first().map(ToString::to_string).unwrap_or_default();
        let (mut lines, mut started) = (0, 0);
        for window in u64::try_from(first).unwrap_or(0).. {
            let end = Offset::from_millis(((window + 1) * WINDOW_MS) as i64);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = tokio::time::sleep_until(self.clock.instant_of(end)) => {}
            }
            let mut line = self.window(window, rate);
            line.seq = lines;
            line.name.clone_from(&name);
            lines += 1;
            started += line.started;
            if reports.send(say(WorkerLine::Window(Box::new(line)))).await.is_err() {
                return;
            }
        }
        let end = WorkerEnd { lines, started, pending: 0, cpu_us: 0 };
        let _ = reports.send(say(WorkerLine::End(end))).await;
    }

    fn window(&mut self, window: u64, rate: f64) -> WindowLine {
        let mut line = WindowLine { window, is_final: true, ..WindowLine::default() };
        let mut latencies: Vec<(u64, u64)> = Vec::new();
        for slot in 0..SLOTS {
            let index = window * SLOTS + slot;
            // Exact in the long run: the whole number of requests due by the end of the slot, less those before it.
            let due = |slots: u64| (slots as f64 * rate * SLOT_MS as f64 / 1000.0).floor() as u64;
            let n = due(index + 1) - due(index);
            if n == 0 {
                continue;
            }
            line.intended += n;
            line.started += n;
            let mut counts = Slot { slot: slot as u8, ..Slot::default() };
            match self.meet(Offset::from_millis((index * SLOT_MS) as i64), n) {
                Met::Answer(took) => {
                    let us = took.as_micros() as u64;
                    line.ok += n;
                    counts.ok = n as u32;
                    counts.max_us = us as u32;
                    latencies.push((n, us));
                }
                Met::Failure => {
                    line.err += n;
                    counts.bad = n as u32;
                }
            }
            line.slots.push(counts);
        }
        line.hist_ok = self.histogram(&latencies);
        line
    }

    /// What `n` requests met that started at a moment.
    fn meet(&self, at: Offset, n: u64) -> Met {
        let address = authority(&self.assignment.base_url);
        let mut state = self.sim.state();
        let (rules, upstream, link) = match state.link_at(address, at) {
            Some((link, rules, upstream)) => (rules.to_vec(), upstream.to_owned(), Some(link.clone())),
            None => (Vec::new(), address.to_owned(), None),
        };
        if let Some(link) = link.filter(|_| !rules.is_empty()) {
            state.touch(&link, n);
        }
        if rules.contains(&LinkRule::Down {}) || state.serving(&upstream, at) != Serving::Up {
            return Met::Failure;
        }
        delay(&rules).map_or(Met::Failure, |d| Met::Answer(d.get() + SERVICE_TIME))
    }

    fn histogram(&mut self, latencies: &[(u64, u64)]) -> String {
        let alike = latencies.first().map(|(_, us)| *us).filter(|us| latencies.iter().all(|(_, other)| other == us));
        let key = (latencies.iter().map(|(n, _)| n).sum(), alike.unwrap_or(0));
        match alike {
            None if latencies.is_empty() => String::new(),
            None => encode(latencies),
            Some(_) => self.histograms.entry(key).or_insert_with(|| encode(latencies)).clone(),
        }
    }
}

/// Requests per second, and how the worker speaks of itself.
fn pace(profile: &Profile) -> (f64, LoadModel, String) {
    let Some(executor) = profile.executor() else { return (0.0, LoadModel::Open, "none".into()) };
    // A rate or a number of users that changes is simulated by its highest.
    let highest = |stages: &[Stage]| stages.iter().map(|stage| stage.target).max().unwrap_or(0);
    let rate = match executor {
        Executor::ConstantArrivalRate(rate) => rate.per_second(),
        Executor::RampingArrivalRate(ramp) => ramp.highest_per_second(),
        Executor::Breakpoint(search) => f64::from(search.start_rate),
        Executor::ConstantVus(users) => f64::from(users.vus) * PASSES,
        Executor::RampingVus(ramp) => f64::from(highest(&ramp.stages).max(ramp.start_vus)) * PASSES,
        Executor::PerVuIterations(users) => f64::from(users.vus) * PASSES,
    };
    (rate, executor.model(), executor.key().into())
}

fn encode(latencies: &[(u64, u64)]) -> String {
    use base64::Engine as _;
    let Ok(mut histogram) = Histogram::<u32>::new_with_bounds(1, 600_000_000, 3) else { return String::new() };
    for (n, us) in latencies {
        histogram.saturating_record_n(*us, *n as u32);
    }
    let mut bytes = Vec::new();
    match V2DeflateSerializer::new().serialize(&histogram, &mut bytes) {
        Ok(_) => base64::engine::general_purpose::STANDARD.encode(&bytes),
        Err(_) => String::new(),
    }
}
