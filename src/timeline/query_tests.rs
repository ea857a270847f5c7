//! What `probe.ok` and `stream.ok` say.

use super::*;
use crate::scenario::phases::Phase;
use crate::timeline::event::Sight;
use crate::timeline::script::{FINE, OPEN, REFUSED, Script, ms, plan};
use proptest::prelude::*;

fn seen(sight: Seen) -> Sight {
    match sight {
        Seen::Good => Sight::Good,
        Seen::Bad => Sight::Bad { why: "connection refused".into() },
        _ => Sight::Blind { why: "late".into() },
    }
}

/// What `p.ok` says at `to`, of looks every `every` milliseconds: what each saw, and how long it took.
fn ok(every: i64, to: i64, looks: &[(Seen, i64)]) -> Measure {
    let plan = plan(&format!("{{name: t, probes: [{{name: p, tcp: {{address: 'a:1'}}, every: {every}ms}}]}}"), &[]);
    let mut timeline = Timeline::new(&plan);
    let mut track = ProbeTrack::new(Delta::from_millis(every), Delta::from_millis(5_000));
    for (n, (sight, took)) in looks.iter().enumerate().filter(|(_, (sight, _))| *sight != Seen::Waiting) {
        let intended = ms(n as i64 * every);
        track.push(n as u64, intended, intended + Delta::from_millis(*took), &seen(*sight));
    }
    *timeline.probes.values_mut().next().unwrap() = track;
    measure(&"p.ok".parse().unwrap(), &timeline, Offset::ZERO, ms(to))
}

#[test]
fn looks_that_our_side_could_not_make_take_nothing_back() {
    let mut looks = vec![(Seen::Good, 1); 50];
    looks.extend([(Seen::Blind, 0), (Seen::Waiting, 0), (Seen::Blind, 0)]);
    assert_eq!(ok(20, 1_060, &looks).held, Some(true));
    looks[49] = (Seen::Bad, 1);
    let bad = ok(20, 1_060, &looks);
    assert_eq!((bad.held, bad.words.as_str()), (Some(false), "bad: connection refused"));
}

#[test]
fn what_was_good_more_than_a_second_ago_is_not_good_now() {
    let mut looks = vec![(Seen::Good, 1); 50];
    looks.extend([(Seen::Blind, 0); 51]);
    let none = ok(20, 2_020, &looks);
    assert_eq!((none.held, none.words.as_str()), (None, "nothing was seen just now"));
    // Silence is no better than a blind look: a target that hangs has looks under way and none that ended.
    assert_eq!(ok(20, 2_020, &looks[..50]).held, None);
    assert_eq!(ok(20, 1_980, &looks[..50]).held, Some(true));
    assert_eq!(ok(20, 2_020, &[]).held, None);
}

#[test]
fn a_rare_probe_and_a_slow_answer_still_speak_of_now() {
    assert_eq!(ok(5_000, 14_900, &[(Seen::Good, 20), (Seen::Blind, 0), (Seen::Blind, 0)]).held, Some(true));
    assert_eq!(ok(5_000, 15_100, &[(Seen::Good, 20), (Seen::Blind, 0), (Seen::Blind, 0)]).held, None);
    // Every answer takes two seconds: those of the looks in the last second are all still out.
    assert_eq!(ok(100, 2_500, &[(Seen::Good, 2_000); 6]).held, Some(true));
}

#[test]
fn a_stream_that_has_told_nothing_for_a_second_is_not_ok() {
    let plan = plan("{name: t, load: [{name: steady, profile: p, base_url: u}]}", &[("steady", OPEN)]);
    let ok = |fare, to| {
        let mut script = Script::default();
        script.phase(0, Phase::Baseline).load("steady", 0, 2_000, |_| fare);
        measure(&"steady.ok".parse().unwrap(), &script.timeline(&plan), Offset::ZERO, ms(to)).held
    };
    assert_eq!((ok(FINE, 2_100), ok(REFUSED, 2_100)), (Some(true), Some(false)));
    assert_eq!((ok(FINE, 4_100), ok(REFUSED, 4_100)), (None, None));
}

proptest! {
    /// Promise: it never passes what it did not see.
    #[test]
    fn ok_only_when_a_look_of_the_last_second_was_good_and_none_after_it_bad(
        kinds in prop::collection::vec(0u8..4, 0..120), more in 0i64..2_000,
    ) {
        let kind = |k: &u8| [Seen::Good, Seen::Bad, Seen::Blind, Seen::Waiting][usize::from(*k)];
        let looks: Vec<(Seen, i64)> = kinds.iter().map(|k| (kind(k), 3)).collect();
        let to = looks.len() as i64 * 20 + more;
        let told = looks.iter().enumerate().rev().find(|(_, (sight, _))| matches!(sight, Seen::Good | Seen::Bad));
        let fresh = told.filter(|(n, _)| *n as i64 * 20 + 3 >= to - 1_000);
        prop_assert_eq!(ok(20, to, &looks).held, fresh.map(|(_, (sight, _))| *sight == Seen::Good));
    }
}
