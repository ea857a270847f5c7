//! A simulated load worker: it fills each window from what the world was like in it.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::clients::SERVICE_TIME;
use super::state::{Bent, Serving, authority, bent};
use super::{Driver, Sim};
use crate::clock::Clock;
use crate::model::Offset;
use crate::scenario::profile::{Executor, Profile, Stage};
use crate::timeline::load_line::{
    Assignment, Hello, LoadModel, PROTOCOL, SLOT_MS, Slot, WINDOW_MS, WindowLine, WorkerEnd, WorkerLine, WorkerOrder,
    WorkerReport, WorkerSaid,
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
        let (hold, held) = watch::channel(None);
        let worker = SimWorker {
            sim: self.sim.clone(),
            clock: self.clock,
            pace: Pace::of(&assignment.profile),
            assignment,
            held,
            histograms: HashMap::new(),
        };
        let task = tokio::spawn(worker.run(stop.clone(), reports));
        Ok(Box::new(Handle { stop, hold, task }))
    }
}

struct Handle {
    stop: CancellationToken,
    hold: watch::Sender<Option<Hold>>,
    task: tokio::task::JoinHandle<()>,
}

#[async_trait]
impl WorkerHandle for Handle {
    async fn order(&mut self, order: WorkerOrder) -> Result<(), DriverError> {
        match order {
            // Nothing is ever under way in a simulated world: there is no grace to wait for.
            WorkerOrder::Stop { .. } => self.stop.cancel(),
            WorkerOrder::Hold { per_second, from } => _ = self.hold.send(Some(Hold { per_second, from })),
        }
        Ok(())
    }

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

/// A rate that is held from a raw time on.
#[derive(Debug, Clone, Copy)]
struct Hold {
    per_second: u32,
    from: i64,
}

struct SimWorker {
    sim: Sim,
    clock: Clock,
    assignment: Assignment,
    pace: Pace,
    held: watch::Receiver<Option<Hold>>,
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
        let first = self.first();
        let start = self.raw_of(first);
        let executor = self.assignment.profile.executor();
        let hello = Hello {
            protocol: PROTOCOL,
            worker: 0,
            pid: 0,
            model: executor.map_or(LoadModel::Open, |e| e.model()),
            executor: executor.map_or("none", |e| e.key()).into(),
            asked_rate: executor.and_then(|e| e.asked_rate()),
            start,
        };
        let last = executor.and_then(|e| e.duration()).map(|d| start.saturating_add(d.get().as_nanos() as i64));
        let stream = self.assignment.stream.clone();
        let say = |line| WorkerReport { stream: stream.clone(), said: WorkerSaid::Line(line) };
        if reports.send(say(WorkerLine::Hello(hello))).await.is_err() {
            return;
        }
        let name = self.assignment.profile.request_names().first().map(ToString::to_string).unwrap_or_default();
        let (mut lines, mut started) = (0, 0);
        for window in first.. {
            // A rate that is held has no end of its own.
            if self.held.borrow().is_none() && last.is_some_and(|last| self.raw_of(window) >= last) {
                break;
            }
            let end = Offset::from_millis(((window + 1) * WINDOW_MS) as i64);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = tokio::time::sleep_until(self.clock.instant_of(end)) => {}
            }
            let rate = self.rate(self.raw_of(window), start);
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

    /// The number of its first window: the next one, or that of its start time when it has one to come.
    fn first(&self) -> u64 {
        let window = WINDOW_MS as i64 * 1_000_000;
        let next = self.clock.now().nanos() / window + 1;
        let start_time = self.assignment.profile.start_time.map_or(0, |t| t.get().as_nanos() as i64);
        let asked = self.assignment.not_before.saturating_add(start_time).saturating_sub(self.assignment.epoch);
        let first = if self.assignment.not_before == 0 { next + start_time / window } else { next.max(asked / window) };
        u64::try_from(first).unwrap_or(0)
    }

    /// The raw time at which a window begins.
    fn raw_of(&self, window: u64) -> i64 {
        let ms = i64::try_from(window * WINDOW_MS).unwrap_or(i64::MAX);
        self.assignment.epoch.saturating_add(ms.saturating_mul(1_000_000))
    }

    /// Requests per second at a raw time.
    fn rate(&self, at: i64, start: i64) -> f64 {
        match *self.held.borrow() {
            Some(Hold { per_second, from }) if at >= from => f64::from(per_second),
            _ => self.pace.at(at.saturating_sub(start)),
        }
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
        match (bent(&rules), state.serving(&upstream, at)) {
            (Bent::Late(late), Serving::Up) => Met::Answer(late + SERVICE_TIME),
            _ => Met::Failure,
        }
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

/// Requests per second over time, as pieces: until when, counted from the start in nanoseconds, and the rate at its
/// beginning and at its end.
struct Pace(Vec<(i64, f64, f64)>);

impl Pace {
    fn of(profile: &Profile) -> Pace {
        let steady = |rate: f64| Pace(vec![(i64::MAX, rate, rate)]);
        match profile.executor() {
            None => steady(0.0),
            Some(Executor::ConstantArrivalRate(rate)) => steady(rate.per_second()),
            Some(Executor::RampingArrivalRate(ramp)) => {
                let unit = ramp.time_unit.get().as_secs_f64();
                Pace::ramp(ramp.start_rate, &ramp.stages, 1.0 / unit)
            }
            Some(Executor::Breakpoint(search)) => {
                let hold = search.hold.get().as_nanos() as i64;
                let step =
                    |(n, rate): (usize, u32)| (hold.saturating_mul(n as i64 + 1), f64::from(rate), f64::from(rate));
                Pace(search.rates().into_iter().enumerate().map(step).collect())
            }
            Some(Executor::ConstantVus(users)) => steady(f64::from(users.vus) * PASSES),
            Some(Executor::RampingVus(ramp)) => Pace::ramp(ramp.start_vus, &ramp.stages, PASSES),
            Some(Executor::PerVuIterations(users)) => steady(f64::from(users.vus) * PASSES),
        }
    }

    fn ramp(start: u32, stages: &[Stage], each: f64) -> Pace {
        let (mut until, mut from) = (0, f64::from(start) * each);
        let piece = |stage: &Stage| {
            until += stage.duration.get().as_nanos() as i64;
            let to = f64::from(stage.target) * each;
            (until, std::mem::replace(&mut from, to), to)
        };
        Pace(stages.iter().map(piece).collect())
    }

    /// The rate so many nanoseconds after the start; after the last piece, that of its end.
    fn at(&self, after: i64) -> f64 {
        let mut begin = 0;
        for (end, from, to) in &self.0 {
            if after < *end {
                return from + (to - from) * (after - begin) as f64 / (end - begin) as f64;
            }
            begin = *end;
        }
        self.0.last().map_or(0.0, |(.., to)| *to)
    }
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
