//! Effect, declared impact, undo; the load as it was asked for.

use super::*;
use crate::timeline::event::EventKind;
use Outcome::{Breach, Inconclusive, Pass};

/// The drill of [`KILL`] with the fault's marks replaced.
fn marked(yaml: &str, down: &[(i64, i64)], marks: impl FnOnce(&mut Script)) -> (Outcome, String) {
    let mut script = if yaml == PAUSE { pause(down) } else { kill(down) };
    script.events.retain(|(_, what)| !matches!(what, EventKind::Fault { .. }));
    marks(&mut script);
    effect(yaml, &script)
}

#[test]
fn a_fault_that_took_effect_had_its_impact_and_was_undone_passes() {
    assert_eq!(effect(KILL, &kill(&[(2_000, 2_500)])), (Pass, "clients saw an outage from +2.000 s".into()));
    assert_eq!(effect(PAUSE, &pause(&[(2_000, 2_500)])).0, Pass);
}

#[test]
fn a_fault_never_observed_in_effect_is_inconclusive() {
    let (outcome, why) = marked(KILL, &[(2_000, 2_500)], |s| {
        s.fault(2_000, "crash", FaultMark::Act { when: ms(2_000) });
    });
    assert_eq!((outcome, why.contains("never observed in effect")), (Inconclusive, true));
}

#[test]
fn a_fault_that_touched_nothing_is_inconclusive() {
    let (outcome, why) = marked(KILL, &[(2_000, 2_500)], |s| {
        s.act(2_000, "crash").fault(2_020, "crash", FaultMark::Touched { touched: 0 });
    });
    assert_eq!((outcome, why.contains("touched nothing")), (Inconclusive, true));
}

#[test]
fn a_lost_effect_is_inconclusive() {
    let (outcome, why) = marked(PAUSE, &[(2_000, 2_500)], |s| {
        let lost = FaultMark::Lost { when: ms(2_500), why: "another process has its pid".into() };
        s.act(2_000, "freeze").fault(2_510, "freeze", lost).undo(4_000, "freeze");
    });
    assert_eq!(
        (outcome, why.as_str()),
        (Inconclusive, "its effect was gone at +2.500 s, before the undo: another process has its pid")
    );
}

#[test]
fn a_fault_that_failed_was_skipped_or_not_undone_does_not_pass() {
    let failed = |s: &mut Script| {
        s.act(2_000, "freeze").fault(2_100, "freeze", FaultMark::Failed { why: "EPERM".into() }).undo(4_000, "freeze");
    };
    assert_eq!(marked(PAUSE, &[(2_000, 2_500)], failed).0, Inconclusive);
    let skipped = |s: &mut Script| {
        s.fault(2_100, "freeze", FaultMark::Skipped { why: "guard".into() });
    };
    assert_eq!(marked(PAUSE, &[], skipped), (Inconclusive, "it never began: guard".into()));
    let open = |s: &mut Script| {
        s.act(2_000, "freeze");
    };
    assert_eq!(marked(PAUSE, &[(2_000, 2_500)], open).0, Inconclusive);
    let stuck = |s: &mut Script| {
        s.act(2_000, "freeze").fault(4_000, "freeze", FaultMark::UndoFailed { why: "no answer".into() });
    };
    assert_eq!(marked(PAUSE, &[(2_000, 2_500)], stuck).0, Breach);
    assert_eq!(marked(PAUSE, &[], |_| ()), (Inconclusive, "it never began: the drill ended first".into()));
}

#[test]
fn an_expected_impact_that_is_not_seen_is_inconclusive() {
    let (outcome, why) = effect(KILL, &kill(&[]));
    assert_eq!((outcome, why.contains("static page")), (Inconclusive, true));
}

#[test]
fn an_impact_declared_none_and_seen_is_a_breach() {
    let yaml = KILL.replace("impact: expected", "impact: none");
    let (outcome, why) = effect(&yaml, &kill(&[(2_000, 2_100)]));
    assert_eq!((outcome, why.as_str()), (Breach, "clients saw an outage from +2.000 s, although none was to be seen"));
    assert_eq!(effect(&yaml, &kill(&[])).0, Pass);
}

#[test]
fn an_impact_declared_none_and_not_to_be_seen_is_inconclusive() {
    let yaml = KILL.replace("impact: expected", "impact: none");
    let mut script = kill(&[]);
    script.events.retain(|(_, what)| {
        !matches!(what, EventKind::Probe { intended, .. } if within(intended.nanos() / 1_000_000, &[(3_000, 3_200)]))
    });
    let (outcome, why) = effect(&yaml, &script);
    assert_eq!((outcome, why.contains("could not see")), (Inconclusive, true), "{why}");
}

#[test]
fn a_tolerated_impact_passes_seen_or_not() {
    let yaml = KILL.replace("impact: expected", "impact: tolerated");
    assert_eq!(effect(&yaml, &kill(&[])).0, Pass);
    assert_eq!(effect(&yaml, &kill(&[(2_000, 2_500)])).0, Pass);
}

#[test]
fn an_outage_already_under_way_hides_the_impact() {
    let (outcome, why) = effect(KILL, &kill(&[(1_500, 2_500)]));
    assert_eq!((outcome, why.as_str()), (Inconclusive, "an outage was already under way since +1.500 s"));
}

#[test]
fn an_impact_that_nothing_looked_at_is_not_confirmed() {
    let yaml = KILL.replace("recovery_signal: {streams: [checkout], latency: '<= 400ms'}", "");
    assert_eq!(effect(&yaml, &kill(&[])).0, Inconclusive);
    assert_eq!(effect(&yaml.replace("impact: expected", "impact: tolerated"), &kill(&[])).0, Pass);
}

const LOADED: &str = "
name: loaded
load: [{name: steady, profile: p, base_url: u}]
phases: {baseline: 2s, recovery: {deadline: 10s, hold: 1s}}
";

fn load_part(script: &Script) -> (Outcome, String) {
    let plan = plan(LOADED, &[("steady", OPEN)]);
    let verdict = crate::judge::judge(&plan.scenario.objectives, &plan, &script.timeline(&plan));
    let part = part_on(&verdict, Objective::Drill, "load steady");
    (part.outcome, part.why.clone())
}

#[test]
fn under_95_percent_of_the_asked_rate_in_the_baseline_is_inconclusive() {
    let with = |ok: u64| {
        let mut script = Script::default();
        phases(&mut script, 2_050, 4_000);
        script.load("steady", 0, 5_000, |_| Fare { ok, ..FINE });
        load_part(&script)
    };
    // The profile asks for 100 requests a second, ten a window.
    assert_eq!(with(10).0, Pass);
    let (outcome, why) = with(9);
    assert_eq!((outcome, why.starts_with("the baseline had 90.0 %")), (Inconclusive, true), "{why}");
}

#[test]
fn a_lost_worker_or_a_lost_line_is_inconclusive() {
    let with = |act: fn(&mut Script)| {
        let mut script = Script::default();
        phases(&mut script, 2_050, 4_000);
        script.load("steady", 0, 5_000, |_| FINE);
        act(&mut script);
        load_part(&script)
    };
    assert_eq!(with(|_| ()).0, Pass);
    let lost = |s: &mut Script| {
        s.at(3_000, EventKind::LoadLost { stream: name("steady"), why: "killed".into() });
    };
    assert_eq!(with(lost).0, Inconclusive);
    let gap = |s: &mut Script| s.events.retain(|(at, w)| *at != ms(3_150) || !matches!(w, EventKind::Load { .. }));
    let (outcome, why) = with(gap);
    assert_eq!((outcome, why.contains("1 lines of worker 0 are lost")), (Inconclusive, true), "{why}");
    let silent = |s: &mut Script| s.events.retain(|(_, w)| !matches!(w, EventKind::LoadEnd { .. }));
    assert_eq!(with(silent).0, Inconclusive);
}
