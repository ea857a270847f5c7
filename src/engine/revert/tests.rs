use std::time::Duration;

use super::*;
use crate::engine::scripted::{Answer, Script};
use crate::model::ProcessId;
use crate::safety::fixtures::{HOLD, busy_journal, command, header, name, nowhere, paused, rule};
use crate::safety::{Fate, LinkUndo, Memory, Place, ProcessUndo};
use crate::world::DriverError;

fn within(secs: u64) -> Instant {
    Instant::now() + Duration::from_secs(secs)
}

fn failing(words: &str) -> Answer {
    Answer::Fails(DriverError::Failed(words.into()))
}

fn residue_of(undos: Vec<Vec<Undo>>, whereabouts: Whereabouts) -> Vec<Residue> {
    let journal = Journal::on(Memory::new(1 << 16), nowhere(), &header("run")).expect("memory takes it");
    for (n, undo) in undos.into_iter().enumerate() {
        let armed = journal.arm(&name(&format!("f{n}")), undo, HOLD).expect("it is armed");
        drop(armed);
    }
    let mut residue = journal.residue();
    residue.iter_mut().for_each(|r| r.whereabouts = whereabouts);
    residue
}

#[tokio::test(start_paused = true)]
async fn newest_first_and_disarmed_one_by_one() {
    let memory = Memory::new(1 << 14);
    let journal = busy_journal(&memory, &header("run"));
    let script = Script::default();
    let remaining = revert_all(&script.world(), &journal.residue(), Some(&journal), within(60)).await;
    assert!(remaining.is_clean(), "{:?}", remaining.lines());
    let asked = script.asked();
    assert_eq!(asked[..3], ["command docker", "link front", "process 103"], "newest first, last undo first");
    assert_eq!(journal.residue(), []);
    let (resumed, _) = Journal::resume(memory.clone(), nowhere(), &memory.synced(), &Place::here()).expect("sound");
    assert_eq!(resumed.residue(), [], "the disk says so too");
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_reached_holds_up_no_other_and_is_tried_to_the_deadline() {
    let dead = rule("r1");
    let script = Script::default().answer(&dead, [failing("connection refused")]);
    let residue = residue_of(vec![vec![paused(1)], vec![dead.clone()], vec![paused(2)]], Whereabouts::Here);
    let begun = Instant::now();
    let remaining = revert_all(&script.world(), &residue, None, within(30)).await;
    assert_eq!(script.asked()[..3], ["process 2", "link front", "process 1"]);
    assert_eq!(begun.elapsed(), Duration::from_secs(30));
    let pauses = script.pauses(&dead);
    assert!(pauses.windows(2).all(|w| w[0] <= w[1]), "pauses grow: {pauses:?}");
    assert_eq!(pauses.last(), Some(&Duration::from_secs(5)));
    let lines = remaining.lines();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("f1") && lines[0].contains("connection refused"), "{lines:?}");
    assert!(lines[0].contains("remove rule r1 from link front"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_hangs_or_panics_is_bounded_and_tried_again() {
    let (hung, broken) = (rule("hung"), paused(9));
    let script = Script::default()
        .answer(&hung, [Answer::Hangs, Answer::Says(Reverted::Restored)])
        .answer(&broken, [Answer::Panics, Answer::Says(Reverted::Restored)]);
    let undo = [hung, broken];
    let reverted = revert_one(&script.world(), &undo, false, within(60)).await;
    assert_eq!(reverted, Ok(vec![Reverted::Restored; 2]));
}

#[tokio::test(start_paused = true)]
async fn an_undo_is_tried_even_after_the_deadline() {
    let script = Script::default();
    let reverted = revert_one(&script.world(), &[paused(1)], false, Instant::now()).await;
    assert_eq!(reverted, Ok(vec![Reverted::Restored]));
    let hung = Script::default().answer(&paused(1), [Answer::Hangs]);
    let left = revert_one(&hung.world(), &[paused(1)], false, Instant::now()).await.expect_err("it hangs");
    assert!(left[0].why.contains("no answer"), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_driver_says_it_did_is_not_believed() {
    let script = Script::default().answer(&rule("r"), [Answer::Lies(Reverted::Restored)]);
    let left = revert_one(&script.world(), &[rule("r")], false, within(10)).await.expect_err("it still stands");
    assert!(left[0].why.contains("still there"), "{left:?}");
    let late = [Answer::Lies(Reverted::Restored), Answer::Says(Reverted::AlreadyBack)];
    let script = Script::default().answer(&rule("r"), late);
    assert_eq!(revert_one(&script.world(), &[rule("r")], false, within(10)).await, Ok(vec![Reverted::AlreadyBack]));
}

#[tokio::test(start_paused = true)]
async fn a_call_on_its_way_is_waited_for() {
    let back = Answer::Says(Reverted::AlreadyBack);
    // Seen twice, one request timeout apart.
    let script = Script::default().answer(&rule("r"), [back.clone()]);
    assert_eq!(revert_one(&script.world(), &[rule("r")], true, within(60)).await, Ok(vec![Reverted::AlreadyBack]));
    assert_eq!(script.pauses(&rule("r")), [Duration::from_secs(2)]);
    // The call arrives in between and is taken back.
    let script = Script::default().answer(&rule("r"), [back.clone(), Answer::Says(Reverted::Restored)]);
    assert_eq!(revert_one(&script.world(), &[rule("r")], true, within(60)).await, Ok(vec![Reverted::Restored]));
    // A look that fails in between proves nothing: two more are needed.
    let script = Script::default().answer(&rule("r"), [back.clone(), failing("busy"), back.clone()]);
    assert_eq!(revert_one(&script.world(), &[rule("r")], true, within(60)).await, Ok(vec![Reverted::AlreadyBack]));
    assert_eq!(script.pauses(&rule("r")).len(), 3);
    // Seen once only, by the deadline: not clean.
    let script = Script::default().answer(&rule("r"), [back.clone()]);
    let left = revert_one(&script.world(), &[rule("r")], true, within(1)).await.expect_err("once is not enough");
    assert!(left[0].why.contains("on its way"), "{left:?}");
    // Once is enough when the call was seen to return, and for what was found and restored.
    let script = Script::default().answer(&rule("r"), [back]);
    assert!(revert_one(&script.world(), &[rule("r")], false, within(60)).await.is_ok());
    assert_eq!(script.asked().len(), 1);
    let script = Script::default();
    assert!(revert_one(&script.world(), &[rule("r")], true, within(60)).await.is_ok());
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_inverse_of_a_command_on_its_way_runs_once_more() {
    let script = Script::default();
    assert!(revert_one(&script.world(), &[command()], true, within(60)).await.is_ok());
    assert_eq!(script.pauses(&command()), [Duration::from_secs(5)]);
}

#[tokio::test(start_paused = true)]
async fn another_one_in_its_place_is_not_touched_again() {
    let script = Script::default().answer(&paused(1), [Answer::Fails(DriverError::Identity("another".into()))]);
    let left = revert_one(&script.world(), &[paused(1)], false, within(60)).await.expect_err("it is another");
    assert_eq!(script.asked().len(), 1);
    assert_eq!(left[0].why, "another");
}

#[tokio::test(start_paused = true)]
async fn a_killed_process_stays_gone_and_that_is_clean() {
    let killed = Undo::Process(ProcessUndo::Killed { process: ProcessId { pid: 5, start: 1 }, service: None });
    for said in [Reverted::TargetGone, Reverted::AlreadyBack] {
        let script = Script::default().answer(&killed, [Answer::Lies(said)]);
        let reverted = revert_one(&script.world(), std::slice::from_ref(&killed), true, within(60)).await;
        assert_eq!(reverted, Ok(vec![said]));
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_reboot_processes_are_gone_and_only_they() {
    let served = Undo::Link(LinkUndo {
        control: "http://10.0.0.7:8474".into(),
        link: name("far"),
        rule: crate::model::RuleId("r9".into()),
    });
    let undos = vec![vec![paused(1)], vec![rule("r1")], vec![served.clone()], vec![command()]];
    let residue = residue_of(undos, Whereabouts::Rebooted);
    let script = Script::default();
    assert!(revert_all(&script.world(), &residue, None, within(60)).await.is_clean());
    assert_eq!(script.asked(), ["command docker", "link far"], "no pid and no socket of the old boot is touched");
    let gone = Script::default().answer(&served, [Answer::Says(Reverted::TargetGone)]);
    let remaining = revert_all(&gone.world(), &residue, None, within(10)).await;
    assert_eq!(remaining.standing.len(), 1);
    assert!(remaining.lines()[0].contains("proves nothing"), "{:?}", remaining.lines());
}

#[tokio::test(start_paused = true)]
async fn from_another_machine_or_container_nothing_local_is_touched() {
    for whereabouts in [Whereabouts::Elsewhere, Whereabouts::OtherNamespace] {
        let residue = residue_of(vec![vec![paused(1)], vec![rule("r1")], vec![command()]], whereabouts);
        let script = Script::default();
        let remaining = revert_all(&script.world(), &residue, None, within(60)).await;
        assert_eq!(script.asked(), [] as [&str; 0]);
        assert_eq!(remaining.standing.len(), 3);
        assert!(remaining.lines().iter().all(|l| l.contains("run `simulacro recover`")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_cannot_record_stops_no_undo() {
    let memory = Memory::new(1 << 14);
    let journal = busy_journal(&memory, &header("run"));
    memory.on_operation(|_, _| Fate::Fail { error: std::io::ErrorKind::StorageFull, kept: 0 });
    let script = Script::default();
    let remaining = revert_all(&script.world(), &journal.residue(), Some(&journal), within(60)).await;
    assert_eq!(remaining.standing, []);
    assert_eq!(remaining.undone.len(), 5);
    assert!(!remaining.is_clean(), "it stays residue");
    assert!(remaining.lines()[0].contains("undone, but"), "{:?}", remaining.lines());
}

#[tokio::test(start_paused = true)]
async fn an_armed_fault_is_undone_and_disarmed_or_handed_back() {
    let journal = Journal::on(Memory::new(1 << 14), nowhere(), &header("run")).expect("memory takes it");
    let armed = journal.arm(&name("cut"), vec![rule("r")], HOLD).expect("it is armed");
    let script = Script::default().answer(&rule("r"), [failing("busy")]);
    let kept = undo_armed(&script.world(), &journal, armed, within(3)).await.expect_err("it fails");
    assert_eq!(journal.residue().len(), 1);
    let undone = undo_armed(&Script::default().world(), &journal, kept.armed, within(3)).await.expect("it works now");
    assert_eq!((undone.reverted, undone.unrecorded), (vec![Reverted::Restored], None));
    assert_eq!(journal.residue(), []);
}

#[tokio::test(start_paused = true)]
async fn undo_can_run_in_a_task() {
    let journal = Journal::on(Memory::new(1 << 14), nowhere(), &header("run")).expect("memory takes it");
    let armed = journal.arm(&name("cut"), vec![rule("r")], HOLD).expect("it is armed");
    let other = journal.arm(&name("stop"), vec![paused(3)], HOLD).expect("it is armed");
    drop(other);
    let (world, shared) = (Script::default().world(), journal.clone());
    let task = tokio::spawn(async move {
        let undone = undo_armed(&world, &shared, armed, within(3)).await.is_ok();
        let rest = shared.residue();
        undone && revert_all(&world, &rest, Some(&shared), within(3)).await.is_clean()
    });
    assert!(task.await.expect("no panic"));
    assert_eq!(journal.residue(), []);
}
