//! What each phase waits for, and what it does.

use std::time::Duration;

use super::faults::Stage;
use super::{Action, Conductor, Observation, Pulse, SteadyState};
use crate::model::{Name, Offset};
use crate::scenario::fault::Impact;
use crate::scenario::phases::Phase;
use crate::scenario::timing::{Hold, Moment};
use crate::timeline::event::EndReason;

/// How long an act that is not held may take to show its effect (a graceful stop, a drain).
const EFFECT_WITHIN: Duration = Duration::from_secs(30);

impl Conductor {
    pub(super) fn poll_warmup(&mut self, now: Offset, actions: &mut Vec<Action>) {
        if now >= self.phase_from + self.plan.scenario.phases.warmup.get() {
            self.enter(Phase::Baseline, now, actions);
        }
    }

    pub(super) fn poll_baseline(&mut self, now: Offset, actions: &mut Vec<Action>) {
        let baseline = self.plan.scenario.phases.baseline.get();
        for run in self.backups.iter_mut().filter(|b| !b.asked) {
            let at = self.plan.scenario.backups[&run.name].at.map_or(baseline / 2, |at| at.get());
            if now >= self.phase_from + at {
                run.asked = true;
                actions.push(Action::TakeBackup(run.name.clone()));
            }
        }
        if now < self.phase_from + baseline {
            return;
        }
        match self.steady {
            SteadyState::NotAsked => {
                let open = self.plan.scenario.steady_state.len();
                self.steady = SteadyState::Asked { open, met: true };
                if open > 0 {
                    actions.push(Action::LookAtSteadyState { from: self.phase_from });
                } else {
                    self.enter(Phase::Fault, now, actions);
                }
            }
            SteadyState::Asked { open: 0, met: true } => self.enter(Phase::Fault, now, actions),
            SteadyState::Asked { open: 0, met: false } => self.stop(EndReason::NotSteady, 1),
            SteadyState::Asked { .. } => {}
        }
    }

    pub(super) fn poll_faults(&mut self, now: Offset, pulse: Option<Pulse>, actions: &mut Vec<Action>) {
        self.note_recoveries(now, pulse);
        self.begin_faults(now, pulse, actions);
        self.begin_steps(now, pulse, actions);
        self.end_holds(now, actions);
        let over = self.faults.iter().all(|f| f.stage == Stage::Over) && self.steps.iter().all(|s| s.over);
        if over {
            self.leave_fault_phase(now, actions);
        }
    }

    fn note_recoveries(&mut self, now: Offset, pulse: Option<Pulse>) {
        let phases = &self.plan.scenario.phases;
        let (hold, deadline) = (phases.recovery.hold.get(), phases.recovery.deadline.get());
        for (run, fault) in self.faults.iter_mut().zip(&self.plan.scenario.faults) {
            let Some(act) = run.act else { continue };
            if run.recovered.is_some() || run.given_up {
                continue;
            }
            let Some(pulse) = pulse else {
                run.given_up = true;
                continue;
            };
            let hit = pulse.last_bad.is_some_and(|bad| bad >= act) || fault.impact != Impact::Expected;
            if hit && pulse.good_since(act, hold) {
                run.recovered = Some(now);
            } else if now >= run.undone.unwrap_or(act) + deadline + hold && run.stage == Stage::Over {
                run.given_up = true;
            }
        }
    }

    /// Whether a moment has come; `Err` when it never will.
    fn has_come(&self, moment: &Moment<'_>, now: Offset, pulse: Option<Pulse>) -> Result<bool, String> {
        let start = self.fault_from.unwrap_or(now);
        match moment {
            Moment::At(at) => Ok(now >= start + at.get()),
            Moment::After(after) => {
                Ok(self.milestone(after)?.is_some_and(|reached| now >= reached + after.delay.get()))
            }
            Moment::When(when) => match pulse {
                Some(pulse) => Ok(pulse.good_since(start, when.steady.get())),
                None => Err("there is no recovery signal that could be steady".into()),
            },
        }
    }

    fn begin_faults(&mut self, now: Offset, pulse: Option<Pulse>, actions: &mut Vec<Action>) {
        let plan = self.plan.clone();
        for (i, fault) in plan.scenario.faults.iter().enumerate() {
            if self.faults[i].stage != Stage::Waiting {
                continue;
            }
            let moment = fault.moment().map_err(|e| e.to_string());
            match moment.and_then(|m| self.has_come(&m, now, pulse)) {
                Ok(false) => {}
                Ok(true) => {
                    self.faults[i].stage = Stage::On;
                    self.faults[i].order = 1 + self.faults.iter().map(|f| f.order).max().unwrap_or(0);
                    actions.push(Action::Begin(i));
                }
                Err(why) => {
                    self.faults[i].stage = Stage::Over;
                    actions.push(Action::SkipFault(i, why));
                }
            }
        }
    }

    fn begin_steps(&mut self, now: Offset, pulse: Option<Pulse>, actions: &mut Vec<Action>) {
        let plan = self.plan.clone();
        for (i, step) in plan.scenario.playbook.iter().enumerate() {
            if self.steps[i].began || self.steps[i].over {
                continue;
            }
            let moment = step.moment().map_err(|e| e.to_string());
            match moment.and_then(|m| self.has_come(&m, now, pulse)) {
                Ok(false) => {}
                Ok(true) => {
                    self.steps[i].began = true;
                    actions.push(Action::BeginStep(i));
                }
                Err(why) => {
                    self.steps[i].over = true;
                    actions.push(Action::SkipStep(i, why));
                }
            }
        }
    }

    fn end_holds(&mut self, now: Offset, actions: &mut Vec<Action>) {
        let plan = self.plan.clone();
        for (i, fault) in plan.scenario.faults.iter().enumerate() {
            let run = &self.faults[i];
            if run.stage != Stage::On {
                continue;
            }
            let Some(act) = run.act else { continue };
            let held_from = run.injected.unwrap_or(act);
            let too_long = now >= act + plan.scenario.guard.max_hold.get();
            let due = match fault.hold() {
                Ok(Hold::Act) => run.injected.is_some() || now >= act + EFFECT_WITHIN,
                Ok(Hold::For(d)) => now >= held_from + d.get(),
                Ok(Hold::Until(until)) => {
                    (until.recovered && run.recovered.is_some())
                        || until.step.as_ref().is_some_and(|s| self.step_is_over(s))
                        || until.probe.as_ref().is_some_and(|p| self.probe_is_back(p, act, now))
                        || now >= held_from + until.at_most.get()
                }
                Err(_) => true,
            };
            if due || too_long || run.failed {
                self.faults[i].stage = Stage::Ending;
                actions.push(Action::Undo(i));
            }
        }
    }

    /// Whether a probe failed after `act` and has been good for the hold time since.
    fn probe_is_back(&self, name: &Name, act: Offset, now: Offset) -> bool {
        let hold = self.plan.scenario.phases.recovery.hold.get();
        self.probes.get(name).is_some_and(|probe| {
            probe.last_bad.is_some_and(|bad| bad >= act) && probe.good_since.is_some_and(|good| good + hold <= now)
        })
    }

    fn step_is_over(&self, name: &Name) -> bool {
        let steps = self.plan.scenario.playbook.iter().zip(&self.steps);
        steps.into_iter().any(|(step, run)| step.name == *name && run.over)
    }

    /// Leaves whatever phase comes before the undo: nothing more begins, and what stands is taken back, newest first.
    pub(super) fn leave_fault_phase(&mut self, now: Offset, actions: &mut Vec<Action>) {
        let why = "the drill was cut short";
        for (i, run) in self.faults.iter_mut().enumerate().filter(|(_, f)| f.stage == Stage::Waiting) {
            run.stage = Stage::Over;
            actions.push(Action::SkipFault(i, why.into()));
        }
        for (i, run) in self.steps.iter_mut().enumerate().filter(|(_, s)| !s.began && !s.over) {
            run.over = true;
            actions.push(Action::SkipStep(i, why.into()));
        }
        self.enter(Phase::Undo, now, actions);
        let mut standing: Vec<usize> = (0..self.faults.len()).filter(|i| self.faults[*i].stage == Stage::On).collect();
        standing.sort_by_key(|i| std::cmp::Reverse(self.faults[*i].order));
        for i in standing {
            self.faults[i].stage = Stage::Ending;
            actions.push(Action::Undo(i));
        }
    }

    pub(super) fn poll_undo(&mut self, now: Offset, actions: &mut Vec<Action>) {
        if self.faults.iter().any(|f| f.stage != Stage::Over) {
            return;
        }
        match self.stop {
            None => self.enter(Phase::Recovery, now, actions),
            Some(_) => self.end_observation(now, actions),
        }
    }

    pub(super) fn poll_recovery(&mut self, now: Offset, pulse: Option<Pulse>, actions: &mut Vec<Action>) {
        if self.stop.is_some() {
            return self.end_observation(now, actions);
        }
        let recovery = &self.plan.scenario.phases.recovery;
        let (hold, deadline) = (recovery.hold.get(), recovery.deadline.get());
        let last = self.faults.iter().filter_map(|f| f.undone.or(f.act)).max().unwrap_or(self.phase_from);
        let over = match pulse {
            Some(pulse) => pulse.good_since(last, hold) || now >= last + deadline + hold,
            None => now >= self.phase_from + hold,
        };
        if over {
            self.enter(Phase::After, now, actions);
        }
    }

    pub(super) fn poll_after(&mut self, now: Offset, actions: &mut Vec<Action>) {
        let over = now >= self.phase_from + self.plan.scenario.phases.after.get();
        if over || self.stop.is_some() {
            self.end_observation(now, actions);
        }
    }

    fn end_observation(&mut self, now: Offset, actions: &mut Vec<Action>) {
        if self.observation == Observation::On {
            self.observation = Observation::Ending;
            actions.push(Action::StopObserving);
        }
        self.enter(Phase::Verify, now, actions);
    }

    pub(super) fn poll_verify(&mut self, actions: &mut Vec<Action>) {
        let (restores, level) = self.stop.as_ref().map_or((true, 0), |stop| (false, stop.level));
        if self.observation != Observation::Over && level < 2 {
            return;
        }
        if !self.verified && !self.verifying && level < 2 {
            self.verifying = true;
            actions.push(Action::Verify { restores });
            return;
        }
        if self.verified || level >= 2 {
            self.finished = true;
            let reason = self.stop.take().map_or(EndReason::Completed, |stop| stop.reason);
            actions.push(Action::Finish(reason));
        }
    }

    /// The next moment at which time alone may change something; at the latest in 100 ms, because the signal may, too.
    pub fn next_wake(&self, now: Offset) -> Offset {
        let tick = now + Duration::from_millis(100);
        let phases = &self.plan.scenario.phases;
        let due = match self.phase {
            Phase::Warmup => Some(self.phase_from + phases.warmup.get()),
            Phase::Baseline => Some(self.phase_from + phases.baseline.get()),
            Phase::After => Some(self.phase_from + phases.after.get()),
            Phase::Fault => self.next_fault_moment(now),
            _ => None,
        };
        due.filter(|d| *d > now).map_or(tick, |d| d.min(tick))
    }

    fn next_fault_moment(&self, now: Offset) -> Option<Offset> {
        let start = self.fault_from?;
        let faults = self.plan.scenario.faults.iter().zip(&self.faults);
        let moments = faults.filter_map(|(fault, run)| match run.stage {
            Stage::Waiting => fault.at.map(|at| start + at.get()),
            Stage::On => fault.hold_for.and_then(|d| Some(run.injected.or(run.act)? + d.get())),
            _ => None,
        });
        moments.filter(|m| *m > now).min()
    }
}
