//! The rules of `measurement.md` on data loss, one test each, and what must hold for every ledger.

use proptest::prelude::*;

use super::*;

/// Writes every 10 ms, numbered from 1, acknowledged 1 ms later.
fn entries(count: u64) -> Vec<Entry> {
    (1..=count).map(|id| acked(id, id as i64 * 10)).collect()
}

fn acked(n: u64, sent_ms: i64) -> Entry {
    let sent = Offset::from_millis(sent_ms);
    Entry { n, intended: sent, sent, fate: Fate::Acked { when: Offset::from_millis(sent_ms + 1) } }
}

fn unknown() -> Fate {
    Fate::Unknown { why: "timeout".into() }
}

fn refused() -> Fate {
    Fate::Refused { why: "409".into() }
}

fn not_sent() -> Fate {
    Fate::NotSent { why: "no port".into() }
}

fn read(ids: impl IntoIterator<Item = u64>) -> FinalRead {
    let mut builder = ReadBuilder::default();
    ids.into_iter().for_each(|id| builder.row(id, Content::Same));
    builder.finish("node-a".into())
}

fn at(ms: i64) -> Reference {
    Reference::exact(Offset::from_millis(ms))
}

#[test]
fn nothing_lost_is_an_rpa_of_zero() {
    let account = account(&entries(20), &read(1..=20), at(205));
    assert_eq!((account.rpa.value, account.rpa.upper), (Delta::ZERO, Some(Delta::ZERO)));
    assert_eq!((account.acked, account.survived, account.lost.len()), (20, 20, 0));
}

#[test]
fn rpa_reaches_back_to_the_ack_of_the_oldest_loss_and_its_upper_bound_to_the_newest_survivor_before() {
    // 18 to 20 are gone; 20 is acknowledged at 201 ms, 18 at 181 ms, the newest survivor 17 at 171 ms.
    let account = account(&entries(20), &read(1..=17), at(205));
    assert_eq!(account.lost.ranges(), [(18, 20)]);
    assert_eq!(account.rpa.value, Delta::from_millis(205 - 181));
    assert_eq!(account.rpa.upper, Some(Delta::from_millis(205 - 171)));
    assert_eq!(account.lost_between, Some((Offset::from_millis(181), Offset::from_millis(201))));
}

#[test]
fn a_hole_counts_from_the_hole_though_later_writes_survived() {
    let account = account(&entries(20), &read((1..=20).filter(|id| *id != 5)), at(205));
    assert_eq!(account.lost.ranges(), [(5, 5)]);
    assert_eq!(account.rpa.value, Delta::from_millis(205 - 51));
    assert_eq!(account.rpa.upper, Some(Delta::from_millis(205 - 41)));
}

#[test]
fn when_nothing_older_survived_the_upper_bound_is_open() {
    assert_eq!(account(&entries(3), &read([2, 3]), at(50)).rpa.upper, None);
}

#[test]
fn the_time_between_act_and_effect_is_the_error_of_the_rpa() {
    let reference = Reference { at: Offset::from_millis(205), until: Offset::from_millis(235) };
    let account = account(&entries(20), &read(1..=19), reference);
    assert_eq!(account.rpa.error, Delta::from_millis(30));
    assert_eq!(account.rpa.value, Delta::from_millis(4));
}

#[test]
fn losses_acknowledged_after_the_reference_are_late_and_no_rpa_of_zero() {
    let account = account(&entries(20), &read(1..=18), at(150));
    assert_eq!((account.late_losses, account.lost.len()), (2, 2));
    assert_eq!(account.rpa.value, Delta::from_millis(150 - 191));
    assert_ne!(account.rpa.value, Delta::ZERO);
}

#[test]
fn unknown_and_refused_writes_are_no_losses_present_or_not() {
    let mut all = entries(6);
    all[1].fate = unknown();
    all[2].fate = unknown();
    all[3].fate = refused();
    all[4].fate = refused();
    let account = account(&all, &read([1, 2, 4, 6]), at(100));
    assert_eq!((account.lost.len(), account.unknown_present, account.refused_present), (0, 1, 1));
    assert_eq!(account.unexpected, 0);
}

#[test]
fn ids_that_were_never_sent_are_unexpected() {
    let mut all = entries(4);
    all[3].fate = not_sent();
    let found = FinalRead { unexpected: vec!["1e9".into()], ..read([1, 2, 3, 4, 99]) };
    let account = account(&all, &found, at(100));
    assert_eq!((account.unexpected, account.sent, account.not_sent), (3, 3, 1));
}

#[test]
fn duplicates_and_altered_rows_are_named() {
    let mut builder = ReadBuilder::default();
    for (id, content) in [(1, Content::Same), (2, Content::Differs), (2, Content::Same), (3, Content::NotRead)] {
        builder.row(id, content);
    }
    builder.foreign();
    let found = builder.finish("copy".into());
    assert_eq!((found.altered.as_slice(), found.foreign), ([2].as_slice(), 1));
    let account = account(&entries(3), &found, at(100));
    assert_eq!((account.duplicates, account.altered, account.lost.len()), (1, 1, 0));
}

#[test]
fn a_disaster_hides_what_was_sent_later_and_doubts_what_was_acknowledged_later() {
    let then = at_disaster(&entries(20), Offset::from_millis(100));
    assert_eq!(then.len(), 10);
    // Sent at 100 ms, acknowledged at 101 ms.
    assert!(matches!(then[9].fate, Fate::Unknown { .. }));
    assert_eq!(then[8].fate, Fate::Acked { when: Offset::from_millis(91) });
}

#[test]
fn a_ledger_that_stalled_before_the_fault_is_not_fresh() {
    let every = Delta::from_millis(10);
    assert!(freshness(&entries(20), Offset::from_millis(1_200), every).fresh);
    assert!(!freshness(&entries(20), Offset::from_millis(1_202), every).fresh);
    // Five intervals count when they are longer than a second.
    assert!(freshness(&entries(20), Offset::from_millis(2_000), Delta::from_millis(400)).fresh);
    assert!(!freshness(&[], Offset::from_millis(10), every).fresh);
    // What was acknowledged afterwards does not count.
    assert!(!freshness(&entries(20), Offset::from_millis(5), every).fresh);
}

#[test]
fn unexpected_ids_are_kept_up_to_a_limit_whatever_their_order() {
    let collect = |ids: Vec<u32>| {
        let mut builder = ReadBuilder::default();
        ids.into_iter().for_each(|id| builder.unexpected(format!("{id:04}")));
        builder.finish("node-a".into())
    };
    let (up, down) = (collect((0..300).collect()), collect((0..300).rev().collect()));
    assert_eq!(up.unexpected.len(), UNEXPECTED_KEPT);
    assert_eq!(up, down);
}

fn any_ids() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(0u64..80, 0..80)
}

prop_compose! {
    fn any_entries()(fates in prop::collection::vec((0i64..500, 0i64..60, 0u8..6), 0..60)) -> Vec<Entry> {
        let entry = |(index, (sent, took, fate)): (usize, (i64, i64, u8))| {
            let sent = Offset::from_millis(sent);
            let fate = match fate {
                0 => refused(),
                1 => unknown(),
                2 => not_sent(),
                _ => Fate::Acked { when: sent + Delta::from_millis(took) },
            };
            Entry { n: index as u64 + 1, intended: sent, sent, fate }
        };
        fates.into_iter().enumerate().map(entry).collect()
    }
}

proptest! {
    #[test]
    fn every_entry_is_in_exactly_one_place(all in any_entries(), ids in any_ids()) {
        let found = read(ids);
        let account = account(&all, &found, at(250));
        prop_assert_eq!(account.acked, account.survived + account.lost.len());
        prop_assert_eq!(account.sent, account.acked + account.refused + account.unknown);
        prop_assert_eq!(account.sent + account.not_sent, all.len() as u64);
        let present = account.survived + account.unknown_present + account.refused_present + account.unexpected;
        prop_assert_eq!(present, found.present.len());
        prop_assert!(account.late_losses <= account.lost.len());
    }

    #[test]
    fn order_does_not_matter(
        (all, shuffled) in any_entries().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        (ids, mixed) in prop::collection::vec(0u64..80, 0..80)
            .prop_flat_map(|ids| (Just(ids.clone()), Just(ids).prop_shuffle())),
    ) {
        prop_assert_eq!(account(&all, &read(ids), at(250)), account(&shuffled, &read(mixed), at(250)));
    }

    #[test]
    fn rpa_is_zero_exactly_when_nothing_is_lost_before(all in any_entries(), ids in any_ids()) {
        // Later than every acknowledgement, so that no loss is late.
        let account = account(&all, &read(ids), at(1_000));
        prop_assert_eq!(account.rpa.value == Delta::ZERO, account.lost.is_empty());
        prop_assert!(account.rpa.upper.is_none_or(|upper| upper >= account.rpa.value));
        prop_assert!(account.rpa.value >= Delta::ZERO);
    }

    #[test]
    fn a_read_survives_being_an_event(ids in any_ids(), altered in prop::collection::btree_set(0u64..40, 0..5)) {
        let found = FinalRead { altered: altered.into_iter().collect(), ..read(ids) };
        prop_assert_eq!(FinalRead::from_reading("node-a", &found.reading(2)), Some(found));
    }

    #[test]
    fn one_more_row_never_makes_the_loss_worse(all in any_entries(), ids in any_ids(), more in 0u64..80) {
        let before = account(&all, &read(ids.clone()), at(1_000));
        let after = account(&all, &read(ids.into_iter().chain([more])), at(1_000));
        prop_assert!(after.lost.len() <= before.lost.len());
        prop_assert!(after.rpa.value <= before.rpa.value);
    }
}
