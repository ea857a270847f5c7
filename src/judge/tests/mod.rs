//! Every rule of `docs/measurement.md` on hand-made timelines, one test each, named after the rule.

mod drill;
mod latency;
mod load;
mod loss;
mod outcome;
mod properties;
mod recovery;
mod restore;
mod steady;

use crate::result::{Objective, Outcome, Part, Verdict};
use crate::scenario::phases::Phase;
use crate::scenario::plan::Plan;
use crate::timeline::Timeline;
use crate::timeline::event::FaultMark;
use crate::timeline::script::*;

/// A service that is killed at 2 s.
const KILL: &str = "
name: kill
probes: [{name: checkout, tcp: {address: 'a:1'}, every: 10ms}]
recovery_signal: {streams: [checkout], latency: '<= 400ms'}
phases: {baseline: 2s, recovery: {deadline: 10s, hold: 1s}, after: 1s}
faults: [{name: crash, process-kill: {target: app}, impact: expected}]
objectives: {rto: {max: 1s, fault: crash}}
";

/// A service that is held still from 2 s on.
const PAUSE: &str = "
name: pause
probes: [{name: checkout, tcp: {address: 'a:1'}, every: 10ms}]
recovery_signal: {streams: [checkout], latency: '<= 400ms'}
phases: {baseline: 2s, recovery: {deadline: 10s, hold: 1s}, after: 1s}
faults: [{name: freeze, process-pause: {target: app}, for: 2s, impact: expected}]
objectives: {rto: {max: 1s, fault: freeze, from: undo}}
";

/// The phases of a drill whose fault phase begins at 2 s, whose load goes on to `after` + 1 s, and which ends with
/// that.
fn phases(script: &mut Script, recovery: i64, after: i64) {
    script.phase(0, Phase::Baseline).phase(2_000, Phase::Fault).phase(recovery - 10, Phase::Undo);
    script.phase(recovery, Phase::Recovery).phase(after, Phase::After).phase(after + 1_000, Phase::Verify);
    script.end(after + 1_100);
}

/// The drill of [`KILL`], with looks to 15 s that see the service down in `down`.
fn kill(down: &[(i64, i64)]) -> Script {
    let mut script = Script::default();
    phases(&mut script, 2_050, 14_000);
    script.act(2_000, "crash").fault(2_040, "crash", FaultMark::Closed { when: ms(2_040) });
    script.looks("checkout", 0, 15_000, down);
    script
}

/// The drill of [`PAUSE`], lifted at 4 s.
fn pause(down: &[(i64, i64)]) -> Script {
    let mut script = Script::default();
    phases(&mut script, 4_020, 14_000);
    script.act(2_000, "freeze").undo(4_000, "freeze");
    script.looks("checkout", 0, 15_000, down);
    script
}

fn judged(yaml: &str, script: &Script) -> (Plan, Timeline, Verdict) {
    let plan = plan(yaml, &[]);
    let timeline = script.timeline(&plan);
    let verdict = super::judge(&plan.scenario.objectives, &plan, &timeline);
    (plan, timeline, verdict)
}

/// The part on one subject.
fn part_on<'a>(verdict: &'a Verdict, objective: Objective, subject: &str) -> &'a Part {
    let found = verdict.parts.iter().find(|p| p.objective == objective && p.subject == subject);
    found.unwrap_or_else(|| panic!("no part on {subject}: {:#?}", verdict.parts))
}

/// Outcome and reason of the part on one subject.
fn ruled(yaml: &str, script: &Script, objective: Objective, subject: &str) -> (Outcome, String) {
    let verdict = judged(yaml, script).2;
    let part = part_on(&verdict, objective, subject);
    (part.outcome, part.why.clone())
}

fn rto(yaml: &str, script: &Script) -> (Outcome, String) {
    let subject = if yaml.contains("freeze") { "freeze" } else { "crash" };
    ruled(yaml, script, Objective::Rto, subject)
}

fn effect(yaml: &str, script: &Script) -> (Outcome, String) {
    let subject = if yaml.contains("freeze") { "freeze" } else { "crash" };
    ruled(yaml, script, Objective::Drill, subject)
}
