use std::cell::RefCell;
use std::fs;

use super::*;
use crate::engine::scripted::{Answer, Script, interrupted};
use crate::safety::fixtures::{header, name, paused, rule};
use crate::safety::{Place, Reverted, this_process};
use crate::world::DriverError;

struct Bench {
    _base: tempfile::TempDir,
    state: StateDir,
    script: Script,
    told: RefCell<Vec<String>>,
}

fn bench(script: Script) -> Bench {
    let base = tempfile::tempdir().expect("a directory");
    let state = StateDir::at(&base.path().join("state")).expect("it is made");
    Bench { _base: base, state, script, told: RefCell::default() }
}

impl Bench {
    fn recover(&self, which: &Which) -> Result<RecoverOutcome, RecoverError> {
        let tell = |line: &str| self.told.borrow_mut().push(line.into());
        let short = Duration::from_millis(300);
        recover_within(&self.state, which, &|_| self.script.world(), &tell, short, short)
    }

    fn told(&self) -> String {
        self.told.borrow().join("\n")
    }
}

#[test]
fn every_interrupted_run_is_undone_newest_first_and_put_away() {
    let bench = bench(Script::default());
    interrupted(&bench.state, &header("2026-01"), &[paused(1), rule("r1")]);
    interrupted(&bench.state, &header("2026-02"), &[paused(2)]);
    let left = residue_present(&bench.state).expect("it is readable");
    assert_eq!(left.len(), 2);
    let refusal = left[0].to_string();
    assert!(refusal.contains("f1, f0") && refusal.contains("run `simulacro recover 2026-01` first"), "{refusal}");
    assert!(bench.recover(&Which::All).expect("the lock is free").is_clean());
    assert_eq!(bench.script.asked(), ["process 2", "link front", "process 1"]);
    assert!(residue_present(&bench.state).expect("it is readable").is_empty());
    assert!(bench.recover(&Which::All).expect("the lock is free").runs.is_empty());
    assert!(bench.state.path().join("ended/2026-01/undo.jsonl").exists());
}

#[test]
fn one_run_alone_and_one_that_is_not_there() {
    let bench = bench(Script::default());
    interrupted(&bench.state, &header("a"), &[paused(1)]);
    interrupted(&bench.state, &header("b"), &[paused(2)]);
    let which = Which::Run(RunId("b".into()));
    assert!(bench.recover(&which).expect("the lock is free").is_clean());
    assert_eq!(bench.script.asked(), ["process 2"]);
    let again = bench.recover(&which).expect_err("it is done").to_string();
    assert!(again.contains("no interrupted run is called b"), "{again}");
}

#[test]
fn what_cannot_be_undone_stays_and_says_how_to_do_it_by_hand() {
    let bench = bench(Script::default().answer(&rule("r1"), [Answer::Fails(DriverError::Refused("no rights".into()))]));
    interrupted(&bench.state, &header("a"), &[rule("r1"), paused(1)]);
    assert!(!bench.recover(&Which::All).expect("the lock is free").is_clean());
    let told = bench.told();
    assert!(told.contains("no rights") && told.contains("by hand: remove rule r1"), "{told}");
    let left = residue_present(&bench.state).expect("it is readable");
    assert_eq!(left[0].faults.as_ref().expect("it is sound"), &[name("f0")], "what was undone is not left");
}

#[test]
fn a_damaged_journal_is_never_called_clean() {
    let bench = bench(Script::default());
    interrupted(&bench.state, &header("a"), &[paused(1), paused(2)]);
    let path = bench.state.path().join("runs/a/undo.jsonl");
    let mut bytes = fs::read(&path).expect("it is there");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let first_arm = text.find("\"arm\"").expect("an arm record");
    bytes[first_arm + 40] ^= 1;
    fs::write(&path, &bytes).expect("it is written");
    for _ in 0..2 {
        assert!(!bench.recover(&Which::All).expect("the lock is free").is_clean());
        assert_eq!(fs::read(&path).expect("it is there"), bytes, "nothing is written to it");
    }
    assert!(bench.script.asked().iter().all(|s| s == "process 2"), "what is readable is undone");
    let told = bench.told();
    assert!(told.contains("is damaged at byte") && told.contains("kill -CONT 2"), "{told}");
    assert!(told.contains("fault number 0: its record is unreadable"), "{told}");
    assert!(told.contains("when all is well, remove"), "{told}");
    let left = residue_present(&bench.state).expect("it is readable");
    assert!(left[0].faults.is_err());
}

#[test]
fn a_run_whose_runner_lives_is_not_touched() {
    let bench = bench(Script::default());
    let mut alive = header("a");
    alive.runner = this_process().expect("/proc is there");
    interrupted(&bench.state, &alive, &[paused(1)]);
    // Somebody removed the lock's file, so the lock is free although the runner lives.
    let outcome = bench.recover(&Which::All).expect("the lock is free");
    assert!(matches!(outcome.runs[0].1, RunEnd::Running(_)));
    assert!(!outcome.is_clean());
    assert_eq!(bench.script.asked(), [] as [&str; 0]);
    assert!(bench.told().contains("kill -INT"), "{}", bench.told());
}

#[test]
fn a_running_drill_is_not_waited_for_and_a_watchdog_is() {
    let bench = bench(Script::default());
    interrupted(&bench.state, &header("a"), &[paused(1)]);
    let lock = Lock::try_acquire(&bench.state, Role::Runner, None).expect("it is free");
    let refused = bench.recover(&Which::All).expect_err("a drill runs").to_string();
    assert!(refused.contains("the drill is going on"), "{refused}");
    assert_eq!(bench.told(), "", "it did not wait");
    drop(lock);
    let lock = Lock::try_acquire(&bench.state, Role::Watchdog, None).expect("it is free");
    assert!(matches!(bench.recover(&Which::All), Err(RecoverError::Lock(_))));
    assert!(bench.told().contains("waiting: the watchdog"), "{}", bench.told());
    drop(lock);
    assert_eq!(bench.script.asked(), [] as [&str; 0]);
}

#[test]
fn two_rivals_undo_each_thing_once() {
    let bench = bench(Script::default());
    interrupted(&bench.state, &header("a"), &[paused(1), rule("r1")]);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let rival = || {
            let script = bench.script.clone();
            let state = bench.state.clone();
            scope.spawn(move || {
                let minute = Duration::from_secs(60);
                recover_within(&state, &Which::All, &|_| script.world(), &|_| {}, minute, minute)
                    .expect("the other one ends")
                    .is_clean()
            })
        };
        [rival(), rival()].into_iter().map(|t| t.join().expect("no panic")).collect()
    });
    assert_eq!(outcomes, [true, true]);
    assert_eq!(bench.script.asked(), ["link front", "process 1"]);
}

#[test]
fn after_a_reboot_the_drills_processes_count_as_gone() {
    let place = Place { boot_id: "the boot before".into(), machine_id: Some("m".into()), ..Place::here() };
    let bench = bench(Script::default().answer(&paused(1), [Answer::Says(Reverted::TargetGone)]));
    interrupted(&bench.state, &Header { place, ..header("a") }, &[paused(1)]);
    let outcome = bench.recover(&Which::All).expect("the lock is free");
    // Without a machine id that is the same, a reboot cannot be told from another machine: then it is not clean.
    assert!(!outcome.is_clean());
    assert!(bench.told().contains("another machine"), "{}", bench.told());
    assert_eq!(bench.script.asked(), [] as [&str; 0], "a pid of another boot is never touched");
}

#[test]
fn a_folder_without_a_journal_is_put_away() {
    let bench = bench(Script::default());
    bench.state.create_run(&RunId("never-armed".into())).expect("it is made");
    assert!(residue_present(&bench.state).expect("it is readable").is_empty());
    assert!(bench.recover(&Which::All).expect("the lock is free").is_clean());
    assert!(bench.state.runs().expect("it is readable").is_empty());
}
