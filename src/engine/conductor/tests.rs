//! The conductor against a world that answers by rote: whole drills as lists of actions and events.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::RunId;
use crate::scenario::Scenario;
use crate::scenario::source::load;
use crate::timeline::event::{FaultMark, Sight, StepMark};

fn plan(yaml: &str) -> Arc<Plan> {
    let (scenario, _) = load::<Scenario>(Path::new("test.yaml"), yaml, &[]).unwrap_or_else(|p| panic!("{p:?}"));
    Arc::new(Plan {
        version: 1,
        run: RunId("test".into()),
        file: PathBuf::from("test.yaml"),
        digest: String::new(),
        objectives_digest: String::new(),
        seed: 1,
        scenario,
        profiles: Default::default(),
        dir: PathBuf::from("/nowhere"),
        simulated: true,
        allow_commands: true,
        host: "test".into(),
        load: None,
        retry_of: None,
        consent: Default::default(),
        machine: None,
    })
}

/// Plays a drill: every action is answered at once, as a well-behaved world would.
struct Stage {
    conductor: Conductor,
    plan: Arc<Plan>,
    now: Offset,
    seq: u64,
    log: Vec<(Offset, Action)>,
    /// What the signal says at a moment.
    pulse: fn(Offset) -> Option<Pulse>,
    /// Whether a fault shows its effect.
    effective: bool,
    steady: bool,
}

impl Stage {
    fn new(yaml: &str, pulse: fn(Offset) -> Option<Pulse>) -> Self {
        let plan = plan(yaml);
        let conductor = Conductor::new(plan.clone(), Offset::ZERO);
        Stage { conductor, plan, now: Offset::ZERO, seq: 0, log: vec![], pulse, effective: true, steady: true }
    }

    fn tell(&mut self, what: EventKind) {
        let event = Event { seq: self.seq, at: self.now, what };
        self.seq += 1;
        self.conductor.on(&event);
    }

    fn mark(&mut self, index: usize, mark: FaultMark) {
        let fault = self.plan.scenario.faults[index].name.clone();
        self.tell(EventKind::Fault { fault, mark });
    }

    fn answer(&mut self, action: &Action) {
        let when = self.now;
        match action {
            Action::LookAtSteadyState { .. } => {
                for condition in self.plan.clone().scenario.steady_state.iter().map(ToString::to_string) {
                    let (held, measured) = (Some(self.steady), String::new());
                    self.tell(EventKind::SteadyState { condition, held, measured });
                }
            }
            Action::Begin(i) => {
                self.mark(*i, FaultMark::Act { when });
                if self.effective {
                    self.mark(*i, FaultMark::Injected { when, touched: 1 });
                }
            }
            Action::Undo(i) if self.plan.scenario.faults[*i].spec.is_held() => {
                self.mark(*i, FaultMark::Undone { when, found: String::new() });
            }
            Action::Undo(i) => self.mark(*i, FaultMark::Closed { when }),
            Action::BeginStep(i) => {
                let step = self.plan.scenario.playbook[*i].name.clone();
                self.tell(EventKind::Step { step, mark: StepMark::Done { when, answer: String::new() } });
            }
            Action::StopObserving => self.conductor.observed(),
            Action::Verify { .. } => self.conductor.verified(),
            _ => {}
        }
    }

    /// Lets time pass until `until`, or the end.
    fn play(&mut self, until: Offset) -> Option<EndReason> {
        while self.now < until {
            loop {
                let actions = self.conductor.poll(self.now, (self.pulse)(self.now));
                if actions.is_empty() {
                    break;
                }
                for action in actions {
                    self.log.push((self.now, action.clone()));
                    self.answer(&action);
                    if let Action::Finish(reason) = action {
                        return Some(reason);
                    }
                }
            }
            let next = self.conductor.next_wake(self.now);
            assert!(next > self.now, "the next wake lies in the past");
            self.now = next;
        }
        None
    }

    fn whole(&mut self) -> EndReason {
        self.play(Offset::from_millis(3_600_000)).expect("the drill ends")
    }

    fn at(&self, wanted: &Action) -> Option<Offset> {
        self.log.iter().find(|(_, action)| action == wanted).map(|(at, _)| *at)
    }
}

fn always_good(now: Offset) -> Option<Pulse> {
    Some(Pulse { state: SignalState::Good, since: Offset::ZERO, last_bad: None, horizon: now })
}

/// Bad from 7.1 s to 8 s after the start.
fn one_outage(now: Offset) -> Option<Pulse> {
    let (from, to) = (Offset::from_millis(7_100), Offset::from_millis(8_000));
    Some(match now {
        now if now < from => Pulse { state: SignalState::Good, since: Offset::ZERO, last_bad: None, horizon: now },
        now if now < to => Pulse { state: SignalState::Bad, since: from, last_bad: Some(now), horizon: now },
        _ => Pulse { state: SignalState::Good, since: to, last_bad: Some(to), horizon: now },
    })
}

const TWO_FAULTS: &str = "
name: two
proxies: { front: { listen: '127.0.0.1:1', upstream: '127.0.0.1:2' } }
services: { app: { command: [app] } }
targets: { app: { process: app } }
phases: { warmup: 2s, baseline: 5s, recovery: { deadline: 20s, hold: 1s }, after: 3s }
steady_state: ['p.ok']
faults:
  - { name: crash, process-kill: { target: app } }
  - { name: slow, after: { fault: crash, is: recovered }, for: 4s, proxy-latency: { proxy: front, latency: 1s }, impact: tolerated }
";

#[test]
fn phases_follow_each_other_and_a_fault_waits_for_the_recovery_of_another() {
    let mut stage = Stage::new(TWO_FAULTS, one_outage);
    assert_eq!(stage.whole(), EndReason::Completed);
    assert_eq!(stage.at(&Action::Begin(0)), Some(Offset::from_millis(7_000)));
    // Good again from 8 s on, and held for a second.
    assert_eq!(stage.at(&Action::Begin(1)), Some(Offset::from_millis(9_000)));
    assert_eq!(stage.at(&Action::Undo(1)), Some(Offset::from_millis(13_000)));
    let phases: Vec<Phase> =
        stage.log.iter().filter_map(|(_, a)| if let Action::Enter(p) = a { Some(*p) } else { None }).collect();
    use Phase::*;
    assert_eq!(phases, [Warmup, Baseline, Fault, Undo, Recovery, After, Verify]);
}

#[test]
fn an_unsteady_state_hurts_nothing() {
    let mut stage = Stage::new(TWO_FAULTS, always_good);
    stage.steady = false;
    assert_eq!(stage.whole(), EndReason::NotSteady);
    assert!(!stage.log.iter().any(|(_, a)| matches!(a, Action::Begin(_) | Action::Undo(_))));
}

#[test]
fn an_expected_impact_that_never_comes_is_waited_for_and_then_given_up() {
    let mut stage = Stage::new(TWO_FAULTS, always_good);
    assert_eq!(stage.whole(), EndReason::Completed);
    assert!(stage.log.iter().any(|(at, a)| matches!(a, Action::SkipFault(1, _)) && *at >= Offset::from_millis(28_000)));
    assert_eq!(stage.at(&Action::Begin(1)), None);
}

#[test]
fn a_fault_without_effect_is_ended_all_the_same() {
    let yaml = TWO_FAULTS
        .replace("impact: tolerated", "impact: tolerated, at: 0s")
        .replace("after: { fault: crash, is: recovered }, ", "");
    let mut stage = Stage::new(&yaml, always_good);
    stage.effective = false;
    assert_eq!(stage.whole(), EndReason::Completed);
    assert!(stage.at(&Action::Undo(1)).is_some());
    assert!(stage.at(&Action::Undo(0)).is_some_and(|at| at >= Offset::from_millis(37_000)));
}

#[test]
fn no_fault_outlives_max_hold() {
    let yaml = "
name: long
proxies: { front: { listen: '127.0.0.1:1', upstream: '127.0.0.1:2' } }
phases: { warmup: 1s, baseline: 1s }
guard: { max_hold: 30s }
faults: [{ name: slow, until: { recovered: true, at_most: 10m }, proxy-down: { proxy: front } }]
";
    let mut stage = Stage::new(yaml, |now| {
        Some(Pulse { state: SignalState::Bad, since: Offset::ZERO, last_bad: None, horizon: now })
    });
    stage.whole();
    assert_eq!(stage.at(&Action::Undo(0)), Some(Offset::from_millis(32_000)));
}

#[test]
fn a_fault_is_held_until_its_probe_is_back() {
    let yaml = "
name: failover
proxies: { front: { listen: '127.0.0.1:1', upstream: '127.0.0.1:2' } }
probes: [{ name: p, tcp: { address: '127.0.0.1:1' }, every: 1s }]
phases: { warmup: 0s, baseline: 0s, recovery: { hold: 2s } }
faults: [{ name: down, until: { probe: p, at_most: 1m }, proxy-down: { proxy: front } }]
";
    let mut stage = Stage::new(yaml, always_good);
    stage.play(Offset::from_millis(1_000));
    let look = |n: u64, sight| EventKind::Probe {
        probe: "p".parse().unwrap(),
        n,
        intended: Offset::from_millis(n as i64 * 1_000),
        done: Offset::from_millis(n as i64 * 1_000 + 5),
        sight,
    };
    stage.tell(look(1, Sight::Bad { why: String::new() }));
    stage.play(Offset::from_millis(5_000));
    assert_eq!(stage.at(&Action::Undo(0)), None);
    stage.tell(look(5, Sight::Good));
    stage.play(Offset::from_millis(8_000));
    assert_eq!(stage.at(&Action::Undo(0)), Some(Offset::from_millis(7_000)));
}

#[test]
fn what_stands_is_undone_newest_first_when_the_drill_is_cut_short() {
    let yaml = "
name: stack
proxies:
  a: { listen: '127.0.0.1:1', upstream: '127.0.0.1:2' }
  b: { listen: '127.0.0.1:3', upstream: '127.0.0.1:4' }
phases: { warmup: 0s, baseline: 0s }
faults:
  - { name: first, at: 0s, for: 1m, proxy-down: { proxy: a } }
  - { name: second, at: 1s, for: 1m, proxy-down: { proxy: b } }
  - { name: third, at: 30s, for: 1m, proxy-timeout: { proxy: a } }
";
    let mut stage = Stage::new(yaml, always_good);
    stage.play(Offset::from_millis(5_000));
    stage.conductor.stop(EndReason::Cancelled, 1);
    assert_eq!(stage.whole(), EndReason::Cancelled);
    let undone: Vec<usize> =
        stage.log.iter().filter_map(|(_, a)| if let Action::Undo(i) = a { Some(*i) } else { None }).collect();
    assert_eq!(undone, [1, 0]);
    assert!(stage.log.iter().any(|(_, a)| matches!(a, Action::SkipFault(2, _))));
    assert!(stage.log.iter().any(|(_, a)| *a == Action::Verify { restores: false }));
}

proptest! {
    /// Whatever the timing and whenever it is cut short: every fault that began is undone exactly once, none begins
    /// after that, and the drill ends.
    #[test]
    fn every_fault_that_begins_is_undone_once(
        faults in prop::collection::vec((0u64..20_000, 1u64..20_000, any::<bool>()), 1..6),
        cut in prop::option::of((0i64..40_000, 1u8..3)),
        effective in any::<bool>(),
    ) {
        let mut yaml = String::from(
            "name: any\nservices: { app: { command: [app] } }\ntargets: { app: { process: app } }\n\
             proxies: { front: { listen: '127.0.0.1:1', upstream: '127.0.0.1:2' } }\n\
             phases: { warmup: 1s, baseline: 1s, recovery: { deadline: 5s, hold: 1s } }\nfaults:\n",
        );
        for (i, (at, hold, held)) in faults.iter().enumerate() {
            let what = match held {
                true => format!("for: {hold}ms, proxy-down: {{ proxy: front }}"),
                false => "process-kill: { target: app }".to_owned(),
            };
            yaml += &format!("  - {{ name: f{i}, at: {at}ms, {what} }}\n");
        }
        let mut stage = Stage::new(&yaml, always_good);
        stage.effective = effective;
        let mut ended = None;
        if let Some((at, level)) = cut {
            ended = stage.play(Offset::from_millis(at));
            stage.conductor.stop(EndReason::Cancelled, level);
        }
        if ended.is_none() {
            stage.whole();
        }
        for i in 0..faults.len() {
            let begun = stage.log.iter().filter(|(_, a)| *a == Action::Begin(i)).count();
            let undone: Vec<usize> = (0..stage.log.len()).filter(|n| stage.log[*n].1 == Action::Undo(i)).collect();
            prop_assert_eq!(begun, undone.len());
            prop_assert!(begun <= 1);
            let begins = stage.log.iter().position(|(_, a)| *a == Action::Begin(i));
            prop_assert!(begins.is_none_or(|b| b < undone[0]));
        }
    }
}
