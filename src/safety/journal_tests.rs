use std::io::ErrorKind;

use super::*;
use crate::safety::fixtures::{HOLD, busy_journal, db1, header, header_of, name, nowhere, paused, rule};
use crate::safety::record::encode;
use crate::safety::{Fate, Memory, Operation, header as header_at, residue};

const RESTORED: [Reverted; 1] = [Reverted::Restored];

fn fresh(capacity: usize) -> (Memory, Journal) {
    let memory = Memory::new(capacity);
    let journal = Journal::on(memory.clone(), nowhere(), &header("run")).expect("memory takes it");
    (memory, journal)
}

fn states(memory: &Memory) -> Vec<(String, EntryState)> {
    let reading = read(nowhere(), &memory.synced(), Source::Live, &Place::here()).expect("it is sound");
    reading.book.open(Whereabouts::Here).into_iter().map(|r| (r.fault.to_string(), r.state)).collect()
}

#[tokio::test(start_paused = true)]
async fn each_step_is_on_disk_before_the_next() {
    let (memory, journal) = fresh(8192);
    let mut armed = journal.arm(&name("freeze"), vec![paused(7)], HOLD).expect("it is armed");
    assert_eq!(states(&memory), [("freeze".into(), EntryState::Armed)]);
    let disk = memory.clone();
    let act = async |licence: Licence<'_>| {
        assert_eq!(licence.fault(), "freeze");
        assert_eq!(states(&disk), [("freeze".into(), EntryState::Injecting)]);
        Ok::<(), ()>(())
    };
    armed.inject(act).await.expect("it is injected");
    assert_eq!(states(&memory), [("freeze".into(), EntryState::Injected)]);
    armed.reverting().expect("it is recorded");
    assert_eq!(states(&memory), [("freeze".into(), EntryState::Reverting)]);
    journal.disarm(armed, RESTORED.into()).expect("it is recorded");
    assert_eq!(states(&memory), []);
    assert_eq!(journal.residue(), []);
}

#[tokio::test(start_paused = true)]
async fn an_injection_can_run_in_a_task_and_a_panic_leaves_the_entry() {
    let (memory, journal) = fresh(8192);
    let mut armed = journal.arm(&name("freeze"), vec![paused(7)], HOLD).expect("it is armed");
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let act = async |_: Licence<'_>| {
            tokio::task::yield_now().await;
            panic!("a bug in a fault")
        };
        armed.inject::<()>(act).await
    });
    assert!(tasks.join_next().await.expect("one task").expect_err("it panicked").is_panic());
    assert_eq!(states(&memory), [("freeze".into(), EntryState::Injecting)]);
    let left = journal.residue().remove(0);
    assert!(left.in_flight);
    journal.disarm_residue(&left, RESTORED.into()).expect("it is recorded");
    assert_eq!(states(&memory), []);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_injection_stays_on_its_way() {
    let (memory, journal) = fresh(8192);
    let mut armed = journal.arm(&name("cut"), vec![rule("r1")], HOLD).expect("it is armed");
    let never = armed.inject(async |_| std::future::pending::<Result<(), ()>>().await);
    assert!(tokio::time::timeout(std::time::Duration::from_secs(5), never).await.is_err());
    armed.reverting().expect("it is recorded");
    let left = residue_in(&memory).remove(0);
    assert_eq!((left.state, left.in_flight), (EntryState::Reverting, true), "a later reader must still know");
}

trait Driver: Sync {
    fn harm(&self, licence: Licence<'_>) -> impl std::future::Future<Output = Result<(), String>> + Send;
}

struct Shared(Arc<Mutex<Vec<String>>>);

impl Driver for Shared {
    async fn harm(&self, licence: Licence<'_>) -> Result<(), String> {
        tokio::task::yield_now().await;
        self.0.lock().expect("no panic").push(licence.fault().into());
        Ok(())
    }
}

async fn harm_with<D: Driver>(mut armed: Armed, driver: &D) -> Result<(), InjectError<String>> {
    armed.inject(async |licence| driver.harm(licence).await).await
}

#[tokio::test(start_paused = true)]
async fn a_fault_can_borrow_its_driver_in_a_task() {
    let (memory, journal) = fresh(8192);
    let armed = journal.arm(&name("cut"), vec![rule("r1")], HOLD).expect("it is armed");
    let log = Arc::new(Mutex::new(vec![]));
    let driver = Shared(log.clone());
    let task = tokio::spawn(async move { harm_with(armed, &driver).await });
    task.await.expect("no panic").expect("it is injected");
    assert_eq!(*log.lock().expect("no panic"), ["cut"]);
    assert_eq!(states(&memory), [("cut".into(), EntryState::Injected)]);
}

fn residue_in(memory: &Memory) -> Vec<Residue> {
    let reading = read(nowhere(), &memory.synced(), Source::Live, &Place::here()).expect("it is sound");
    reading.book.open(Whereabouts::Here)
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_is_taken_away_and_nothing_more_is_armed() {
    for (error, failing) in [(ErrorKind::StorageFull, Operation::Write(0)), (ErrorKind::Other, Operation::Sync)] {
        let (memory, journal) = fresh(8192);
        let mut first = journal.arm(&name("first"), vec![paused(1)], HOLD).expect("it is armed");
        let before = memory.bytes();
        let at = memory.operations();
        let is_it = move |op| std::mem::discriminant(&op) == std::mem::discriminant(&failing);
        let mut left = 1;
        memory.on_operation(move |number, op| match op {
            op if number >= at && is_it(op) && left > 0 => {
                left -= 1;
                Fate::Fail { error, kept: 17 }
            }
            _ => Fate::Proceed,
        });
        let refused = journal.arm(&name("second"), vec![paused(2)], HOLD).expect_err("the disk failed");
        assert!(matches!(refused, JournalError::Write { .. }), "{refused}");
        assert_eq!(memory.bytes(), before, "nothing of the failed write stands");
        let again = journal.arm(&name("third"), vec![paused(3)], HOLD).expect_err("it is poisoned");
        assert!(matches!(again, JournalError::Poisoned { .. }), "{again}");
        let mut harmed = false;
        let begun = first
            .inject(async |_| {
                harmed = true;
                Ok::<(), ()>(())
            })
            .await;
        assert!(!harmed, "no harm after a failed write");
        assert!(matches!(begun, Err(InjectError::NotBegun(JournalError::Poisoned { .. }))));
        journal.disarm(first, RESTORED.into()).expect("undo is still recorded");
        assert_eq!(states(&memory), []);
    }
}

#[tokio::test(start_paused = true)]
async fn an_injection_that_cannot_be_recorded_says_that_the_fault_stands() {
    let (memory, journal) = fresh(8192);
    let mut armed = journal.arm(&name("freeze"), vec![paused(1)], HOLD).expect("it is armed");
    let disk = memory.clone();
    let result = armed
        .inject(async |_| {
            disk.on_operation(|_, _| Fate::Fail { error: ErrorKind::StorageFull, kept: 0 });
            Ok::<(), ()>(())
        })
        .await;
    assert!(matches!(result, Err(InjectError::Unrecorded(_))));
    assert_eq!(states(&memory), [("freeze".into(), EntryState::Injecting)]);
}

/// Plays a crash at every operation of a whole life, torn at every byte, and reads what is left.
#[tokio::test(start_paused = true)]
async fn a_crash_at_any_write_never_loses_a_fault_that_may_stand() {
    let life = |memory: &Memory| -> Result<bool, JournalError> {
        let journal = Journal::on(memory.clone(), nowhere(), &header("run"))?;
        let mut armed = journal.arm(&name("cut"), vec![rule("r1")], HOLD)?;
        let stands = std::cell::Cell::new(false);
        let inject = armed.inject(async |_| {
            stands.set(true);
            Ok::<(), ()>(())
        });
        let injected = futures_util::FutureExt::now_or_never(inject).expect("nothing waits");
        if injected.is_err() || armed.reverting().is_err() {
            return Ok(stands.get());
        }
        stands.set(false);
        journal.disarm(armed, RESTORED.into()).map(|()| false)
    };
    let whole = Memory::new(4096);
    assert!(!life(&whole).expect("no failure is played"));
    for point in 2..whole.operations() {
        for kept in (0..400).step_by(7) {
            let memory = Memory::new(4096);
            memory.on_operation(move |n, _| if n == point { Fate::Crash { kept } } else { Fate::Proceed });
            let stands = life(&memory).unwrap_or(false);
            let (resumed, _) =
                Journal::resume(Memory::holding(memory.bytes()), nowhere(), &memory.bytes(), &Place::here())
                    .expect("a crash is no damage");
            assert!(!stands || resumed.residue().len() == 1, "operation {point}, {kept} bytes kept");
        }
    }
}

#[test]
fn a_torn_record_is_replaced_by_its_doubt() {
    let memory = Memory::new(16 * 1024);
    busy_journal(&memory, &header_of("run", db1()));
    let mut bytes = memory.synced();
    let end = bytes.iter().rposition(|b| *b != 0).expect("records") + 1;
    bytes[end..end + 700].fill(b'x');
    let again = Memory::holding(bytes.clone());
    let (journal, _) = Journal::resume(again.clone(), nowhere(), &bytes, &db1()).expect("it is tolerated");
    let left = journal.residue();
    assert!(left.iter().all(|r| r.state != EntryState::Armed));
    let reading = read(nowhere(), &again.synced(), Source::Live, &db1()).expect("it is sound now");
    assert_eq!(reading.doubted, [] as [u32; 0], "nothing torn is left");
    assert_eq!(reading.book.open(Whereabouts::Here), left, "and the doubt is on disk");
    for residue in &left {
        journal.disarm_residue(residue, vec![Reverted::AlreadyBack; residue.undo.len()]).expect("there is room");
    }
    assert_eq!(journal.residue(), []);
}

#[test]
fn a_full_journal_refuses_another_fault_and_still_records_every_undo() {
    let (memory, journal) = fresh(8192);
    let mut armed = vec![];
    let full = loop {
        match journal.arm(&name("fault"), vec![paused(1), rule("r")], HOLD) {
            Ok(token) => armed.push(token),
            Err(e) => break e,
        }
    };
    assert!(matches!(full, JournalError::Full { .. }), "{full}");
    assert!(!armed.is_empty());
    for mut token in armed {
        let injected = futures_util::FutureExt::now_or_never(token.inject(async |_| Ok::<(), ()>(())));
        injected.expect("nothing waits").expect("there is room");
        journal.disarm(token, vec![Reverted::AlreadyBack; 2]).expect("there is room");
    }
    assert_eq!(states(&memory), []);
    assert_eq!(journal.poisoned(), None);
}

#[test]
fn a_fault_is_disarmed_only_with_an_answer_for_each_undo() {
    let (memory, journal) = fresh(8192);
    let armed = journal.arm(&name("both"), vec![paused(1), rule("r")], HOLD).expect("it is armed");
    let refused = journal.disarm(armed, RESTORED.into()).expect_err("one answer is missing");
    assert!(matches!(refused, JournalError::Refused { .. }), "{refused}");
    assert_eq!(states(&memory).len(), 1);
}

#[test]
fn a_journal_file_lives_through_its_runner() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = Journal::create(dir.path(), &header("run-9")).expect("it is made");
    assert!(!dir.path().join("undo.jsonl.new").exists());
    let path = journal.path();
    let mut armed = journal.arm(&name("freeze"), vec![paused(1)], HOLD).expect("it is armed");
    let injected = futures_util::FutureExt::now_or_never(armed.inject(async |_| Ok::<(), ()>(())));
    injected.expect("nothing waits").expect("it is recorded");
    drop((armed, journal));
    assert_eq!(header_at(&path).expect("it is sound").run.0, "run-9");
    let left = residue(&path).expect("it is sound");
    assert!(left[0].same_world());
    let (again, _) = Journal::reopen(&path).expect("it is sound");
    again.disarm_residue(&left[0], RESTORED.into()).expect("it is recorded");
    assert_eq!(residue(&path).expect("it is sound"), []);
    assert!(Journal::create(dir.path(), &header("run-9")).is_err(), "a journal is never written over");
}

#[test]
fn a_disk_without_room_is_found_before_anything_is_armed() {
    let memory = Memory::new(128);
    let refused = Journal::on(memory, nowhere(), &header("run")).err().expect("it cannot hold a header");
    assert!(matches!(refused, JournalError::Full { .. }), "{refused}");
    let state = Record::State { entry: u32::MAX, state: EntryState::Reverting, reverted: vec![] };
    assert!(encode(99_999_999, &state).expect("it encodes").len() <= 160, "see `room_for`");
}
