//! Who decides: the pure state machine of a drill.
//!
//! It reads every event of the run and, asked at a moment, says what is to be done next. It waits for nothing, reads no
//! clock and touches nothing, so that every path through a drill can be tested as a list of events.

mod faults;
mod stages;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Name, Offset};
use crate::scenario::Milestone;
use crate::scenario::phases::Phase;
use crate::scenario::plan::Plan;
use crate::timeline::event::{BackupMark, EndReason, Event, EventKind, Sight, SignalState};

use faults::{FaultRun, StepRun};

/// What the conductor knows of the recovery signal at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// Its state.
    pub state: SignalState,
    /// Since when it has been in that state.
    pub since: Offset,
    /// The latest moment at which it was bad.
    pub last_bad: Option<Offset>,
    /// Up to when it has been observed: behind now by a window and by what is still on its way.
    pub horizon: Offset,
}

impl Pulse {
    /// Whether it has been seen to be good for `hold`, all of it after `from`.
    fn good_since(&self, from: Offset, hold: Duration) -> bool {
        self.state == SignalState::Good && self.since.max(from) + hold <= self.horizon
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A phase begins.
    Enter(Phase),
    /// The steady state is to be looked at, over this span.
    LookAtSteadyState {
        /// Start of the baseline.
        from: Offset,
    },
    /// Prepare, arm and inject a fault, by its place in the scenario.
    Begin(usize),
    /// Take a fault back.
    Undo(usize),
    /// A fault or step will never begin.
    SkipFault(usize, String),
    /// A playbook step begins.
    BeginStep(usize),
    /// A step will never begin.
    SkipStep(usize, String),
    /// A backup is to be taken.
    TakeBackup(Name),
    /// Load and ledger stop; probes too.
    StopObserving,
    /// Read the ledger back; restore the backups and check them unless the run was cut short.
    Verify {
        /// Whether backups are restored, too.
        restores: bool,
    },
    /// The run is over.
    Finish(EndReason),
}

/// Why the drill is cut short.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stop {
    reason: EndReason,
    /// 2: no verification either.
    level: u8,
}

/// The state of a drill.
#[derive(Debug)]
pub struct Conductor {
    plan: Arc<Plan>,
    phase: Phase,
    phase_from: Offset,
    fault_from: Option<Offset>,
    faults: Vec<FaultRun>,
    steps: Vec<StepRun>,
    backups: Vec<BackupRun>,
    probes: BTreeMap<Name, ProbeRun>,
    steady: SteadyState,
    stop: Option<Stop>,
    observation: Observation,
    verifying: bool,
    verified: bool,
    finished: bool,
}

#[derive(Debug)]
struct BackupRun {
    name: Name,
    asked: bool,
    over: bool,
}

/// What a probe that a fault is held for has seen.
#[derive(Debug, Default)]
struct ProbeRun {
    last_bad: Option<Offset>,
    good_since: Option<Offset>,
}

impl ProbeRun {
    fn on(&mut self, intended: Offset, sight: &Sight) {
        match sight {
            Sight::Good => self.good_since = self.good_since.or(Some(intended)),
            Sight::Bad { .. } => {
                self.last_bad = self.last_bad.max(Some(intended));
                self.good_since = None;
            }
            Sight::Blind { .. } => self.good_since = None,
        }
    }
}

/// Whether anything still looks at the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Observation {
    On,
    Ending,
    Over,
}

/// How far the gate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SteadyState {
    NotAsked,
    Asked { open: usize, met: bool },
}

impl Conductor {
    /// A conductor at the end of preflight: everything is ready to be observed.
    pub fn new(plan: Arc<Plan>, now: Offset) -> Self {
        let scenario = &plan.scenario;
        let taken = scenario.backups.iter().filter(|(_, b)| b.source == crate::scenario::backup::BackupSource::Take);
        let awaited = scenario.faults.iter().filter_map(|f| f.until.as_ref()?.probe.clone());
        Conductor {
            phase: Phase::Preflight,
            phase_from: now,
            fault_from: None,
            faults: scenario.faults.iter().map(|_| FaultRun::default()).collect(),
            steps: scenario.playbook.iter().map(|_| StepRun::default()).collect(),
            backups: taken.map(|(n, _)| BackupRun { name: n.clone(), asked: false, over: false }).collect(),
            probes: awaited.map(|p| (p, ProbeRun::default())).collect(),
            steady: SteadyState::NotAsked,
            stop: None,
            observation: Observation::On,
            verifying: false,
            verified: false,
            finished: false,
            plan,
        }
    }

    /// The phase it is in.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Cuts the drill short: nothing more is hurt, everything is undone. The first reason stays; a higher level counts.
    pub fn stop(&mut self, reason: EndReason, level: u8) {
        match &mut self.stop {
            Some(stop) => stop.level = stop.level.max(level),
            None => self.stop = Some(Stop { reason, level }),
        }
    }

    /// Whether it is being cut short.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_some()
    }

    /// Takes note of an event.
    pub fn on(&mut self, event: &Event) {
        match &event.what {
            EventKind::Fault { fault, mark } => {
                if let Some(i) = self.plan.scenario.faults.iter().position(|f| f.name == *fault) {
                    self.faults[i].on(mark);
                }
            }
            EventKind::Step { step, mark } => {
                if let Some(i) = self.plan.scenario.playbook.iter().position(|s| s.name == *step) {
                    self.steps[i].on(mark);
                }
            }
            EventKind::Backup { backup, mark } if !matches!(mark, BackupMark::Began { .. }) => {
                if let Some(run) = self.backups.iter_mut().find(|b| b.name == *backup) {
                    run.over = true;
                }
            }
            EventKind::Probe { probe, intended, sight, .. } => {
                if let Some(run) = self.probes.get_mut(probe) {
                    run.on(*intended, sight);
                }
            }
            EventKind::SteadyState { held, .. } => {
                if let SteadyState::Asked { open, met } = &mut self.steady {
                    *open = open.saturating_sub(1);
                    *met &= *held == Some(true);
                }
            }
            _ => {}
        }
    }

    /// Nothing observes any more, and everything that was seen is told.
    pub fn observed(&mut self) {
        self.observation = Observation::Over;
    }

    /// The ledger was read and the restores are proven, as far as asked.
    pub fn verified(&mut self) {
        self.verified = true;
    }

    /// What is to be done at this moment. Asked again after its events are recorded, until it says nothing.
    pub fn poll(&mut self, now: Offset, pulse: Option<Pulse>) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.finished {
            return actions;
        }
        if self.stop.is_some() && self.phase < Phase::Undo {
            self.leave_fault_phase(now, &mut actions);
        }
        match self.phase {
            // A drill has no phase `load`.
            Phase::Preflight | Phase::Load => self.enter(Phase::Warmup, now, &mut actions),
            Phase::Warmup => self.poll_warmup(now, &mut actions),
            Phase::Baseline => self.poll_baseline(now, &mut actions),
            Phase::Fault => self.poll_faults(now, pulse, &mut actions),
            Phase::Undo => self.poll_undo(now, &mut actions),
            Phase::Recovery => self.poll_recovery(now, pulse, &mut actions),
            Phase::After => self.poll_after(now, &mut actions),
            Phase::Verify => self.poll_verify(&mut actions),
        }
        actions
    }

    fn enter(&mut self, phase: Phase, now: Offset, actions: &mut Vec<Action>) {
        self.phase = phase;
        self.phase_from = now;
        if phase == Phase::Fault {
            self.fault_from = Some(now);
        }
        actions.push(Action::Enter(phase));
    }

    /// When a milestone was reached; `Err` when it never will be.
    fn milestone(&self, after: &crate::scenario::After) -> Result<Option<Offset>, String> {
        let scenario = &self.plan.scenario;
        if let Some(step) = &after.step {
            let at = scenario.playbook.iter().position(|s| s.name == *step);
            return at.map_or(Err(format!("there is no step {step}")), |i| self.steps[i].done(step));
        }
        let Some(fault) = &after.fault else { return Err("it waits for nothing".into()) };
        let Some(i) = scenario.faults.iter().position(|f| f.name == *fault) else {
            return Err(format!("there is no fault {fault}"));
        };
        let milestone = match after.is {
            Milestone::Done if scenario.faults[i].spec.is_held() => Milestone::Undone,
            Milestone::Done => Milestone::Injected,
            other => other,
        };
        self.faults[i].milestone(milestone, fault)
    }
}
