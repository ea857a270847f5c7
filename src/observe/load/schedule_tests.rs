use proptest::prelude::*;

use super::*;

fn constant(rate: u32, unit: u64, length: Option<u64>) -> Schedule {
    let mut schedule = Schedule::new(Duration::from_nanos(unit));
    schedule.push(length.map(Duration::from_nanos), rate, rate);
    schedule.end = length.map(|length| length as i64);
    schedule
}

fn ramp(yaml: &str) -> Schedule {
    Schedule::ramping(&serde_saphyr::from_str(yaml).unwrap())
}

/// Stages as (length in nanoseconds, target), with jumps among them.
fn stages() -> impl Strategy<Value = Schedule> {
    let stage = prop_oneof![
        3 => (1u64..20_000_000_000, 0u32..3_000),
        1 => (Just(0u64), 0u32..3_000),
        1 => (1u64..20_000_000_000, Just(0u32)),
    ];
    let unit = prop_oneof![Just(1_000_000_000u64), Just(60_000_000_000), 1u64..5_000_000_000];
    (0u32..2_000, unit, prop::collection::vec(stage, 1..6)).prop_map(|(start, unit, stages)| {
        let mut schedule = Schedule::new(Duration::from_nanos(unit));
        let mut rate = start;
        for (length, target) in stages {
            if length > 0 {
                schedule.push(Some(Duration::from_nanos(length)), rate, target);
            }
            rate = target;
        }
        schedule.end = Some(schedule.pieces.last().map_or(0, |piece| piece.from + piece.length));
        schedule
    })
}

proptest! {
    #[test]
    fn every_time_unit_has_exactly_the_rate(rate in 1u32..200_000, unit in 1_000_000u64..100_000_000_000, units in 0u32..5) {
        let schedule = constant(rate, unit, None);
        let begin = i64::try_from(unit).unwrap() * i64::from(units);
        let end = begin + i64::try_from(unit).unwrap();
        prop_assert_eq!(schedule.count_before(end) - schedule.count_before(begin), u64::from(rate));
    }

    #[test]
    fn times_never_go_back_and_never_drift(rate in 1u32..200_000, unit in 1u64..100_000_000_000, n in 0u64..1 << 26) {
        let schedule = constant(rate, unit, None);
        prop_assert!(schedule.due(n) <= schedule.due(n + 1));
        let exact = u128::from(n) * u128::from(unit);
        let due = schedule.due(n).unwrap() as u128;
        prop_assert!(due * u128::from(rate) <= exact && exact < (due + 1) * u128::from(rate));
    }

    #[test]
    fn counting_agrees_with_the_times(rate in 1u32..2_000, unit in 1u64..10_000_000, n in 0u64..1 << 30) {
        let schedule = constant(rate, unit, None);
        let due = schedule.due(n).unwrap();
        prop_assert!(schedule.count_before(due) <= n);
        prop_assert!(schedule.count_before(due + 1) > n);
    }

    #[test]
    fn stages_count_as_they_are_due_and_never_go_back(schedule in stages(), share in 0.0f64..1.0) {
        let end = schedule.end.unwrap();
        let total = schedule.count_before(end);
        prop_assert_eq!(schedule.count_before(i64::MAX), total, "nothing is due after the end");
        prop_assert_eq!(schedule.due(total), None, "and there is no further request");
        if total > 0 {
            let n = ((total as f64 * share) as u64).min(total - 1);
            let due = schedule.due(n).unwrap();
            prop_assert!((0..end).contains(&due));
            prop_assert!(schedule.count_before(due) <= n, "{} before request {n} at {due}", schedule.count_before(due));
            prop_assert!(schedule.count_before(due + 1) > n, "request {n} at {due} is not counted");
            prop_assert!(n + 1 == total || schedule.due(n + 1).unwrap() >= due);
        }
    }

    #[test]
    fn a_stage_has_the_requests_of_its_mean_rate(schedule in stages()) {
        let mut exact = 0.0;
        for piece in &schedule.pieces {
            exact += (piece.first + piece.last) as f64 / 2.0 * piece.length as f64 / schedule.unit as f64;
            let counted = schedule.count_before(piece.from + piece.length) as f64;
            prop_assert!((counted - exact).abs() < 1.001, "{counted} of {exact}");
        }
    }

    #[test]
    fn a_rate_that_is_held_goes_on_with_the_numbers(
        schedule in stages(),
        share in 0.0f64..1.5,
        per_second in 1u32..10_000,
        more in 0u64..100_000,
    ) {
        let from = (schedule.end.unwrap() as f64 * share) as i64;
        let before = schedule.count_before(from);
        let held = schedule.clone().held(from, per_second);
        prop_assert_eq!(held.count_before(from), before);
        prop_assert_eq!(held.due(before), Some(from));
        if before > 0 {
            prop_assert_eq!(held.due(before - 1), schedule.due(before - 1));
        }
        let due = held.due(before + more).unwrap();
        prop_assert_eq!(due, from + (u128::from(more) * 1_000_000_000 / u128::from(per_second)) as i64);
        prop_assert!(held.count_before(due) <= before + more && held.count_before(due + 1) > before + more);
        let again = held.clone().held(due + 5, 7);
        let next = again.count_before(due + 5);
        prop_assert_eq!(again.due(next), Some(due + 5));
        prop_assert_eq!(again.due(next + 7), Some(due + 5 + 1_000_000_000));
    }
}

#[test]
fn nothing_is_due_before_the_start() {
    assert_eq!(constant(500, SECOND, None).count_before(-5), 0);
    assert_eq!(constant(500, SECOND, None).due(1), Some(2_000_000));
    assert_eq!(constant(500, SECOND, Some(SECOND)).due(500), None);
}

#[test]
fn a_ramp_from_nothing_has_its_roots() {
    let ramp = ramp("{ stages: [{ duration: 10s, target: 100 }] }");
    // N(t) = 5 t² (t in seconds): request 5 is due after one second, request 125 after five, and 500 are never reached.
    assert_eq!((ramp.due(0), ramp.due(5), ramp.due(125)), (Some(0), Some(1_000_000_000), Some(5_000_000_000)));
    assert_eq!((ramp.count_before(10_000_000_000), ramp.due(500)), (500, None));
}

#[test]
fn no_request_is_due_while_the_rate_is_zero_and_a_jump_is_sudden() {
    let ramp = ramp(
        "{ stages: [{ duration: 5s, target: 0 }, { duration: 0s, target: 10 }, { duration: 1s, target: 10 }, \
          { duration: 0s, target: 0 }, { duration: 3s, target: 0 }, { duration: 0s, target: 2 }, \
          { duration: 1s, target: 2 }] }",
    );
    assert_eq!(ramp.due(0), Some(5_000_000_000));
    assert_eq!(ramp.due(9), Some(5_900_000_000));
    assert_eq!((ramp.due(10), ramp.due(11), ramp.due(12)), (Some(9_000_000_000), Some(9_500_000_000), None));
    assert_eq!(ramp.least_interval(), 100_000_000);
}

#[test]
fn a_search_climbs_its_stairs_and_confirms_the_last() {
    let yaml = "{ start_rate: 10, max_rate: 30, step: 10, hold: 2s, confirm: 3s, until: ['p95 < 1s'] }";
    let stairs = Schedule::staircase(&serde_saphyr::from_str(yaml).unwrap());
    let at = |seconds: i64| stairs.count_before(seconds * 1_000_000_000);
    assert_eq!([at(2), at(4), at(6), at(9), at(100)], [20, 60, 120, 210, 210]);
    assert_eq!((stairs.due(20), stairs.due(60), stairs.due(210)), (Some(2_000_000_000), Some(4_000_000_000), None));
}
