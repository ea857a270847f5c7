//! The loop that acts.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::conductor::{Action, Conductor, Pulse};
use super::fault_task::{self, FaultTask, UNDO_WITHIN};
use super::guards::{Guards, Trip};
use super::inbox::{CancelLevel, Input, ROOM};
use super::limits::Limits;
use super::observers::Observers;
use super::recorder::Recorder;
use super::revert::revert_all;
use super::tasks::{Doing, Tasks};
use super::verify::{self, TakenSoFar};
use super::{kill_file, preflight, steps};
use crate::clock::Clock;
use crate::model::Offset;
use crate::safety::Journal;
use crate::scenario::phases::Phase;
use crate::scenario::plan::Plan;
use crate::timeline::Timeline;
use crate::timeline::event::{EndReason, EventKind, FaultMark, ServiceMark, StepMark};
use crate::timeline::load_line::{WorkerLine, WorkerReport, WorkerSaid};
use crate::timeline::query::Measured;
use crate::world::World;
use crate::world::services::{ServiceChange, ServiceNotice};

/// Time between two beats to the watchdog.
const BEAT_EVERY: Duration = Duration::from_millis(500);
/// Time a service gets to end before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// Longest time for everything that observes to report what is left.
pub(super) const DRAIN_WITHIN: Duration = Duration::from_secs(15);

/// The dead man's switch, as the engine sees it.
pub trait Switch: Send {
    /// Says that the runner is alive.
    ///
    /// # Errors
    /// When the watchdog is gone: nothing more may be armed, and the drill ends.
    fn beat(&mut self) -> Result<(), String>;
}

/// A drill, ready to run.
pub struct Engine {
    /// What is going to happen.
    pub plan: Arc<Plan>,
    /// What it happens to.
    pub world: World,
    /// Where undo is kept.
    pub journal: Journal,
    /// The dead man's switch.
    pub switch: Box<dyn Switch>,
    /// Where events are kept.
    pub recorder: Recorder,
}

/// A drill that is over.
pub struct Finished {
    /// What happened.
    pub timeline: Timeline,
    /// Undo that remains, with what to do by hand; empty: the world is as before.
    pub remaining: Vec<String>,
    /// Why events could not be kept, if that is so.
    pub recorder_failed: Option<String>,
}

impl Engine {
    /// Runs the drill. It cannot fail: whatever happens, it undoes, and ends with an `End` that says why.
    pub async fn run(self, cancel: watch::Receiver<(CancelLevel, String)>) -> Finished {
        let (inbox, inputs) = mpsc::channel(ROOM);
        let (notices, noticed) = mpsc::channel(64);
        let mut run = Run {
            guards: Guards::new(&self.plan),
            limits: Limits::new(self.plan.clone(), self.world.clone()),
            holds: self.plan.scenario.faults.iter().map(|_| CancellationToken::new()).collect(),
            engine: self,
            conductor: None,
            inbox,
            inputs,
            tasks: Tasks::default(),
            observers: None,
            taken: TakenSoFar::default(),
            refused: None,
            last_state: None,
        };
        run.begin(notices, noticed);
        let reason = run.go(cancel).await;
        run.end(reason).await
    }
}

struct Run {
    engine: Engine,
    conductor: Option<Conductor>,
    guards: Guards,
    limits: Arc<Limits>,
    inbox: mpsc::Sender<Input>,
    inputs: mpsc::Receiver<Input>,
    /// Whatever acts.
    tasks: Tasks,
    observers: Option<Observers>,
    taken: TakenSoFar,
    /// What ends the hold of each fault.
    holds: Vec<CancellationToken>,
    refused: Option<EndReason>,
    last_state: Option<crate::timeline::event::SignalState>,
}

impl Run {
    fn now(&self) -> Offset {
        self.engine.world.clock.now()
    }

    fn plan(&self) -> Arc<Plan> {
        self.engine.plan.clone()
    }

    fn begin(&mut self, notices: mpsc::Sender<ServiceNotice>, mut noticed: mpsc::Receiver<ServiceNotice>) {
        let plan = self.plan();
        let started = EventKind::Started {
            run: plan.run.clone(),
            scenario: plan.scenario.name.clone(),
            utc: self.engine.world.clock.started().to_string(),
            seed: plan.seed,
        };
        self.record(started);
        self.record(EventKind::Phase { phase: Phase::Preflight });
        if !plan.simulated {
            self.record(EventKind::Note { text: format!("the watchdog's reach is {}", super::reach::reach()) });
        }
        let inbox = self.inbox.clone();
        self.tasks.spawn(Doing::Telling, async move {
            while let Some(notice) = noticed.recv().await {
                if inbox.send(Input::Service(notice)).await.is_err() {
                    return;
                }
            }
        });
        let files = plan.consent.kill_files.clone();
        if !files.is_empty() && !plan.simulated {
            self.tasks.spawn(Doing::Telling, kill_file::watch(files, self.inbox.clone()));
        }
        let (world, limits) = (self.engine.world.clone(), self.limits.clone());
        let prepare = preflight::prepare(plan, world, limits, self.inbox.clone(), notices);
        self.tasks.spawn(Doing::Preflight, prepare);
    }

    /// The loop: until the conductor says that the run is over.
    async fn go(&mut self, mut cancel: watch::Receiver<(CancelLevel, String)>) -> EndReason {
        let mut beat = tokio::time::interval(BEAT_EVERY);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let wake = self
                .conductor
                .as_ref()
                .map_or_else(|| self.now() + Duration::from_secs(1), |conductor| conductor.next_wake(self.now()));
            tokio::select! {
                biased;
                Ok(()) = cancel.changed() => {
                    let (level, by) = cancel.borrow_and_update().clone();
                    self.on_cancel(level, by);
                }
                _ = beat.tick() => self.on_beat(),
                Some(input) = self.inputs.recv() => {
                    self.on_input(input);
                    // Whatever waits is taken before anything is decided: a decision should know all there is.
                    for _ in 0..ROOM {
                        let Ok(input) = self.inputs.try_recv() else { break };
                        self.on_input(input);
                    }
                }
                () = tokio::time::sleep_until(self.engine.world.clock.instant_of(wake)) => {}
            }
            if let Some(reason) = self.refused.take() {
                return reason;
            }
            if let Some(reason) = self.decide() {
                return reason;
            }
            while let Some(doing) = self.tasks.next_panicked() {
                self.on_panic(doing);
            }
        }
    }

    fn record(&mut self, what: EventKind) {
        let event = self.engine.recorder.record(what);
        if let Some(conductor) = &mut self.conductor {
            conductor.on(&event);
            if let Some(why) = self.engine.recorder.failed() {
                let why = format!("an event could not be kept: {why}");
                conductor.stop(EndReason::Failed { why }, 2);
            }
        }
    }

    fn on_cancel(&mut self, level: CancelLevel, by: String) {
        let number = match level {
            CancelLevel::Go => return,
            CancelLevel::Heal => 1,
            CancelLevel::HealNow => 2,
        };
        self.record(EventKind::Cancel { by, level: number });
        match &mut self.conductor {
            Some(conductor) => conductor.stop(EndReason::Cancelled, number),
            // Still in preflight: nothing was hurt.
            None => self.refused = Some(EndReason::Cancelled),
        }
    }

    fn on_beat(&mut self) {
        if let Err(why) = self.engine.switch.beat() {
            self.on_lost_watchdog(&why);
        }
    }

    fn on_lost_watchdog(&mut self, why: &str) {
        let why = format!("the watchdog is gone: {why}");
        match &mut self.conductor {
            Some(conductor) if conductor.is_stopping() => {}
            Some(conductor) => conductor.stop(EndReason::Failed { why }, 1),
            None => self.refused = Some(EndReason::Failed { why }),
        }
    }

    /// Whoever panicked owes the conductor an answer: it is given here, and a fault is undone from the journal.
    fn on_panic(&mut self, doing: Doing) {
        let why = "a bug in this program: its task panicked".to_owned();
        self.record(EventKind::Note { text: format!("{doing:?}: {why}") });
        match doing {
            Doing::Fault(index) => {
                self.mark_fault(index, FaultMark::Failed { why });
                let (plan, world, inbox) = (self.plan(), self.engine.world.clone(), self.inbox.clone());
                let undo = fault_task::undo_from_journal(plan, index, world, self.engine.journal.clone(), inbox);
                self.tasks.spawn(Doing::Fault(index), undo);
            }
            Doing::Step(index) => {
                let step = self.plan().scenario.playbook[index].name.clone();
                let when = self.now();
                self.record(EventKind::Step { step, mark: StepMark::Failed { when, why } });
            }
            Doing::Preflight => self.refused = Some(EndReason::Failed { why }),
            Doing::EndOfObservation => self.on_input(Input::Observed),
            Doing::Verification => self.on_input(Input::Verified),
            Doing::Telling => {}
        }
    }

    fn on_trip(&mut self, trip: Trip) {
        let why = format!("{}: {}", trip.condition, trip.why);
        self.record(EventKind::Guard { condition: trip.condition, why: trip.why });
        match &mut self.conductor {
            Some(conductor) => conductor.stop(EndReason::Guard, 1),
            // Still in preflight: nothing was hurt.
            None => self.refused = Some(EndReason::Refused { why }),
        }
    }

    fn mark_fault(&mut self, index: usize, mark: FaultMark) {
        let fault = self.plan().scenario.faults[index].name.clone();
        self.record(EventKind::Fault { fault, mark });
    }

    fn on_input(&mut self, input: Input) {
        match input {
            Input::Event(what) => self.record(what),
            Input::Worker(report) => self.record(worker_event(report, &self.engine.world.clock)),
            Input::Service(notice) => self.record(service_event(notice)),
            Input::Ready(Ok(observers)) => {
                self.observers = Some(*observers);
                self.conductor = Some(Conductor::new(self.plan(), self.now()));
            }
            Input::Ready(Err(why)) => self.refused = Some(EndReason::Refused { why }),
            Input::Trip(trip) => self.on_trip(trip),
            Input::Observed => {
                if let Some(conductor) = &mut self.conductor {
                    conductor.observed();
                }
            }
            Input::Verified => {
                if let Some(conductor) = &mut self.conductor {
                    conductor.verified();
                }
            }
        }
    }

    /// Asks the conductor until it has nothing more to say; the reason when the run is over.
    fn decide(&mut self) -> Option<EndReason> {
        let now = self.now();
        let pulse = self.pulse(now);
        if let Some(trip) = self.guards.check(now, self.engine.recorder.timeline(), self.conductor.as_ref()?.phase()) {
            self.on_trip(trip);
        }
        loop {
            let actions = self.conductor.as_mut()?.poll(now, pulse);
            if actions.is_empty() {
                return None;
            }
            for action in actions {
                if let Some(reason) = self.act(action) {
                    return Some(reason);
                }
            }
        }
    }

    fn pulse(&mut self, now: Offset) -> Option<Pulse> {
        let pulse = self.engine.recorder.timeline_mut().pulse(now)?;
        let (state, since) = (pulse.state, pulse.since);
        if self.last_state.replace(state) != Some(state) {
            self.record(EventKind::Signal { since, state });
        }
        Some(Pulse { state, since, last_bad: pulse.last_bad, horizon: pulse.horizon })
    }

    fn act(&mut self, action: Action) -> Option<EndReason> {
        let (plan, world, inbox) = (self.plan(), self.engine.world.clone(), self.inbox.clone());
        match action {
            Action::Enter(phase) => self.record(EventKind::Phase { phase }),
            Action::LookAtSteadyState { from } => self.look_at_steady_state(from),
            Action::Begin(index) => {
                if let Err(why) = self.engine.switch.beat() {
                    self.on_lost_watchdog(&why);
                    self.mark_fault(index, FaultMark::Skipped { why: "nothing is armed without a watchdog".into() });
                    return None;
                }
                let (journal, undo) = (self.engine.journal.clone(), self.holds[index].clone());
                let limits = self.limits.clone();
                let fault = FaultTask { plan, index, world, limits, journal, inbox, undo };
                self.tasks.spawn(Doing::Fault(index), fault.run());
            }
            Action::Undo(index) => self.holds[index].cancel(),
            Action::SkipFault(index, why) => {
                self.mark_fault(index, FaultMark::Skipped { why });
            }
            Action::BeginStep(index) => {
                self.tasks.spawn(Doing::Step(index), steps::run_step(plan, index, world, inbox));
            }
            Action::SkipStep(index, why) => {
                let step = plan.scenario.playbook[index].name.clone();
                self.record(EventKind::Step { step, mark: StepMark::Skipped { why } });
            }
            Action::TakeBackup(name) => {
                let taken = self.taken.clone();
                self.tasks.spawn(Doing::Telling, verify::take_backup(plan, world, name, taken, inbox));
            }
            Action::StopObserving => {
                let observers = self.observers.take();
                self.tasks.spawn(Doing::EndOfObservation, async move {
                    if let Some(observers) = observers {
                        // Late reports are worth a wait, but not any wait.
                        let _ = tokio::time::timeout(DRAIN_WITHIN, observers.stop()).await;
                    }
                    let _ = inbox.send(Input::Observed).await;
                });
            }
            Action::Verify { restores } => {
                let entries = self.engine.recorder.timeline().ledger_entries();
                let taken = self.taken.clone();
                self.tasks.spawn(Doing::Verification, verify::verify(plan, world, taken, entries, restores, inbox));
            }
            Action::Finish(reason) => return Some(reason),
        }
        None
    }

    fn look_at_steady_state(&mut self, from: Offset) {
        let now = self.now();
        for condition in &self.plan().scenario.steady_state {
            let measured = self.engine.recorder.timeline().measure(condition, from, now);
            let (held, measured) = match measured {
                Measured::Seen { holds, value } => (Some(holds), value),
                Measured::Unseen { why } => (None, why),
            };
            self.record(EventKind::SteadyState { condition: condition.to_string(), held, measured });
        }
    }

    /// The way out of every run: what is left in the journal is undone, whatever the drill started ends.
    async fn end(mut self, reason: EndReason) -> Finished {
        self.tasks.stop_preflight();
        if let Some(observers) = self.observers.take() {
            let _ = tokio::time::timeout(DRAIN_WITHIN, self.drain_while(observers.stop())).await;
        }
        self.tasks.shutdown().await;
        let world = self.engine.world.clone();
        let journal = self.engine.journal.clone();
        let left = self.undo_what_is_left(&world, &journal).await;
        world.services.stop_all(STOP_GRACE).await;
        world.links.close().await;
        while let Ok(input) = self.inputs.try_recv() {
            self.on_input(input);
        }
        self.record(EventKind::End { reason, remaining: left.clone() });
        let (timeline, recorder_failed) = self.engine.recorder.into_parts();
        Finished { timeline, remaining: left, recorder_failed }
    }

    /// Takes inputs while something ends that may still have something to say.
    async fn drain_while(&mut self, work: impl Future<Output = ()>) {
        tokio::pin!(work);
        loop {
            tokio::select! {
                () = &mut work => return,
                Some(input) = self.inputs.recv() => self.on_input(input),
            }
        }
    }

    /// A fault whose task panicked, or was cut off, is undone like any other: its entry stands in the journal. The
    /// watchdog goes on hearing from us meanwhile, because undo may take its time.
    async fn undo_what_is_left(&mut self, world: &World, journal: &Journal) -> Vec<String> {
        let residue = journal.residue();
        let undo = revert_all(world, &residue, Some(journal), Instant::now() + UNDO_WITHIN);
        tokio::pin!(undo);
        let mut beat = tokio::time::interval(BEAT_EVERY);
        loop {
            tokio::select! {
                left = &mut undo => return left.lines(),
                _ = beat.tick() => {
                    // Whether it still listens no longer matters: this is the undo.
                    let _ = self.engine.switch.beat();
                }
            }
        }
    }
}

/// What a load worker said, as an event.
pub(super) fn worker_event(report: WorkerReport, clock: &Clock) -> EventKind {
    let stream = report.stream;
    match report.said {
        WorkerSaid::Line(WorkerLine::Hello(hello)) => {
            let from = Some(clock.offset_of_raw(hello.start));
            EventKind::LoadReady { stream, hello, from }
        }
        WorkerSaid::Line(WorkerLine::Window(line)) => EventKind::Load { stream, line },
        WorkerSaid::Line(WorkerLine::End(_)) => EventKind::LoadEnd { stream },
        WorkerSaid::Lost(why) => EventKind::LoadLost { stream, why },
    }
}

fn service_event(notice: ServiceNotice) -> EventKind {
    let change = match notice.change {
        ServiceChange::Started(process) => ServiceMark::Started { process },
        ServiceChange::Exited { process, code, signal } => {
            let how = match (code, signal) {
                (Some(code), _) => format!("{process} ended with exit code {code}"),
                (None, Some(signal)) => format!("{process} was ended by signal {signal}"),
                (None, None) => format!("{process} ended"),
            };
            ServiceMark::Exited { how }
        }
        ServiceChange::Failed(why) | ServiceChange::Lost(why) => ServiceMark::Failed { why },
    };
    EventKind::Service { service: notice.service, seen: notice.at, change }
}
