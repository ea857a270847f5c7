use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::safety::fixtures::{HOLD, busy_journal, db1, header_of, name, nowhere, paused, small_journal};
use crate::safety::record::encode;
use crate::safety::{Header, Journal, Memory, Reverted};

fn busy() -> (Vec<u8>, usize) {
    let memory = Memory::new(16 * 1024);
    busy_journal(&memory, &header_of("run-1", db1()));
    let bytes = memory.synced();
    let end = bytes.iter().rposition(|b| *b != 0).expect("records") + 1;
    (bytes, end)
}

fn small() -> (Vec<u8>, usize) {
    let memory = Memory::new(4096);
    small_journal(&memory, &header_of("r", db1()));
    let bytes = memory.synced();
    let end = bytes.iter().rposition(|b| *b != 0).expect("records") + 1;
    (bytes, end)
}

fn read_live(bytes: &[u8]) -> Result<Reading, Damage> {
    read(nowhere(), bytes, Source::Live, &db1())
}

/// Fault to (state, in flight), of everything that a reader would undo. Damage counts by what it lists.
fn seen(bytes: &[u8]) -> Result<BTreeMap<String, (EntryState, bool)>, Damage> {
    let open = read_live(bytes)?.book.open(Whereabouts::Here);
    Ok(open.into_iter().map(|r| (r.fault.to_string(), (r.state, r.in_flight))).collect())
}

/// The invariant: every fault that may stand is seen, or the journal is refused.
fn never_misread(truth: &BTreeMap<String, (EntryState, bool)>, bytes: &[u8], what: &str) {
    let Ok(seen) = seen(bytes) else { return };
    for (fault, (state, in_flight)) in truth {
        if *state == EntryState::Armed {
            continue;
        }
        let Some((_, doubt)) = seen.get(fault) else { panic!("{what}: {fault} ({state:?}) is taken for undone") };
        assert!(*doubt || !*in_flight, "{what}: {fault}'s call may be on its way, and is taken for returned");
    }
}

#[test]
fn every_state_is_read_back_newest_first() {
    let (bytes, _) = busy();
    let open = read_live(&bytes).expect("it is sound").book.open(Whereabouts::Here);
    let states: Vec<_> = open.iter().map(|r| (r.fault.as_str(), r.state, r.in_flight)).collect();
    assert_eq!(
        states,
        [
            ("f6", EntryState::Armed, false),
            ("f3", EntryState::Reverting, false),
            ("f2", EntryState::Injected, false),
            ("f1", EntryState::Injecting, true),
            ("f0", EntryState::Armed, false),
        ]
    );
    assert_eq!(open[0].by_hand, ["in /srv/drills: docker unpause db"]);
}

#[test]
fn a_journal_cut_at_any_byte_is_refused() {
    let (bytes, end) = small();
    for cut in (0..=end + 1).chain([bytes.len() - 1]) {
        let damage = read_live(&bytes[..cut]).expect_err("a shorter file was cut");
        assert!(matches!(damage.kind, DamageKind::NoHeader | DamageKind::Cut { .. }), "cut at {cut}: {damage}");
    }
}

#[test]
fn a_write_torn_at_any_byte_is_never_misread() {
    let (bytes, end) = small();
    // The truth after each record, and then every prefix of the next one, as a crash would leave it.
    let mut at = begin(&bytes).map(|(_, _, first)| first).expect("a header");
    while at < end {
        let mut before = bytes.clone();
        before[at..].fill(0);
        let truth = seen(&before).expect("a prefix of records is sound");
        let size = decode(&bytes[at..]).expect("a record").size;
        for kept in 0..size {
            let mut torn = before.clone();
            torn[at..at + kept].copy_from_slice(&bytes[at..at + kept]);
            never_misread(&truth, &torn, &format!("record at {at} torn after {kept} bytes"));
            assert!(seen(&torn).is_ok(), "a torn last record is tolerated");
        }
        at += size;
    }
}

#[test]
fn a_torn_record_after_arming_counts_as_injecting() {
    let (mut bytes, end) = busy();
    bytes[end] = b'{';
    let reading = read_live(&bytes).expect("it is tolerated");
    assert_eq!(reading.doubted, [0, 6]);
    assert_eq!(seen(&bytes).expect("it is tolerated")["f0"], (EntryState::Injecting, true));
}

#[test]
fn no_flipped_bit_is_misread() {
    let (bytes, end) = small();
    let truth = seen(&bytes).expect("it is sound");
    for bit in 0..(end + 64) * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        never_misread(&truth, &flipped, &format!("bit {bit}"));
    }
}

#[test]
fn damage_before_the_last_record_keeps_what_can_be_read() {
    let (mut bytes, _) = busy();
    let first = begin(&bytes).expect("a header").2;
    bytes[first + 100] ^= 1; // inside the arm record of f0
    let damage = read_live(&bytes).expect_err("records follow");
    assert!(matches!(damage.kind, DamageKind::Broken { at, .. } if at == first), "{damage}");
    let faults: Vec<_> = damage.readable.iter().map(|r| r.fault.as_str()).collect();
    assert_eq!(faults, ["f6", "f3", "f2", "f1"]);
    assert!(damage.readable.iter().all(|r| r.in_flight), "what a damaged journal says about states proves nothing");
    assert!(damage.by_hand().contains("f2: kill -CONT 102"), "{}", damage.by_hand());
    assert!(damage.header.is_some());
}

#[test]
fn a_state_without_its_arm_record_is_named() {
    let (mut bytes, end) = busy();
    let second_arm = find(&bytes, find(&bytes, begin(&bytes).expect("a header").2 + 1).expect("f1") + 1).expect("f2");
    bytes[second_arm + 70] ^= 1;
    let damage = read_live(&bytes).expect_err("records follow");
    assert_eq!(damage.unreadable, [2]);
    assert!(damage.by_hand().contains("fault number 2"));
    assert!(end > second_arm);
}

#[test]
fn another_version_is_refused() {
    let (mut bytes, _) = busy();
    let begin = Record::Begin { version: 2, reserved: bytes.len() as u64, header: header_of("run-1", db1()) };
    let frame = encode(0, &begin).expect("it encodes");
    bytes[..frame.len()].copy_from_slice(&frame);
    let damage = read_live(&bytes).expect_err("it is another version");
    assert!(matches!(damage.kind, DamageKind::Version { found: 2 }), "{damage}");
    assert!(damage.readable.is_empty(), "another version's records need not mean what ours mean");
}

#[test]
fn a_record_that_cannot_follow_is_damage() {
    let (mut bytes, end) = busy();
    let next = read_live(&bytes).expect("it is sound").next_seq;
    let again = Record::State { entry: 2, state: EntryState::Injecting, reverted: vec![] };
    let frame = encode(next, &again).expect("it encodes");
    bytes[end..end + frame.len()].copy_from_slice(&frame);
    assert!(matches!(read_live(&bytes), Err(Damage { kind: DamageKind::Broken { .. }, .. })));
}

#[test]
fn a_journal_of_another_boot_says_so() {
    let (bytes, _) = busy();
    let rebooted = crate::safety::Place { boot_id: "another".into(), ..db1() };
    let header: Header = read_live(&bytes).expect("it is sound").header;
    let whereabouts = header.place.whereabouts(&rebooted);
    let open = read(nowhere(), &bytes, Source::Live, &rebooted).expect("it is sound").book.open(whereabouts);
    assert!(open.iter().all(|r| !r.same_world() && r.whereabouts == Whereabouts::Rebooted));
}

/// Written by the first version. If this fails, old journals became unreadable: never change the file, add another.
#[test]
fn the_first_version_stays_readable() {
    let golden = include_bytes!("../../tests/golden/journal-v1.jsonl");
    let reading = read(nowhere(), golden, Source::Copy, &db1()).expect("it is readable");
    assert_eq!(reading.header, header_of("2026-03-01T02-00-00Z-orders-7f3a", db1()));
    let fresh = busy_journal(&Memory::new(16 * 1024), &reading.header).residue();
    // The words for people may be bettered at any time; what programs act on may not change.
    let acted_on = |r: Residue| (r.entry, r.fault, r.undo, r.max_hold, r.state, r.in_flight);
    let golden: Vec<_> = reading.book.open(Whereabouts::Here).into_iter().map(acted_on).collect();
    assert_eq!(golden, fresh.into_iter().map(acted_on).collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever sequence of calls a run makes, the reader finds what the writer knows.
    #[test]
    fn the_reader_agrees_with_the_writer(calls in proptest::collection::vec((0u32..6, 0u8..5), 0..40)) {
        let memory = Memory::new(16 * 1024);
        let journal = Journal::on(memory.clone(), nowhere(), &header_of("r", db1())).expect("memory takes it");
        let mut armed = vec![];
        for (n, call) in calls {
            let count = armed.len();
            let token: Option<&mut crate::safety::Armed> = armed.get_mut(n as usize).and_then(Option::as_mut);
            match (call, token) {
                (0, _) if count < 6 => {
                    let token = journal.arm(&name(&format!("f{count}")), vec![paused(1)], HOLD);
                    armed.push(Some(token.expect("there is room")));
                }
                (1 | 2, Some(token)) => {
                    let act = token.inject(async |_| if call == 1 { Ok(()) } else { Err(()) });
                    drop(futures_util::FutureExt::now_or_never(act).expect("nothing waits"));
                }
                (3, Some(token)) => token.reverting().expect("it may always begin"),
                (4, Some(_)) => {
                    let token = armed[n as usize].take().expect("it is there");
                    journal.disarm(token, vec![Reverted::Restored]).expect("it may always end");
                }
                _ => {}
            }
        }
        let read = read_live(&memory.synced()).expect("it is sound");
        prop_assert_eq!(read.book.open(Whereabouts::Here), journal.residue());
    }

    #[test]
    fn no_overwritten_stretch_is_misread(at in 0usize..8000, patch in proptest::collection::vec(1u8.., 1..200)) {
        let (bytes, end) = busy();
        let truth = seen(&bytes).expect("it is sound");
        let at = at % end;
        let stop = (at + patch.len()).min(bytes.len());
        let mut damaged = bytes.clone();
        damaged[at..stop].copy_from_slice(&patch[..stop - at]);
        // The last record cannot be told from a torn one: what it said may be lost, so it is left alone here.
        let last = (0..end).rev().find(|i| decode(&bytes[*i..]).is_some()).expect("a record");
        if stop <= last {
            never_misread(&truth, &damaged, "overwritten");
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0usize..6000) {
        let (mut journal, end) = busy();
        let at = at % end;
        journal[at..at + bytes.len()].copy_from_slice(&bytes);
        let _ = read_live(&journal);
        let _ = read_live(&bytes);
    }
}
