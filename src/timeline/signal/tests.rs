//! The rules on good, bad and blind; what bounds an outage; online and afterwards the same.

use proptest::prelude::*;

use super::*;
use crate::timeline::Timeline;
use crate::timeline::event::{EventKind, Sight};
use crate::timeline::script::*;

const PROBE: &str = "{name: t, probes: [{name: checkout, tcp: {address: 'a:1'}, every: 10ms, timeout: 200ms}], \
     recovery_signal: {streams: [checkout], latency: '<= 400ms'}}";
const BOTH: &str = "{name: t, probes: [{name: checkout, tcp: {address: 'a:1'}, every: 10ms}], \
     load: [{name: steady, profile: p, base_url: u}], \
     recovery_signal: {streams: [checkout, steady], latency: '<= 400ms'}}";

fn signal(timeline: &Timeline) -> Vec<(i64, i64, SignalState)> {
    let span = |s: Stretch| (s.from.nanos() / 1_000_000, s.to.nanos() / 1_000_000, s.state);
    timeline.signal().unwrap().stretches().map(span).collect()
}

use SignalState::{Bad, Blind, Good};

#[test]
fn windows_find_an_outage() {
    let mut script = Script::default();
    script.looks("checkout", 0, 5_000, &[(1_234, 2_345)]).end(5_000);
    let plan = plan(PROBE, &[]);
    assert_eq!(signal(&script.timeline(&plan)), [(100, 1_200, Good), (1_200, 2_400, Bad), (2_400, 5_000, Good)]);
}

#[test]
fn good_means_good_in_every_stream() {
    let mut script = Script::default();
    script.looks("checkout", 0, 6_000, &[(1_000, 1_100)]);
    script.load("steady", 0, 6_000, |t| if t == 3_200 { REFUSED } else { FINE }).end(6_060);
    let timeline = script.timeline(&plan(BOTH, &[("steady", OPEN)]));
    let expected =
        [(100, 1_000, Blind), (1_000, 1_100, Bad), (1_100, 3_000, Good), (3_000, 4_000, Bad), (4_000, 6_000, Good)];
    // Load has windows of a second; its first whole one begins at 1 s, what came before is judged on what there is.
    assert_eq!(signal(&timeline)[1..], expected[1..]);
}

#[test]
fn a_good_answer_beyond_the_latency_bound_is_bad() {
    let mut script = Script::default();
    let slow = |t| if within(t, &[(2_000, 2_100)]) { (Sight::Good, 401) } else { (Sight::Good, 399) };
    script.probe("checkout", (10, 0, 3_000), slow).end(3_500);
    assert_eq!(signal(&script.timeline(&plan(PROBE, &[])))[1].2, Bad);
    let mut script = Script::default();
    let slow = Fare { latency_us: 450_000, ..FINE };
    script
        .looks("checkout", 0, 6_000, &[])
        .load("steady", 0, 6_000, |t| if t == 3_000 { slow } else { FINE })
        .end(6_100);
    let timeline = script.timeline(&plan(BOTH, &[("steady", OPEN)]));
    assert_eq!(timeline.signal().unwrap().state_at(ms(3_500)), Some(Bad));
}

#[test]
fn too_few_observations_for_a_reason_of_ours_are_blind_and_otherwise_bad() {
    let yaml = PROBE.replace("latency:", "min: 6, latency:");
    let mut script = Script::default();
    let see = |t| if within(t, &[(1_000, 1_050)]) { (blind(), 0) } else { (Sight::Good, 1) };
    script.probe("checkout", (10, 0, 3_000), see).end(3_000);
    assert_eq!(signal(&script.timeline(&plan(&yaml, &[])))[1], (1_000, 1_100, Blind));
    // Load: users that wait for answers start too few requests, and that is the target's doing.
    let yaml = BOTH.replace("latency:", "min: 50, latency:");
    let mut script = Script::default();
    script.looks("checkout", 0, 6_000, &[]);
    script.load("steady", 0, 6_000, |t| if within(t, &[(3_000, 4_000)]) { Fare { ok: 1, ..FINE } } else { FINE });
    let timeline = script.end(6_100).timeline(&plan(&yaml, &[("steady", CLOSED)]));
    assert_eq!(timeline.signal().unwrap().state_at(ms(3_500)), Some(Bad));
}

#[test]
fn what_could_not_be_sent_makes_its_window_blind_and_what_was_dropped_makes_it_bad() {
    for (fare, state) in [(Fare { not_sent: 1, ..FINE }, Blind), (Fare { dropped: 1, ..FINE }, Bad)] {
        let mut script = Script::default();
        script.looks("checkout", 0, 6_000, &[]).load("steady", 0, 6_000, |t| if t == 3_200 { fare } else { FINE });
        let timeline = script.end(6_100).timeline(&plan(BOTH, &[("steady", OPEN)]));
        assert_eq!(timeline.signal().unwrap().state_at(ms(3_000)), Some(state));
    }
}

#[test]
fn a_window_without_a_line_and_a_lost_worker_are_blind() {
    let plan = plan(BOTH, &[("steady", OPEN)]);
    let mut script = Script::default();
    script.looks("checkout", 0, 8_000, &[]);
    (0..40).filter(|w| *w != 25).for_each(|w| {
        script.window("steady", w, FINE);
    });
    script.at(4_500, EventKind::LoadLost { stream: name("steady"), why: "killed".into() }).end(8_000);
    let timeline = script.timeline(&plan);
    let state = |at| timeline.signal().unwrap().state_at(ms(at));
    assert_eq!(
        [state(1_500), state(2_500), state(3_500), state(5_000)],
        [Some(Good), Some(Blind), Some(Blind), Some(Blind)]
    );
}

#[test]
fn an_unanswered_request_is_bad_once_older_than_the_latency_bound() {
    let plan = plan(BOTH, &[("steady", OPEN)]);
    let mut script = Script::default();
    script.looks("checkout", 0, 9_000, &[]);
    let hung = Fare { ok: 0, pending: 10, ..FINE };
    (0..40).for_each(|w| {
        script.window("steady", w, if w >= 20 { hung } else { FINE });
    });
    let mut timeline = Timeline::new(&plan);
    for event in script.sorted().iter().filter(|e| e.at <= ms(4_100)) {
        timeline.push(event);
    }
    // No request of the third second was answered or failed; the oldest have waited longer than 400 ms.
    assert_eq!(timeline.pulse(ms(4_100)).map(|p| p.state), Some(Bad));
}

#[test]
fn a_look_that_was_never_made_is_blind() {
    let mut script = Script::default();
    script.looks("checkout", 0, 6_000, &[]).end(6_000);
    let unmade = |at: Offset| within(at.nanos() / 1_000_000, &[(2_000, 2_500)]);
    script.events.retain(|(_, what)| !matches!(what, EventKind::Probe { intended, .. } if unmade(*intended)));
    assert_eq!(signal(&script.timeline(&plan(PROBE, &[])))[1], (2_000, 2_500, Blind));
}

#[test]
fn recovery_needs_the_hold_and_counts_from_the_given_moment() {
    let mut script = Script::default();
    script.looks("checkout", 0, 4_000, &[(1_000, 2_000)]);
    let plan = plan(PROBE, &[]);
    let at = |until: i64| {
        let mut timeline = Timeline::new(&plan);
        script.sorted().iter().filter(|e| e.at <= ms(until)).for_each(|e| timeline.push(e));
        timeline.tick(ms(until));
        timeline
    };
    let recovered = |until, after| at(until).signal().unwrap().recovered_since(ms(after), Delta::from_millis(1_000));
    assert_eq!(recovered(2_900, 1_000), None);
    assert_eq!(recovered(3_200, 1_000), Some(ms(2_000)));
    assert_eq!(recovered(3_200, 2_500), None);
    assert_eq!(recovered(3_700, 2_500), Some(ms(2_000)));
    assert_eq!(at(3_200).signal().unwrap().impact_after(ms(500)), Some(ms(1_000)));
}

#[test]
fn nothing_counts_after_the_load_has_stopped() {
    use crate::scenario::phases::Phase;
    let mut script = Script::default();
    script.phase(0, Phase::Baseline).phase(3_000, Phase::After).phase(4_000, Phase::Verify);
    script.looks("checkout", 0, 8_000, &[(4_300, 4_600)]).load("steady", 0, 4_000, |_| FINE).end(8_000);
    let timeline = script.timeline(&plan(BOTH, &[("steady", OPEN)]));
    assert_eq!(timeline.signal().unwrap().horizon(), ms(4_000));
    assert!(timeline.signal().unwrap().impact_after(ms(1_000)).is_none());
}

#[test]
fn that_load_stops_in_the_last_phase_is_no_blindness_and_before_it_is() {
    use crate::scenario::phases::Phase;
    let with = |recovery: i64| {
        let mut script = Script::default();
        script.phase(0, Phase::Baseline).phase(recovery, Phase::Recovery).phase(6_500, Phase::Verify);
        script.looks("checkout", 0, 6_000, &[]).load("steady", 0, 4_000, |_| FINE).end(7_000);
        let timeline = script.timeline(&plan(BOTH, &[("steady", OPEN)]));
        (timeline.signal().unwrap().horizon(), timeline.signal().unwrap().state().unwrap().0)
    };
    assert_eq!(with(3_000), (ms(4_000), Good));
    assert_eq!(with(5_500), (ms(5_500), Blind));
}

/// How looks see a target that is down for a while.
#[derive(Debug, Clone, Copy)]
enum Down {
    /// It refuses at once.
    Refuses,
    /// It says nothing, and answers what waits when it is back.
    Hangs,
}

/// A target's answer to a request that reaches it at `at` and takes `work` to serve: when, and whether in time.
fn answer(at: i64, work: i64, (from, to): (i64, i64), down: Down, timeout: i64) -> (Sight, i64) {
    let served = match down {
        _ if at + work < from || at >= to => at + work,
        Down::Refuses => return (refused(), at),
        Down::Hangs => to + work,
    };
    if served - at > timeout { (Sight::Bad { why: "timeout".into() }, at + timeout) } else { (Sight::Good, served) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_truth_lies_inside_the_bounds(
        from in 3_000_000i64..3_200_000,
        length in 150_000i64..900_000,
        noise in prop::collection::vec((0i64..4_000, 300i64..3_000), 64),
        hangs: bool,
    ) {
        // Times in microseconds; looks every 10 ms start up to 4 ms late and take up to 3 ms.
        let truth = (from, from + length);
        let down = if hangs { Down::Hangs } else { Down::Refuses };
        let us = |us: i64| Offset(us * 1_000);
        let mut script = Script::default();
        for n in 0..600i64 {
            let intended = n * 10_000;
            let (late, work) = noise[(n * n % 61) as usize];
            let (sight, done) = answer(intended + late, work, truth, down, 200_000);
            let (intended, done) = (us(intended), us(done));
            let what = EventKind::Probe { probe: name("checkout"), n: n as u64, intended, done, sight };
            script.events.push((done, what));
        }
        script.end(6_100);
        let timeline = script.timeline(&plan(PROBE, &[]));
        let signal = timeline.signal().unwrap();
        let bad: Vec<Stretch> = signal.stretches().filter(|s| s.state == Bad).collect();
        prop_assert!(!bad.is_empty() || (hangs && length < 220_000));
        if let (Some(first), Some(last)) = (bad.first(), bad.last()) {
            let impact = signal.impact(first.from, first.to, timeline.streams());
            let recovery = signal.recovery(last.from, last.to, timeline.streams());
            // An able target answers; the moment it turns unable lies within the work of one answer.
            prop_assert!(impact.lower < us(truth.0) && us(truth.0 - 3_000) <= impact.upper, "{impact:?} {truth:?}");
            prop_assert!(recovery.lower < us(truth.1) && us(truth.1) <= recovery.upper, "{recovery:?} {truth:?}");
            if !hangs {
                let width = impact.upper.since(impact.lower) + recovery.upper.since(recovery.lower);
                prop_assert!(width <= Delta::from_millis(60), "{width}");
            }
        }
    }

    #[test]
    fn online_and_afterwards_the_signal_is_the_same(
        holes in prop::collection::vec((0i64..60, 0u8..5), 0..12),
        ticks in prop::collection::vec(1i64..900, 1..30),
    ) {
        let plan = plan(BOTH, &[("steady", OPEN)]);
        let mut script = Script::default();
        script.looks("checkout", 0, 6_000, &[(1_500, 1_600)]);
        script.load("steady", 0, 6_000, |t| match holes.iter().find(|(w, _)| w * 100 == t) {
            Some((_, 0)) => REFUSED,
            Some((_, 1)) => Fare { not_sent: 2, ..FINE },
            Some((_, 2)) => Fare { pending: 3, ..FINE },
            Some((_, 3)) => Fare { latency_us: 900_000, ..FINE },
            _ => FINE,
        });
        script.end(6_200);
        let mut events = script.sorted();
        let mut online = Timeline::new(&plan);
        let mut ticks = ticks.iter().cycle();
        let mut next = 0;
        for event in &events {
            while ms(next) < event.at {
                online.tick(ms(next));
                next += ticks.next().unwrap();
            }
            online.push(event);
        }
        let offline = Timeline::from_events(&plan, &events);
        prop_assert_eq!(signal(&online), signal(&offline));
        events.pop();
        let sum = |t: &Timeline| t.loads[&name("steady")].sum(crate::timeline::load::Span::Total, None);
        prop_assert_eq!(sum(&Timeline::from_events(&plan, &events)), sum(&offline));
    }
}
