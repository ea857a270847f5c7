use std::os::fd::AsFd;
use std::thread;

use super::guard::{Ending, Patience, guard, watch};
use super::*;
use crate::engine::scripted::{Script, interrupted};
use crate::safety::fixtures::{header, paused, rule};
use crate::safety::{Lock, Role, StateDir, is_alive, process_of, residue};

const LONG: Duration = Duration::from_secs(600);

fn pipe() -> (OwnedFd, OwnedFd) {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe")
}

fn put(end: &impl AsFd, bytes: &[u8]) {
    assert_eq!(rustix::io::write(end, bytes), Ok(bytes.len()));
}

fn state() -> (tempfile::TempDir, StateDir) {
    let base = tempfile::tempdir().expect("a directory");
    let state = StateDir::at(&base.path().join("state")).expect("it is made");
    (base, state)
}

#[test]
fn the_watch_ends_with_a_word_with_the_pipe_or_in_silence() {
    for (bytes, silence, ending) in [
        (&b"bbbd"[..], LONG, Ending::Done),
        (&b"bb"[..], LONG, Ending::EndOfFile),
        (&b"b"[..], Duration::from_millis(40), Ending::Silence),
    ] {
        let ((input, beats), (answers, output)) = (pipe(), pipe());
        put(&beats, bytes);
        let kept = (ending == Ending::Silence).then_some(beats);
        assert_eq!(watch(&input, &output, silence).expect("pipes work"), ending);
        drop((kept, answers));
    }
}

/// Runs a whole watch over a real process as the runner, and returns what the watchdog says at its end.
fn guarded(state: &StateDir, runner: ProcessId, silence: Duration, script: &Script, word: &[u8], close: bool) -> bool {
    let ((input, beats), (answers, output)) = (pipe(), pipe());
    let assignment = Assignment { state: state.path().into(), run: RunId("run".into()), runner };
    put(&beats, &serde_json::to_vec(&assignment).expect("it encodes"));
    put(&beats, b"\n");
    put(&beats, word);
    let beats = (!close).then_some(beats);
    let patience = Patience { silence, rival: Duration::from_millis(50) };
    let clean = guard(&input, &output, patience, &|_| script.world()).expect("it guards");
    let mut ack = [0];
    assert_eq!((rustix::io::read(&answers, &mut ack), ack), (Ok(1), [ACK]));
    drop(beats);
    clean
}

fn sleeper() -> (Child, ProcessId) {
    let child = Command::new("sleep").arg("600").spawn().expect("sleep runs");
    let process = process_of(child.id() as i32).expect("it lives");
    (child, process)
}

#[test]
fn a_runner_that_leaves_without_a_word_is_ended_and_everything_undone() {
    for (close, silence) in [(true, LONG), (false, Duration::from_millis(40))] {
        let (_base, state) = state();
        let (mut child, runner) = sleeper();
        interrupted(&state, &crate::safety::Header { runner, ..header("run") }, &[paused(1), rule("r")]);
        let script = Script::default();
        assert!(guarded(&state, runner, silence, &script, b"b", close));
        assert!(!is_alive(runner), "it can inject nothing more");
        child.wait().expect("it is reaped");
        assert_eq!(script.asked(), ["link front", "process 1"]);
        assert_eq!(residue(&state.path().join("ended/run/undo.jsonl")).expect("it is sound"), []);
    }
}

#[test]
fn an_orderly_end_is_left_alone() {
    let (_base, state) = state();
    let (mut child, runner) = sleeper();
    interrupted(&state, &crate::safety::Header { runner, ..header("run") }, &[paused(1)]);
    let script = Script::default();
    assert!(guarded(&state, runner, LONG, &script, b"bd", true));
    assert!(is_alive(runner));
    assert_eq!(script.asked(), [] as [&str; 0]);
    child.kill().and_then(|()| child.wait()).expect("it ends");
}

#[test]
fn a_process_that_took_the_runners_pid_is_not_ended() {
    let (_base, state) = state();
    let (mut child, sleeping) = sleeper();
    let runner = ProcessId { start: sleeping.start + 1, ..sleeping };
    interrupted(&state, &crate::safety::Header { runner, ..header("run") }, &[paused(1)]);
    let script = Script::default();
    assert!(guarded(&state, runner, LONG, &script, b"", true));
    assert!(is_alive(sleeping));
    assert_eq!(script.asked(), ["process 1"], "and the undo is done");
    child.kill().and_then(|()| child.wait()).expect("it ends");
}

#[test]
fn it_undoes_nothing_while_another_holds_the_lock() {
    let (_base, state) = state();
    let (mut child, runner) = sleeper();
    interrupted(&state, &crate::safety::Header { runner, ..header("run") }, &[paused(1)]);
    let lock = Lock::try_acquire(&state, Role::Recover, None).expect("it is free");
    let script = Script::default();
    assert!(!guarded(&state, runner, LONG, &script, b"", true));
    assert_eq!(script.asked(), [] as [&str; 0]);
    drop(lock);
    child.wait().expect("it was ended");
}

fn stand_in(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn a_watchdog_that_does_not_answer_is_refused() {
    let (_base, state) = state();
    let run = state.create_run(&RunId("run".into())).expect("it is made");
    let mute = spawn_as(stand_in("exec sleep 600"), &state, &run, Duration::from_millis(50));
    assert!(matches!(mute, Err(WatchdogError::NoAnswer { .. })), "{mute:?}");
    let ended = spawn_as(stand_in("echo no luck >&2"), &state, &run, LONG).expect_err("it ended");
    assert!(matches!(ended, WatchdogError::Ended { .. }), "{ended}");
    assert!(ended.to_string().contains("watchdog.log"), "{ended}");
    let log = std::fs::read_to_string(run.watchdog_log()).expect("it has its own log");
    assert!(log.contains("no luck"));
}

#[test]
fn beats_are_answered_and_a_dead_watchdog_is_noticed() {
    let (_base, state) = state();
    let run = state.create_run(&RunId("run".into())).expect("it is made");
    let answering = "read assignment; printf A; dd bs=1 count=1 2>/dev/null >&2; printf A; exec sleep 600";
    let watchdog = spawn_as(stand_in(answering), &state, &run, LONG).expect("it answers");
    let beater = watchdog.beater();
    assert!(beater.is_alive());
    beater.beat();
    while locked(&watchdog.line).unanswered.is_some() {
        assert!(beater.is_alive(), "its answer is on its way");
        thread::yield_now();
    }
    let mut watchdog = watchdog;
    watchdog.child.kill().and_then(|()| watchdog.child.wait()).expect("it ends");
    assert!(!beater.is_alive());
    beater.beat();
    assert_eq!(beater.check(), Err(WatchdogLost::Ended), "and a beat to nobody does no harm");
    locked(&watchdog.line).broken = false;
    locked(&watchdog.line).unanswered = Some(raw_now() - ANSWER_WITHIN.as_nanos() as i64);
    assert_eq!(locked(&watchdog.line).state(), Err(WatchdogLost::Silent));
    watchdog.done();
}

#[test]
fn the_orderly_word_reaches_it() {
    let (_base, state) = state();
    let run = state.create_run(&RunId("run".into())).expect("it is made");
    let said = run.path().join("said");
    let listening = format!("read assignment; printf A; cat > {}", said.display());
    let watchdog = spawn_as(stand_in(&listening), &state, &run, LONG).expect("it answers");
    let beater = watchdog.beater();
    beater.beat();
    watchdog.done();
    assert_eq!(std::fs::read(&said).expect("it wrote"), [BEAT, DONE]);
    drop(beater);
}

#[test]
fn the_assignment_is_not_in_the_list_of_processes() {
    let (_base, state) = state();
    let run = state.create_run(&RunId("secret-run".into())).expect("it is made");
    let watchdog =
        spawn_as(stand_in("read assignment; printf A; exec cat >/dev/null"), &state, &run, LONG).expect("it answers");
    let line = std::fs::read_to_string(format!("/proc/{}/cmdline", watchdog.child.id())).expect("it lives");
    assert!(!line.contains("secret-run"), "{line}");
    watchdog.done();
}
