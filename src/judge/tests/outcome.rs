//! The whole: the worst of the parts, the exit code, judging again, the result.

use super::*;
use crate::judge::{conclude, conclude_against};
use crate::scenario::Objectives;
use crate::timeline::event::{EndReason, EventKind};

fn ended(script: &mut Script, reason: EndReason, remaining: &[&str]) {
    script.events.retain(|(_, what)| !matches!(what, EventKind::End { .. }));
    let remaining = remaining.iter().map(|s| (*s).to_owned()).collect();
    script.at(15_100, EventKind::End { reason, remaining });
}

fn exit(yaml: &str, script: &Script) -> (u8, String) {
    let (plan, timeline, _) = judged(yaml, script);
    let end = conclude(&plan, &timeline).end;
    (end.exit_code, end.summary)
}

#[test]
fn a_run_that_met_everything_ends_with_0() {
    let (code, summary) = exit(KILL, &kill(&[(2_000, 2_500)]));
    assert_eq!((code, summary.as_str()), (0, "All 2 parts of the verdict passed."));
}

#[test]
fn a_breach_ends_with_the_lowest_code_of_its_objectives() {
    let down = [(2_000, 4_500)];
    assert_eq!(exit(KILL, &kill(&down)).0, 11);
    let yaml = KILL.replace("impact: expected", "impact: none");
    let (code, summary) = exit(&yaml, &kill(&down));
    assert_eq!(code, 10);
    assert!(summary.starts_with("Breach: drill crash") && summary.ends_with("(and 1 more)."), "{summary}");
}

#[test]
fn what_remains_outranks_a_breach_and_a_breach_outranks_a_stop() {
    let mut script = kill(&[(2_000, 4_500)]);
    ended(&mut script, EndReason::Guard, &["kill -CONT 7"]);
    assert_eq!(exit(KILL, &script), (30, "Undo is incomplete, a fault may remain: kill -CONT 7.".into()));
    ended(&mut script, EndReason::Guard, &[]);
    assert_eq!(exit(KILL, &script).0, 11);
    let mut script = kill(&[(2_000, 2_500)]);
    ended(&mut script, EndReason::Guard, &[]);
    assert_eq!(exit(KILL, &script).0, 22);
    ended(&mut script, EndReason::Cancelled, &[]);
    assert_eq!(exit(KILL, &script).0, 23);
    ended(&mut script, EndReason::Failed { why: "the watchdog died".into() }, &[]);
    assert_eq!(exit(KILL, &script).0, 20);
}

#[test]
fn a_stop_outranks_inconclusive() {
    let mut script = kill(&[]);
    assert_eq!(exit(KILL, &script).0, 20);
    ended(&mut script, EndReason::Cancelled, &[]);
    assert_eq!(exit(KILL, &script).0, 23);
}

#[test]
fn where_nothing_was_touched_the_code_is_21() {
    let mut script = Script::default();
    script.phase(0, Phase::Preflight);
    ended(&mut script, EndReason::Refused { why: "port 80 is in use".into() }, &[]);
    assert_eq!(exit(KILL, &script), (21, "Refused, nothing was touched: port 80 is in use.".into()));
    ended(&mut script, EndReason::NotSteady, &[]);
    assert_eq!(exit(KILL, &script).0, 21);
}

#[test]
fn a_record_without_its_end_is_inconclusive() {
    let mut script = kill(&[(2_000, 2_500)]);
    script.events.retain(|(_, what)| !matches!(what, EventKind::End { .. }));
    assert_eq!(exit(KILL, &script).0, 20);
}

#[test]
fn a_run_that_judged_nothing_does_not_pass() {
    let mut script = Script::default();
    phases(&mut script, 2_050, 4_000);
    assert_eq!(exit("name: empty", &script).0, 20);
}

#[test]
fn judging_again_is_marked_and_keeps_the_digest_of_the_original_objectives() {
    let (plan, timeline, first) = judged(KILL, &kill(&[(2_000, 2_500)]));
    assert_eq!((first.rejudged, first.objectives_digest.as_str()), (false, "o"));
    let mut other: Objectives = plan.scenario.objectives.clone();
    other.rto[0].max = crate::model::HumanDuration::from_millis(100);
    let again = conclude_against(&other, &plan, &timeline);
    assert!(again.verdict.rejudged && again.verdict.objectives_digest != "o");
    assert_eq!((again.run.objectives_digest.as_str(), again.end.exit_code), ("o", 11));
}

#[test]
fn the_result_holds_what_reports_need() {
    let yaml = KILL.to_owned() + "load: [{name: steady, profile: p, base_url: u}]";
    let plan = plan(&yaml, &[("steady", OPEN)]);
    let mut script = kill(&[(2_000, 2_500)]);
    script.load("steady", 0, 15_000, |t| if within(t, &[(2_000, 2_500)]) { REFUSED } else { FINE });
    let result = conclude(&plan, &script.timeline(&plan));
    assert_eq!(result.end.exit_code, 0, "{:#?}", result.verdict);
    assert_eq!(result.phases.len(), 6);
    assert_eq!(result.faults[0].what, "process-kill app (SIGKILL)");
    assert_eq!((result.outages.len(), result.outages[0].stretches), (1, 1));
    let windows = &result.windows[&name("steady")];
    assert_eq!((windows.len(), windows[2].latency.err, windows[3].latency.ok), (15, 50, 100));
    assert_eq!((windows[2].latency.p50_us.is_some(), windows[2].latency.p95_us), (true, None));
    let row = |span: &str| result.latency.rows.iter().find(|r| r.span == span && r.request.is_none()).unwrap();
    assert_eq!((row("total").latency.ok, row("total").latency.err), (1_450, 50));
    // The crash's own span: from its act to the first good stretch that held.
    assert_eq!((row("crash").latency.ok, row("crash").latency.err), (0, 50));
    assert_eq!((row("baseline").latency.ok, row("baseline").latency.rate), (200, 100.0));
    assert!(row("baseline").latency.p95_us.is_some() && row("baseline").latency.p99_us.is_none());
    let json = serde_json::to_string(&result).unwrap();
    assert!(serde_json::from_str::<crate::result::RunResult>(&json).unwrap() == result, "{json}");
}
