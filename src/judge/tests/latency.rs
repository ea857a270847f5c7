//! Service levels.

use super::*;
use Outcome::{Breach, Inconclusive, Pass};

const LEVELS: &str = "
name: levels
load: [{name: steady, profile: p, base_url: u}]
probes: [{name: checkout, tcp: {address: 'a:1'}, every: 10ms}]
recovery_signal: {streams: [checkout]}
phases: {baseline: 2s, recovery: {deadline: 10s, hold: 1s}, after: 1s}
faults: [{name: freeze, process-pause: {target: app}, for: 2s, impact: tolerated}]
objectives: {slo: {SPAN: {LEVEL}}}
";

/// Load from 0 to 15 s; the fault phase from 2 s to 4 s.
fn loaded(fare: impl Fn(i64) -> Fare) -> Script {
    let mut script = pause(&[]);
    script.load("steady", 0, 15_000, fare);
    script
}

fn levels(span: &str, level: &str, profile: &str, script: &Script) -> Vec<Part> {
    let yaml = LEVELS.replace("SPAN", span).replace("LEVEL", level);
    let plan = plan(&yaml, &[("steady", profile)]);
    let verdict = crate::judge::judge(&plan.scenario.objectives, &plan, &script.timeline(&plan));
    verdict.parts.into_iter().filter(|p| p.objective == Objective::Slo).collect()
}

fn level(span: &str, level: &str, script: &Script) -> (Outcome, String, String) {
    let parts = levels(span, level, OPEN, script);
    assert_eq!(parts.len(), 1, "{parts:?}");
    (parts[0].outcome, parts[0].measured.clone(), parts[0].why.clone())
}

#[test]
fn levels_are_judged_on_their_phase_alone() {
    let script = loaded(|t| if within(t, &[(2_000, 4_000)]) { REFUSED } else { FINE });
    assert_eq!(
        level("baseline", "error_rate: '< 1%'", &script),
        (Pass, "0 % of 200 observations".into(), "within the level".into())
    );
    // Window 39 crosses into the undo, which belongs to the fault phase; none crosses into another phase unseen.
    assert_eq!(level("fault", "availability: '>= 99%'", &script).0, Breach);
    assert_eq!(level("recovery", "error_rate: '<= 0%'", &script).0, Pass);
    assert_eq!(level("after", "p50: '< 5ms'", &script).0, Inconclusive.min(Pass));
}

#[test]
fn a_window_that_crosses_phases_belongs_to_none() {
    // The recovery begins at 4.02 s: the window from 4.0 s to 4.1 s lies in no phase.
    let script = loaded(|t| if t == 4_000 { REFUSED } else { FINE });
    assert_eq!(level("fault", "error_rate: '<= 0%'", &script).0, Pass);
    assert_eq!(level("recovery", "error_rate: '<= 0%'", &script).0, Pass);
    assert_eq!(level("total", "error_rate: '<= 0%'", &script).0, Breach);
}

#[test]
fn a_faults_own_span_is_judged_by_its_name() {
    let script = loaded(|t| if within(t, &[(2_100, 2_200)]) { REFUSED } else { FINE });
    // The span is from the act at 2.0 s to the undo at 4.01 s.
    assert_eq!(level("freeze", "error_rate: '< 4%'", &script).1, "5 % of 200 observations");
    assert_eq!(level("nobody", "error_rate: '< 4%'", &script).0, Inconclusive);
}

#[test]
fn a_quantile_needs_enough_observations() {
    let script = loaded(|_| FINE);
    let (outcome, _, why) = level("baseline", "p99: '< 5ms'", &script);
    assert_eq!((outcome, why.as_str()), (Inconclusive, "p99 needs 1,000 observations, and there were 200"));
    assert_eq!(level("baseline", "p95: '< 5ms'", &script).0, Pass);
    assert_eq!(level("recovery", "p99: '< 1ms'", &script).0, Inconclusive);
    assert_eq!(level("total", "p99: '< 1ms'", &script).0, Breach);
}

#[test]
fn failures_rank_as_the_slowest() {
    // 6 % of failures reach into the p95 and not into the p90, however fast they failed.
    let script = loaded(|t| if within(t, &[(0, 1_200)]) { Fare { ok: 9, err: 1, ..FINE } } else { FINE });
    let (outcome, measured, why) = level("baseline", "p95: '< 1h'", &script);
    assert_eq!((outcome, measured.as_str()), (Breach, "beyond every answer of 200 observations"));
    assert_eq!(why, "failures reach into it: 12 of 200 failed");
    assert_eq!(level("baseline", "p90: '< 3ms'", &script).0, Pass);
    assert_eq!(level("baseline", "max: '< 1h'", &script).0, Breach);
}

#[test]
fn dropped_requests_count_as_failed() {
    let script = loaded(|t| if t == 500 { Fare { ok: 0, dropped: 10, ..FINE } } else { FINE });
    assert_eq!(level("baseline", "error_rate: '< 5%'", &script).1, "5 % of 200 observations");
    assert_eq!(level("baseline", "dropped: '<= 9'", &script).0, Breach);
}

#[test]
fn what_could_not_be_sent_is_inconclusive_only_where_it_could_change_the_answer() {
    let script = loaded(|t| if t == 500 { Fare { ok: 0, not_sent: 10, ..FINE } } else { FINE });
    let (outcome, _, why) = level("baseline", "error_rate: '< 1%'", &script);
    assert_eq!((outcome, why.contains("10 requests could not be sent")), (Inconclusive, true), "{why}");
    assert_eq!(level("baseline", "error_rate: '< 6%'", &script).0, Pass);
    assert_eq!(level("baseline", "p90: '< 3ms'", &script).0, Pass);
    let script = loaded(|t| if within(t, &[(500, 800)]) { Fare { ok: 0, not_sent: 10, ..FINE } } else { FINE });
    assert_eq!(level("baseline", "p90: '< 3ms'", &script).0, Inconclusive);
    assert_eq!(level("baseline", "p90: '< 1ms'", &script).0, Breach);
}

#[test]
fn a_stream_with_a_missing_part_is_inconclusive() {
    let mut script = loaded(|_| FINE);
    script
        .events
        .retain(|(at, what)| *at != ms(650) || !matches!(what, crate::timeline::event::EventKind::Load { .. }));
    assert_eq!(level("baseline", "error_rate: '< 1%'", &script).0, Inconclusive);
    assert_eq!(level("recovery", "error_rate: '< 1%'", &script).0, Pass);
}

#[test]
fn closed_model_users_are_judged_before_and_after_the_faults_only() {
    let script = loaded(|_| FINE);
    let baseline = &levels("baseline", "p95: '< 5ms'", CLOSED, &script)[0];
    assert_eq!((baseline.outcome, baseline.subject.as_str()), (Pass, "baseline p95 (steady, closed model)"));
    // In the fault phase the probe is judged in their place.
    let fault = &levels("fault", "availability: '> 99%'", CLOSED, &script)[0];
    assert_eq!((fault.outcome, fault.subject.as_str()), (Pass, "fault availability (checkout)"));
    let named = &levels("fault", "steady.p95: '< 5ms'", CLOSED, &script)[0];
    assert_eq!((named.outcome, named.why.contains("closed-model")), (Inconclusive, true));
}

#[test]
fn a_stream_can_be_named() {
    let script = loaded(|_| REFUSED);
    let parts = levels("baseline", "checkout.availability: '> 99%'", OPEN, &script);
    assert_eq!((parts[0].outcome, parts[0].subject.as_str()), (Pass, "baseline availability (checkout)"));
}

#[test]
fn a_level_that_looked_at_nothing_does_not_pass() {
    let mut script = pause(&[]);
    script.load("steady", 5_000, 15_000, |_| FINE);
    let (outcome, _, why) = level("baseline", "error_rate: '< 1%'", &script);
    assert_eq!((outcome, why.as_str()), (Inconclusive, "nothing was seen in this time"));
    assert_eq!(level("warmup", "error_rate: '< 1%'", &script).0, Inconclusive);
}

/// measurement.md: an observation belongs to its intended start. One that was under way when the phase ended is censored
/// there: had the fault not acted, it would have been answered.
#[test]
fn what_a_fault_fails_of_the_requests_under_way_is_no_failure_of_the_baseline() {
    // The fault acts at 2.0 s, in window 20.
    let cut = |failed_later| loaded(move |t| if t == 1_900 { Fare { failed_later, ..REFUSED } } else { FINE });
    let (outcome, measured, why) = level("baseline", "error_rate: '< 1%'", &cut(1));
    assert_eq!((outcome, measured.as_str()), (Pass, "0 % of 190 observations"));
    assert!(why.ends_with("10 requests under way at its end failed after a fault had acted: not counted"), "{why}");
    assert_eq!(level("baseline", "error_rate: '< 1%'", &cut(0)).0, Breach, "it failed before the fault acted");
    assert_eq!(level("total", "error_rate: '<= 0%'", &cut(1)).0, Breach, "the whole run counts it");
    // It hung half a second before the fault acted, when good answers took 2 ms: that was not the fault.
    let hung = loaded(|t| if t == 1_500 { Fare { failed_later: 8, ..REFUSED } } else { FINE });
    assert_eq!(level("baseline", "error_rate: '< 1%'", &hung).0, Breach, "it hung before the fault acted");
    // After the fault nothing is left out: what fails then has a system to blame.
    let after = loaded(|t| if t == 14_400 { Fare { failed_later: 3, ..REFUSED } } else { FINE });
    assert_eq!(
        level("after", "error_rate: '<= 0%'", &after).0,
        level("after", "error_rate: '<= 0%'", &loaded(|t| if t == 14_400 { REFUSED } else { FINE })).0
    );
}
