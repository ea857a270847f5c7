//! Recovery time.

use super::*;
use crate::judge::{BlindAs, outages};
use crate::model::Delta;
use crate::result::RecoveredBy;
use crate::timeline::event::{EndReason, EventKind, Sight, StepMark};
use Outcome::{Breach, Inconclusive, Pass};

#[test]
fn rta_lies_between_last_bad_minus_first_bad_and_first_good_minus_last_good_before() {
    let script = kill(&[(2_003, 2_500)]);
    let (plan, timeline, verdict) = judged(KILL, &script);
    let outage = &outages(&plan, &timeline, BlindAs::Good).unwrap()[0];
    let rta = outage.rta(Delta::from_millis(10_000));
    // Looks every 10 ms: bad from 2.010 s (known 1 ms later) to 2.490 s, good again from 2.500 s (known at 2.502 s).
    assert_eq!((outage.impact.lower, outage.impact.upper), (ms(2_000), ms(2_011)));
    assert_eq!((rta.lower, rta.upper), (Delta::from_millis(2_490 - 2_011), Some(Delta::from_millis(2_502 - 2_000))));
    let part = part_on(&verdict, Objective::Rto, "crash");
    assert_eq!((part.outcome, part.measured.as_str()), (Pass, "490 ms [479 ms, 502 ms]"));
    assert_eq!(part.why, "recovered by itself, 490 ms [479 ms, 502 ms] after impact");
}

#[test]
fn pass_when_the_upper_bound_is_within_breach_when_the_lower_is_beyond_inconclusive_between() {
    let outcome = |max: &str| rto(&KILL.replace("max: 1s", &format!("max: {max}")), &kill(&[(2_003, 2_500)])).0;
    assert_eq!(
        [outcome("502ms"), outcome("501ms"), outcome("479ms"), outcome("478ms")],
        [Pass, Inconclusive, Inconclusive, Breach]
    );
}

#[test]
fn from_act_is_the_conservative_reading() {
    // The service fails a second after the act: a late effect.
    let script = kill(&[(3_000, 3_500)]);
    assert_eq!(rto(KILL, &script).0, Pass);
    let from_act = KILL.replace("fault: crash}", "fault: crash, from: act}");
    assert_eq!(rto(&from_act, &script).0, Breach);
}

#[test]
fn a_late_effect_is_put_down_to_its_fault() {
    let (_, timeline, verdict) = judged(KILL, &kill(&[(3_500, 3_900)]));
    assert_eq!(part_on(&verdict, Objective::Drill, "crash").outcome, Pass);
    // Nothing was seen for the hold time after the effect, so the fault's own span ended with that.
    assert_eq!(timeline.faults[0].span_end, Some(ms(3_005)));
    let (_, timeline, _) = judged(KILL, &kill(&[(2_500, 2_900)]));
    assert_eq!(timeline.faults[0].span_end, Some(ms(2_900)));
}

#[test]
fn a_service_that_falls_again_is_not_recovered() {
    // Good for three seconds in between, longer than the hold time.
    let script = kill(&[(2_000, 2_200), (5_200, 5_400)]);
    let (outcome, why) = rto(KILL, &script);
    assert_eq!(outcome, Breach);
    assert!(why.contains("after 2 bad stretches"), "{why}");
}

#[test]
fn a_flapping_service_has_less_bad_time_than_recovery_time() {
    let yaml = KILL.replace("max: 1s", "max: 5s, max_bad_time: 800ms");
    let flapping: Vec<(i64, i64)> = (0..4).map(|n| (2_000 + n * 600, 2_200 + n * 600)).collect();
    let (plan, timeline, verdict) = judged(&yaml, &kill(&flapping));
    let outage = &outages(&plan, &timeline, BlindAs::Good).unwrap()[0];
    assert_eq!((outage.bad_time, outage.stretches), (Delta::from_millis(800), 4));
    assert!(outage.bad_time < outage.rta(Delta::ZERO).lower);
    assert_eq!(part_on(&verdict, Objective::Rto, "crash").outcome, Pass);
    assert_eq!(part_on(&verdict, Objective::Rto, "crash bad time").outcome, Pass);
    let stricter = yaml.replace("800ms", "700ms");
    assert_eq!(ruled(&stricter, &kill(&flapping), Objective::Rto, "crash bad time").0, Breach);
}

#[test]
fn not_restored_within_the_deadline_is_a_breach() {
    let (outcome, why) = rto(KILL, &kill(&[(2_000, 20_000)]));
    assert_eq!((outcome, why.as_str()), (Breach, "not restored within the deadline of 10.000 s"));
    let (plan, timeline, verdict) = judged(KILL, &kill(&[(2_000, 20_000)]));
    assert_eq!(part_on(&verdict, Objective::Rto, "crash").measured, "> 10.000 s");
    assert!(outages(&plan, &timeline, BlindAs::Good).unwrap()[0].recovered_by.is_none());
    // Restored after the deadline is not restored within it.
    assert_eq!(rto(KILL, &kill(&[(2_000, 12_500)])).0, Breach);
}

#[test]
fn the_deadline_counts_from_the_undo_where_there_is_one() {
    // Down for 11 s, but good again within 10 s of the undo at 4 s.
    let (plan, timeline, _) = judged(PAUSE, &pause(&[(2_000, 13_500)]));
    assert!(!outages(&plan, &timeline, BlindAs::Good).unwrap()[0].censored);
    let (plan, timeline, _) = judged(KILL, &kill(&[(2_000, 13_500)]));
    assert!(outages(&plan, &timeline, BlindAs::Good).unwrap()[0].censored);
}

#[test]
fn a_run_stopped_before_the_deadline_is_judged_on_what_it_saw() {
    let stopped = |down: &[(i64, i64)]| {
        let mut script = kill(down);
        script.events.retain(|(at, what)| *at < ms(4_000) && !matches!(what, EventKind::Phase { phase: Phase::After }));
        script.at(4_000, EventKind::End { reason: EndReason::Guard, remaining: vec![] });
        script
    };
    // Bad for two seconds is more than one; how long it would have lasted does not matter.
    assert_eq!(rto(KILL, &stopped(&[(2_000, 20_000)])).0, Breach);
    assert_eq!(rto(KILL, &stopped(&[(3_500, 20_000)])).0, Inconclusive);
    // Good again, but not for the hold time.
    assert_eq!(rto(KILL, &stopped(&[(3_200, 3_700)])).0, Inconclusive);
}

#[test]
fn good_for_less_than_the_hold_time_is_no_recovery() {
    // Half a second of good does not end the outage.
    let (plan, timeline, _) = judged(KILL, &kill(&[(2_000, 2_300), (2_800, 3_100)]));
    let outage = &outages(&plan, &timeline, BlindAs::Good).unwrap()[0];
    assert_eq!(outage.recovery.unwrap().value, ms(3_100));
}

#[test]
fn undo_as_the_only_recovery_is_inconclusive_unless_judged_from_undo() {
    let script = pause(&[(2_000, 4_050)]);
    assert_eq!(
        rto(PAUSE, &script),
        (Pass, "recovered after the fault was lifted, 40 ms [30 ms, 42 ms] after undo".into())
    );
    for from in ["impact", "act"] {
        let (outcome, why) = rto(&PAUSE.replace("from: undo", &format!("from: {from}")), &script);
        assert_eq!(outcome, Inconclusive);
        assert!(why.contains("own undo"), "{why}");
    }
}

#[test]
fn recovery_before_the_undo_is_the_systems_own_and_negative_from_undo() {
    let script = pause(&[(2_000, 2_600)]);
    let from_impact = PAUSE.replace("from: undo", "from: impact");
    assert_eq!(rto(&from_impact, &script).0, Pass);
    let (plan, timeline, verdict) = judged(PAUSE, &script);
    assert_eq!(outages(&plan, &timeline, BlindAs::Good).unwrap()[0].recovered_by, Some(RecoveredBy::System));
    let part = part_on(&verdict, Objective::Rto, "freeze");
    assert_eq!((part.outcome, part.measured.as_str()), (Pass, "-1.410 s [-1.420 s, -1.408 s]"));
}

#[test]
fn a_playbook_step_done_during_the_outage_recovered_it() {
    let yaml = KILL.to_owned() + "playbook: [{name: failover, manual: {prompt: do it}}]";
    let mut script = kill(&[(2_000, 2_600)]);
    script.step(2_500, "failover", StepMark::Done { when: ms(2_500), answer: "done".into() });
    let (plan, timeline, verdict) = judged(&yaml, &script);
    assert_eq!(outages(&plan, &timeline, BlindAs::Good).unwrap()[0].recovered_by, Some(RecoveredBy::Playbook));
    assert_eq!(part_on(&verdict, Objective::Rto, "crash").outcome, Pass);
}

#[test]
fn an_act_whose_record_is_closed_is_recovered_by_the_system() {
    let (plan, timeline, _) = judged(KILL, &kill(&[(2_000, 2_600)]));
    assert_eq!(outages(&plan, &timeline, BlindAs::Good).unwrap()[0].recovered_by, Some(RecoveredBy::System));
}

/// The drill of [`KILL`] with looks that our side could not make in `blinded`.
fn blinded(down: &'static [(i64, i64)], blinded: &'static [(i64, i64)]) -> Script {
    let mut script = kill(&[]);
    script.events.retain(|(_, what)| !matches!(what, EventKind::Probe { .. }));
    script.probe("checkout", (10, 0, 15_000), |t| match t {
        t if within(t, blinded) => (blind(), 0),
        t if within(t, down) => (refused(), 1),
        _ => (Sight::Good, 2),
    });
    script
}

#[test]
fn blind_windows_that_could_change_the_answer_make_it_inconclusive() {
    // Good at 2.5 s, blind at 8 s: had it been down there, it would not have recovered in time.
    let (outcome, why) = rto(KILL, &blinded(&[(2_000, 2_500)], &[(8_000, 8_300)]));
    assert_eq!(outcome, Inconclusive);
    assert!(why.starts_with("our side could not see for 300 ms, first at +8.000 s"), "{why}");
    // Blind where the recovery is: somewhere within two seconds.
    assert_eq!(rto(KILL, &blinded(&[(2_000, 2_500)], &[(2_500, 4_000)])).0, Inconclusive);
    // Blind from the act on.
    assert_eq!(rto(KILL, &blinded(&[(3_000, 3_500)], &[(2_000, 3_000)])).0, Inconclusive);
}

#[test]
fn blind_windows_that_cannot_change_the_answer_do_not() {
    // In the baseline, and inside the outage.
    assert_eq!(rto(KILL, &blinded(&[(2_000, 2_800)], &[(500, 900), (2_300, 2_500)])).0, Pass);
    // A breach stays one: it was bad for two seconds for certain.
    assert_eq!(rto(KILL, &blinded(&[(2_000, 4_000)], &[(4_000, 5_000)])).0, Breach);
    // Blind at the end of the recovery, and within the objective whatever it hid.
    assert_eq!(rto(KILL, &blinded(&[(2_000, 2_400)], &[(2_400, 2_700)])).0, Pass);
}

#[test]
fn no_recovery_signal_is_inconclusive() {
    let yaml = KILL.replace("recovery_signal: {streams: [checkout], latency: '<= 400ms'}", "");
    assert_eq!(rto(&yaml, &kill(&[(2_000, 2_500)])).0, Inconclusive);
}

#[test]
fn a_fault_that_never_began_has_no_recovery_time() {
    let mut script = kill(&[(2_000, 2_500)]);
    script.events.retain(|(_, what)| !matches!(what, EventKind::Fault { .. }));
    script.fault(2_000, "crash", FaultMark::Skipped { why: "its target was gone".into() });
    assert_eq!(rto(KILL, &script), (Inconclusive, "the fault never began: its target was gone".into()));
}

#[test]
fn without_an_outage_only_an_impact_that_need_not_be_passes() {
    for (impact, outcome) in [("expected", Inconclusive), ("tolerated", Pass), ("none", Pass)] {
        let yaml = KILL.replace("impact: expected", &format!("impact: {impact}"));
        assert_eq!(rto(&yaml, &kill(&[])).0, outcome, "{impact}");
    }
}

/// Two faults: a link is slow from 2 s to 9 s, a service is killed at 4 s.
const TWO: &str = "
name: two
probes: [{name: checkout, tcp: {address: 'a:1'}, every: 10ms}]
recovery_signal: {streams: [checkout], latency: '<= 400ms'}
phases: {baseline: 2s, recovery: {deadline: 10s, hold: 1s}, after: 1s}
faults:
  - {name: crawl, proxy-latency: {proxy: front, latency: 10ms}, for: 7s, impact: tolerated}
  - {name: crash, at: 2s, process-kill: {target: app}, impact: expected}
objectives: {rto: {max: 1s, fault: crash}}
";

fn two(down: &[(i64, i64)]) -> Script {
    let mut script = Script::default();
    phases(&mut script, 9_020, 14_000);
    script.act(2_000, "crawl").undo(9_000, "crawl").act(4_000, "crash");
    script.looks("checkout", 0, 15_000, down);
    script
}

#[test]
fn an_outage_is_put_down_to_the_fault_in_force_that_acted_last() {
    let outages = |down: &[(i64, i64)]| {
        let (plan, timeline, _) = judged(TWO, &two(down));
        outages(&plan, &timeline, BlindAs::Good).unwrap().iter().map(|o| (o.fault, o.stretches)).collect::<Vec<_>>()
    };
    assert_eq!(outages(&[(2_500, 2_700), (4_000, 4_500)]), [(0, 1), (1, 1)]);
    // The crash has been recovered from for longer than the hold time: what comes then is the slow link's.
    assert_eq!(outages(&[(4_000, 4_500), (7_000, 7_200)]), [(1, 1), (0, 1)]);
    // After both are over, the service has fallen again: nothing acted later than the crash.
    assert_eq!(outages(&[(4_000, 4_500), (12_000, 12_200)]), [(1, 2)]);
    // What was bad before any act is nobody's.
    assert_eq!(outages(&[(1_000, 1_200)]), []);
}

#[test]
fn an_outage_that_another_undo_may_have_ended_is_not_the_systems_recovery() {
    let (outcome, why) = rto(TWO, &two(&[(8_500, 9_050)]));
    assert_eq!((outcome, why.contains("no outage was seen")), (Inconclusive, true), "{why}");
    let slow = TWO.replace("max: 1s", "max: 9s");
    let (outcome, why) = rto(&slow, &two(&[(4_000, 9_050)]));
    assert_eq!((outcome, why.contains("own undo")), (Inconclusive, true), "{why}");
}

#[test]
fn a_recovery_cut_short_by_the_next_fault_has_that_ones_recovery_as_its_bound() {
    let yaml = TWO.replace("impact: tolerated", "impact: expected").replace("fault: crash", "fault: crawl");
    let mut script = two(&[(3_000, 3_600), (4_000, 4_500)]);
    script.events.retain(|(_, what)| {
        !matches!(what, EventKind::Fault { mark: FaultMark::Undoing { .. } | FaultMark::Undone { .. }, .. })
    });
    let (plan, timeline, verdict) = judged(&yaml, &script);
    let outage = &outages(&plan, &timeline, BlindAs::Good).unwrap()[0];
    let recovery = outage.recovery.unwrap();
    assert_eq!((recovery.lower, recovery.upper), (ms(3_590), ms(4_502)));
    assert_eq!(part_on(&verdict, Objective::Rto, "crawl").outcome, Inconclusive);
}
