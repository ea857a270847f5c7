//! A load alone: the same observers, recorder and events as in a drill, and nothing that could be hurt.
//!
//! So there is no journal, no watchdog and no lock (decision 25). Two pure parts decide, [`course`] when the load ends
//! and [`search`] where a breakpoint lies; the loop here acts.

mod course;
mod search;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::inbox::{CancelLevel, Input, ROOM};
use super::observers::Observers;
use super::recorder::Recorder;
use super::run::{DRAIN_WITHIN, Finished, worker_event};
use crate::model::{Condition, Name, Offset};
use crate::scenario::phases::Phase;
use crate::scenario::plan::Plan;
use crate::scenario::profile::Executor;
use crate::timeline::event::{EndReason, EventKind};
use crate::timeline::gate::{self, StepLook};
use crate::timeline::load_line::WorkerOrder;
use crate::world::World;

use course::{Action, Course, Urgency};
use search::{Move, Search};

/// Time between two looks at the thresholds.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// From the end of a step until its last windows are told, answers apart.
const SETTLE: Duration = Duration::from_millis(400);

/// A load, ready to run.
pub struct LoadEngine {
    /// What is going to happen: a plan with streams and a [`crate::scenario::plan::LoadPlan`].
    pub plan: Arc<Plan>,
    /// Where workers come from.
    pub world: World,
    /// Where events are kept.
    pub recorder: Recorder,
}

impl LoadEngine {
    /// Runs the load. It cannot fail: whatever happens, the workers end, and an `End` says why.
    pub async fn run(self, cancel: watch::Receiver<(CancelLevel, String)>) -> Finished {
        let (inbox, inputs) = mpsc::channel(ROOM);
        let LoadEngine { plan, world, recorder } = self;
        let start = {
            let (plan, world) = (plan.clone(), world.clone());
            tokio::spawn(async move { Observers::start(&plan, &world, &inbox).await })
        };
        let mut run = Run {
            course: Course::new(&plan),
            seeker: seeker(&plan),
            search: None,
            states: Vec::new(),
            next_look: Offset::ZERO,
            starting: Some(start),
            observers: None,
            inputs,
            plan,
            world,
            recorder,
        };
        run.begin();
        let reason = run.go(cancel).await;
        run.end(reason).await
    }
}

/// The stream that looks for its breakpoint, with the conditions of its steps and the longest wait for late answers.
struct Seeker {
    stream: Name,
    until: Vec<Condition>,
    patience: Duration,
}

fn seeker(plan: &Plan) -> Option<Seeker> {
    plan.scenario.load.iter().find_map(|load| {
        let profile = plan.profiles.get(&load.name)?;
        let Executor::Breakpoint(breakpoint) = profile.executor()? else { return None };
        let until = breakpoint.until.iter().filter_map(|text| text.parse().ok()).collect();
        // While it waits the climb goes on, so at most by one step.
        let patience = profile.timeout.get().min(breakpoint.hold.get());
        Some(Seeker { stream: load.name.clone(), until, patience })
    })
}

struct Run {
    plan: Arc<Plan>,
    world: World,
    recorder: Recorder,
    course: Course,
    seeker: Option<Seeker>,
    search: Option<Search>,
    /// What was last said of each threshold.
    states: Vec<Option<bool>>,
    next_look: Offset,
    starting: Option<JoinHandle<Result<Observers, String>>>,
    observers: Option<Observers>,
    inputs: mpsc::Receiver<Input>,
}

impl Run {
    fn now(&self) -> Offset {
        self.world.clock.now()
    }

    fn record(&mut self, what: EventKind) {
        self.recorder.record(what);
        if let Some(why) = self.recorder.failed() {
            let why = format!("an event could not be kept: {why}");
            self.course.stop(EndReason::Failed { why }, Urgency::AtOnce);
        }
    }

    fn begin(&mut self) {
        let started = EventKind::Started {
            run: self.plan.run.clone(),
            scenario: self.plan.scenario.name.clone(),
            utc: self.world.clock.started().to_string(),
            seed: self.plan.seed,
        };
        self.record(started);
        self.record(EventKind::Phase { phase: Phase::Preflight });
    }

    /// The loop: until the load is over.
    async fn go(&mut self, mut cancel: watch::Receiver<(CancelLevel, String)>) -> EndReason {
        loop {
            let wake = self.next_wake();
            tokio::select! {
                biased;
                Ok(()) = cancel.changed() => {
                    let (level, by) = cancel.borrow_and_update().clone();
                    if let Some(reason) = self.on_cancel(level, by) {
                        return reason;
                    }
                }
                Some(started) = started(&mut self.starting) => {
                    self.starting = None;
                    match started {
                        Ok(observers) => self.observers = Some(observers),
                        Err(reason) => return reason,
                    }
                    self.record(EventKind::Phase { phase: Phase::Load });
                }
                Some(input) = self.inputs.recv() => {
                    self.on_input(input);
                    for _ in 0..ROOM {
                        let Ok(input) = self.inputs.try_recv() else { break };
                        self.on_input(input);
                    }
                }
                () = tokio::time::sleep_until(self.world.clock.instant_of(wake)) => {}
            }
            if self.observers.is_some()
                && let Some(reason) = self.decide().await
            {
                return reason;
            }
        }
    }

    fn next_wake(&self) -> Offset {
        let now = self.now();
        let search = self.search.as_ref().and_then(Search::next_wake).filter(|wake| *wake > now);
        let wakes = [Some(now + LOOK_EVERY), self.course.next_wake(), search];
        wakes.into_iter().flatten().min().unwrap_or(now + LOOK_EVERY)
    }

    /// First signal: no more requests, answers under way are waited for. Second: at once.
    fn on_cancel(&mut self, level: CancelLevel, by: String) -> Option<EndReason> {
        let (number, urgency) = match level {
            CancelLevel::Go => return None,
            CancelLevel::Heal => (1, Urgency::Graceful),
            CancelLevel::HealNow => (2, Urgency::AtOnce),
        };
        self.record(EventKind::Cancel { by, level: number });
        self.course.stop(EndReason::Cancelled, urgency);
        // Before anything was sent there is nothing to wait for.
        self.observers.is_none().then_some(EndReason::Cancelled)
    }

    fn on_input(&mut self, input: Input) {
        match input {
            Input::Worker(report) => {
                let event = worker_event(report, &self.world.clock);
                match &event {
                    EventKind::LoadReady { stream, from: Some(from), .. } => self.on_ready(&stream.clone(), *from),
                    EventKind::LoadEnd { stream } | EventKind::LoadLost { stream, .. } => self.course.over(stream),
                    _ => {}
                }
                self.record(event);
            }
            Input::Event(what) => self.record(what),
            // A load has no services, no guards of their own, and nothing to verify.
            Input::Service(_) | Input::Trip(_) | Input::Ready(_) | Input::Observed | Input::Verified => {}
        }
    }

    fn on_ready(&mut self, stream: &Name, from: Offset) {
        self.course.ready(stream, from);
        let profile = self.plan.profiles.get(stream);
        if let Some(Executor::Breakpoint(breakpoint)) = profile.and_then(|p| p.executor()) {
            self.search = Some(Search::new(breakpoint, from));
        }
    }

    /// Looks at everything there is to decide, and acts; the reason when the load is over.
    async fn decide(&mut self) -> Option<EndReason> {
        let now = self.now();
        self.recorder.timeline_mut().tick(now);
        if !self.course.is_stopping() {
            self.look_at_thresholds(now);
            self.seek(now).await;
        }
        while let Some(action) = self.course.poll(now) {
            match action {
                Action::Stop { grace } => {
                    let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
                    self.order(None, WorkerOrder::Stop { grace_ms }).await;
                }
                Action::Finish(reason) => return Some(reason),
            }
        }
        None
    }

    /// Tells of thresholds that changed, and stops the load for one that says so.
    fn look_at_thresholds(&mut self, now: Offset) {
        let plan = self.plan.clone();
        let Some(load) = plan.load.as_ref().filter(|_| now >= self.next_look) else { return };
        self.next_look = now + LOOK_EVERY;
        let states = gate::states(load, self.recorder.timeline(), now);
        let trip = gate::failing(load, self.recorder.timeline(), now);
        self.states.resize(states.len(), None);
        for (n, state) in states.into_iter().enumerate() {
            // One that cannot be told for a moment, because answers are still to come, is as it was.
            if state.held.is_some() && self.states[n] != state.held {
                self.states[n] = state.held;
                let gate::ThresholdNow { threshold, held, measured } = state;
                self.record(EventKind::Threshold { threshold, held, measured });
            }
        }
        if let Some(trip) = trip {
            self.record(EventKind::Guard { condition: trip.threshold, why: trip.measured });
            self.course.stop(EndReason::Guard, Urgency::AtOnce);
        }
    }

    /// Goes on with the search for a breakpoint.
    async fn seek(&mut self, now: Offset) {
        let Some(search) = &mut self.search else { return };
        let moves = search.announce(now);
        self.make(moves).await;
        let Some(look) = self.look_at_step(now) else { return };
        let moves = self.search.as_mut().map(|search| search.looked(look, now)).unwrap_or_default();
        self.make(moves).await;
    }

    /// What the step that is to be judged showed; none: it is too early to tell.
    fn look_at_step(&self, now: Offset) -> Option<StepLook> {
        let (seeker, step) = (self.seeker.as_ref()?, self.search.as_ref()?.step()?);
        if now < step.to + SETTLE {
            return None;
        }
        let timeline = self.recorder.timeline();
        let look = gate::step(&seeker.until, &seeker.stream, timeline, step.from, step.to);
        let StepLook::Unclear { ours: false, .. } = &look else { return Some(look) };
        let load = timeline.loads.get(&seeker.stream)?;
        let waiting = load.counts(step.from, step.to).pending;
        if waiting == 0 && load.told() >= step.to {
            return Some(look);
        }
        let waited = now >= step.to + SETTLE + seeker.patience;
        waited.then(|| match waiting {
            0 => StepLook::Unclear { why: "its worker does not report".into(), ours: true },
            n => StepLook::Broke { why: format!("{n} requests were still unanswered {:?} after it", seeker.patience) },
        })
    }

    async fn make(&mut self, moves: Vec<Move>) {
        for next in moves {
            match next {
                Move::Mark(mark) => {
                    let Some(stream) = self.seeker.as_ref().map(|seeker| seeker.stream.clone()) else { return };
                    self.record(EventKind::Search { stream, mark });
                }
                Move::Hold { per_second, from } => {
                    let stream = self.seeker.as_ref().map(|seeker| seeker.stream.clone());
                    let from = self.world.clock.raw_of(from);
                    self.order(stream.as_ref(), WorkerOrder::Hold { per_second, from }).await;
                }
                Move::Stop => self.course.stop(EndReason::Completed, Urgency::Graceful),
            }
        }
    }

    async fn order(&mut self, stream: Option<&Name>, order: WorkerOrder) {
        let Some(observers) = &mut self.observers else { return };
        for text in observers.order(stream, order).await {
            self.record(EventKind::Note { text });
        }
    }

    /// The way out of every load: no worker is left.
    async fn end(mut self, reason: EndReason) -> Finished {
        if let Some(starting) = self.starting.take() {
            starting.abort();
            // Workers that were started by then lose their lease, and end.
            let _ = starting.await;
        }
        if let Some(observers) = self.observers.take() {
            let stop = tokio::time::timeout(DRAIN_WITHIN, observers.stop());
            tokio::pin!(stop);
            loop {
                tokio::select! {
                    _ = &mut stop => break,
                    Some(input) = self.inputs.recv() => self.on_input(input),
                }
            }
        }
        while let Ok(input) = self.inputs.try_recv() {
            self.on_input(input);
        }
        self.record(EventKind::End { reason, remaining: Vec::new() });
        let (timeline, recorder_failed) = self.recorder.into_parts();
        Finished { timeline, remaining: Vec::new(), recorder_failed }
    }
}

/// Waits for the observers to have started; none: they did already.
async fn started(starting: &mut Option<JoinHandle<Result<Observers, String>>>) -> Option<Result<Observers, EndReason>> {
    let ended = starting.as_mut()?.await;
    Some(match ended {
        Ok(Ok(observers)) => Ok(observers),
        Ok(Err(why)) => Err(EndReason::Refused { why }),
        Err(_) => Err(EndReason::Failed { why: "a bug in this program: starting the load panicked".into() }),
    })
}
