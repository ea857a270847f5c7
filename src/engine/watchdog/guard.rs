//! The watchdog's own process.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{ACK, Assignment, DONE, readable};
use crate::clock::raw_now;
use crate::engine::recover::{RunEnd, WorldOf, undo_run};
use crate::model::ProcessId;
use crate::safety::{Holder, Lock, LockError, Role, RunDir, StateDir, process_of};

/// Silence after which the runner counts as dead.
const SILENCE: Duration = Duration::from_secs(10);
/// Shortens [`SILENCE`], for tests only: a duration with its unit, such as `800ms`.
const SILENCE_VARIABLE: &str = "SIMULACRO_WATCHDOG_SILENCE";
/// Longest time of one wait for a beat.
const SLICE: Duration = Duration::from_millis(250);
/// What one wait adds to the silence at most. One that took longer means that this process was frozen itself (its
/// control group, or the machine), and so, perhaps, was the runner: that time says nothing.
const WAIT_COUNTS: Duration = Duration::from_secs(1);
/// Longest wait for the assignment.
const ASSIGNED_WITHIN: Duration = Duration::from_secs(5);
/// Longest wait for the killed runner's end; a disk that hangs can hold a process.
const DEAD_WITHIN: Duration = Duration::from_secs(5);
/// Longest wait for a lock that the dying runner holds.
const RUNNER_WITHIN: Duration = Duration::from_secs(300);
/// Time for the undo: the target may be out of reach for a while, and nobody else will try.
const UNDO_WITHIN: Duration = Duration::from_secs(600);

/// The watchdog's exit code when a fault may remain.
const UNDO_INCOMPLETE: u8 = 30;

/// How long the watchdog waits for others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Silence after which the runner counts as dead.
    pub silence: Duration,
    /// Longest wait for a lock that somebody else holds who undoes, too.
    pub rival: Duration,
}

/// What ended the watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The run said that it is done.
    Done,
    /// The runner is gone, or closed the pipe without a word.
    EndOfFile,
    /// The runner is silent for too long.
    Silence,
}

/// The hidden subcommand: guards one run, told on standard input. `world_of` connects the drivers from a journal's
/// header.
pub fn watchdog(world_of: WorldOf<'_>) -> ExitCode {
    // A session of its own: no terminal's signal and no shell's end reaches it.
    if let Err(e) = rustix::process::setsid() {
        say(&format!("cannot begin a session: {e}"));
        return ExitCode::FAILURE;
    }
    // And a direct SIGINT, SIGTERM or SIGHUP is taken and ignored: only the run's end ends it.
    if let Err(e) = ctrlc::set_handler(|| {}) {
        say(&format!("cannot ignore signals: {e}"));
    }
    let (input, output) = match (own(std::io::stdin()), own(std::io::stdout())) {
        (Ok(input), Ok(output)) => (input, output),
        (Err(e), _) | (_, Err(e)) => {
            say(&format!("cannot use the pipes to the runner: {e}"));
            return ExitCode::FAILURE;
        }
    };
    let patience = Patience { silence: silence(), rival: Duration::from_secs(5) };
    match guard(&input, &output, patience, world_of) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(UNDO_INCOMPLETE),
        Err(e) => {
            say(&e.to_string());
            ExitCode::from(UNDO_INCOMPLETE)
        }
    }
}

fn own(stream: impl AsFd) -> io::Result<OwnedFd> {
    stream.as_fd().try_clone_to_owned()
}

fn silence() -> Duration {
    let short = std::env::var(SILENCE_VARIABLE).ok().and_then(|text| text.parse::<crate::model::HumanDuration>().ok());
    short.map_or(SILENCE, |d| d.get())
}

/// One line in the log, which is this process's standard error; times count from the machine's start, like the
/// kernel's.
fn say(what: &str) {
    eprintln!("[{:.3}] watchdog {}: {what}", raw_now() as f64 / 1e9, std::process::id());
}

/// Guards one run to its end. True: nothing may remain of it.
pub(super) fn guard(input: &OwnedFd, output: &OwnedFd, patience: Patience, world_of: WorldOf<'_>) -> io::Result<bool> {
    let assignment = assigned(input)?;
    let state = StateDir::at(&assignment.state).map_err(io::Error::other)?;
    let dir = state.run(&assignment.run).map_err(io::Error::other)?;
    let runner = hold(assignment.runner)?;
    rustix::io::write(output, &[ACK])?;
    say(&format!("guarding {} of {}", assignment.run, assignment.runner));
    match watch(input, output, patience.silence)? {
        Ending::Done => {
            say("the run is done");
            return Ok(true);
        }
        Ending::EndOfFile => say("the runner is gone"),
        Ending::Silence => say(&format!("the runner was silent for {:?}", patience.silence)),
    }
    if let Some(runner) = &runner {
        end(runner, assignment.runner);
    }
    take_over(&state, &dir, assignment.runner, patience.rival, world_of)
}

/// Reads the assignment: one line.
fn assigned(input: &OwnedFd) -> io::Result<Assignment> {
    let mut line = vec![];
    loop {
        let mut byte = [0];
        if !readable(input, ASSIGNED_WITHIN)? {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no assignment came"));
        }
        match retried(|| rustix::io::read(input, &mut byte))? {
            0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the assignment was cut")),
            _ if byte == [b'\n'] => return serde_json::from_slice(&line).map_err(io::Error::other),
            _ if line.len() >= 64 * 1024 => return Err(io::Error::other("the assignment is too long")),
            _ => line.push(byte[0]),
        }
    }
}

/// A handle of the runner: taken while it lives, so that nobody else can ever be meant. None when it is gone already.
fn hold(runner: ProcessId) -> io::Result<Option<OwnedFd>> {
    let Some(pid) = Pid::from_raw(runner.pid) else { return Ok(None) };
    // The handle first, the start time after: if they match, the handle is the right one's.
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => Ok((process_of(runner.pid).ok() == Some(runner)).then_some(handle)),
        Err(rustix::io::Errno::SRCH) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Waits for the run's end, whichever way it comes.
pub(super) fn watch(input: &OwnedFd, output: &OwnedFd, silence: Duration) -> io::Result<Ending> {
    let mut quiet = Duration::ZERO;
    let slice = SLICE.min(silence / 4);
    loop {
        let asked = raw_now();
        if !readable(input, slice)? {
            quiet += since(asked, raw_now()).min(WAIT_COUNTS);
            if quiet >= silence {
                return Ok(Ending::Silence);
            }
            continue;
        }
        let mut bytes = [0; 256];
        match retried(|| rustix::io::read(input, &mut bytes))? {
            0 => return Ok(Ending::EndOfFile),
            n if bytes[..n].contains(&DONE) => return Ok(Ending::Done),
            _ => quiet = Duration::ZERO,
        }
        // One answer for all beats at hand. A runner that cannot take it is not our concern here.
        let _ = rustix::io::write(output, &[ACK]);
    }
}

fn since(earlier: i64, now: i64) -> Duration {
    Duration::from_nanos((now - earlier).max(0).unsigned_abs())
}

fn retried<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            other => return other.map_err(io::Error::from),
        }
    }
}

/// Ends the runner, so that it cannot inject anything more, and waits until it is gone.
fn end(handle: &OwnedFd, runner: ProcessId) {
    match pidfd_send_signal(handle, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(e) => say(&format!("cannot end {runner}: {e}")),
    }
    // A pidfd becomes readable when its process has ended (pidfd_open(2)).
    match readable(handle, DEAD_WITHIN) {
        Ok(true) => say(&format!("{runner} has ended")),
        Ok(false) => say(&format!("{runner} does not end; waiting for its lock")),
        Err(e) => say(&format!("cannot wait for the end of {runner}: {e}")),
    }
}

/// Takes the lock and undoes. True: nothing may remain.
fn take_over(
    state: &StateDir,
    dir: &RunDir,
    runner: ProcessId,
    rival: Duration,
    world_of: WorldOf<'_>,
) -> io::Result<bool> {
    let begun = raw_now();
    let patient = |holder: Option<&Holder>| {
        let dying = holder.is_some_and(|h| h.process == runner);
        since(begun, raw_now()) < if dying { RUNNER_WITHIN } else { rival }
    };
    let _lock = match Lock::acquire(state, Role::Watchdog, Some(dir.run()), RUNNER_WITHIN, patient) {
        Ok(lock) => lock,
        Err(e @ LockError::Held { .. }) => {
            say(&format!("leaving the undo to another: {e}"));
            return Ok(!dir.has_journal());
        }
        Err(e) => return Err(io::Error::other(e)),
    };
    if !dir.path().exists() {
        say("somebody else has undone everything");
        return Ok(true);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ending = runtime.block_on(undo_run(state, dir, world_of, UNDO_WITHIN));
    say(&ending.to_string());
    Ok(matches!(ending, RunEnd::Clean | RunEnd::Undone(_)))
}
