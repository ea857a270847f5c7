//! The dead man's switch: a second process that undoes everything when the runner can no longer do so.
//!
//! It is executed from the program's own file (so that it shares neither memory nor threads with the runner), lives in
//! its own session, and reads one pipe. The runner writes its assignment, then a beat every 500 ms, then a word that it
//! is done. End of file without that word, or ten seconds without a beat, and the watchdog ends the runner and undoes
//! from the journal alone. On a second pipe it answers each beat, so that the runner knows of a watchdog that only
//! looks alive.

mod guard;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::clock::raw_now;
use crate::model::{ProcessId, RunId};
use crate::safety::{RunDir, StateDir, this_process};

pub use guard::watchdog;

/// The hidden subcommand that [`watchdog`] serves.
pub const SUBCOMMAND: &str = "watchdog";

/// Time between two beats.
pub const BEAT_EVERY: Duration = Duration::from_millis(500);

/// Longest wait for the watchdog's acknowledgement.
const ACK_WITHIN: Duration = Duration::from_secs(5);

/// A beat that is not answered for so long means that the watchdog is stopped: then nothing may be armed.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Longest wait for its end after an orderly run.
const END_WITHIN: Duration = Duration::from_secs(2);

const ACK: u8 = b'A';
const BEAT: u8 = b'b';
const DONE: u8 = b'd';

/// What the watchdog is told, as one line of JSON on its standard input: nothing of it shows in a list of processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Assignment {
    state: PathBuf,
    run: RunId,
    runner: ProcessId,
}

/// There is no live watchdog: nothing may be armed.
#[derive(Debug, thiserror::Error)]
pub enum WatchdogError {
    /// It could not be started.
    #[error("cannot start the watchdog: {0}; without one no fault is injected")]
    Start(#[from] io::Error),
    /// It did not acknowledge.
    #[error("the watchdog did not answer within {} s; see {log}. Without one no fault is injected", ACK_WITHIN.as_secs())]
    NoAnswer {
        /// Its log.
        log: PathBuf,
    },
    /// It ended at once.
    #[error("the watchdog ended at once; see {log}. Without one no fault is injected")]
    Ended {
        /// Its log.
        log: PathBuf,
    },
}

/// The watchdog is gone or does not answer: nothing more may be armed, and what stands must be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WatchdogLost {
    /// It ended.
    #[error("the watchdog has ended")]
    Ended,
    /// It is stopped, or starved.
    #[error("the watchdog has not answered for {} s", ANSWER_WITHIN.as_secs())]
    Silent,
}

/// The runner's hold on its watchdog. Once this and every [`Beater`] are dropped without [`Watchdog::done`], the
/// watchdog ends this process and undoes.
#[derive(Debug)]
#[must_use = "dropping it sets the watchdog off"]
pub struct Watchdog {
    child: Child,
    line: Arc<Mutex<Line>>,
}

/// Beats for the engine's loop, and whether anybody hears them. Clones share the line.
#[derive(Debug, Clone)]
pub struct Beater(Option<Arc<Mutex<Line>>>);

#[derive(Debug)]
struct Line {
    /// None after the run said that it is done.
    beats: Option<OwnedFd>,
    answers: OwnedFd,
    /// When the oldest beat without an answer was sent, in raw nanoseconds.
    unanswered: Option<i64>,
    /// A pipe broke: the watchdog is gone.
    broken: bool,
}

/// Starts the watchdog of a run. To be called before the runtime starts, so that no thread of it exists yet, and after
/// the run's folder was made; the watchdog logs there.
///
/// # Errors
/// When it did not start or did not acknowledge in time. Nothing may be armed then.
pub fn spawn(state: &StateDir, run: &RunDir) -> Result<Watchdog, WatchdogError> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("simulacro").arg(SUBCOMMAND);
    spawn_as(command, state, run, ACK_WITHIN)
}

fn spawn_as(mut command: Command, state: &StateDir, run: &RunDir, within: Duration) -> Result<Watchdog, WatchdogError> {
    let log = run.watchdog_log();
    let file = File::options().append(true).create(true).mode(0o600).open(&log)?;
    // No group of its own here: the leader of a group cannot begin a session, which it does first of all. A Ctrl-C that
    // comes before that ends it without an acknowledgement, so nothing is armed.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
    let mut child = command.spawn()?;
    let assignment = Assignment { state: state.path().into(), run: run.run().clone(), runner: this_process()? };
    let begun = begin(&mut child, &assignment, &log, within);
    if begun.is_err() {
        // It has no assignment it acknowledged, so it guards nothing.
        let _ = child.kill().and_then(|()| child.wait());
    }
    begun.map(|line| Watchdog { child, line: Arc::new(Mutex::new(line)) })
}

fn begin(child: &mut Child, assignment: &Assignment, log: &Path, within: Duration) -> Result<Line, WatchdogError> {
    let missing = || io::Error::other("a pipe is missing");
    let mut beats = child.stdin.take().ok_or_else(missing)?;
    let answers = OwnedFd::from(child.stdout.take().ok_or_else(missing)?);
    let mut text = serde_json::to_vec(assignment).map_err(io::Error::other)?;
    text.push(b'\n');
    // Far less than a pipe holds, so this cannot block. A watchdog that is gone already shows below.
    match beats.write_all(&text) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => return Err(e.into()),
        _ => {}
    }
    if !readable(&answers, within)? {
        return Err(WatchdogError::NoAnswer { log: log.into() });
    }
    let mut answer = [0];
    match rustix::io::read(&answers, &mut answer).map_err(io::Error::from)? {
        1 if answer == [ACK] => {}
        _ => return Err(WatchdogError::Ended { log: log.into() }),
    }
    let beats = OwnedFd::from(beats);
    for end in [&beats, &answers] {
        let flags = rustix::fs::fcntl_getfl(end).map_err(io::Error::from)?;
        rustix::fs::fcntl_setfl(end, flags | OFlags::NONBLOCK).map_err(io::Error::from)?;
    }
    Ok(Line { beats: Some(beats), answers, unanswered: None, broken: false })
}

/// Whether `fd` can be read, or is at its end, within `limit`.
fn readable(fd: &impl std::os::fd::AsFd, limit: Duration) -> io::Result<bool> {
    let end = raw_now().saturating_add(i64::try_from(limit.as_nanos()).unwrap_or(i64::MAX));
    loop {
        let left = Duration::from_nanos((end - raw_now()).max(0).unsigned_abs());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&timeout)) {
            Ok(n) => return Ok(n > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

impl Watchdog {
    /// The beats for the engine's loop.
    pub fn beater(&self) -> Beater {
        Beater(Some(self.line.clone()))
    }

    /// The run ended in order (everything undone, or what remains was said): the watchdog leaves without a deed.
    pub fn done(mut self) {
        let mut line = locked(&self.line);
        if let Some(beats) = line.beats.take() {
            // A pipe full of beats belongs to a watchdog that is stopped: it is ended below.
            if rustix::io::write(&beats, &[DONE]).is_err() {
                let _ = self.child.kill();
            }
        }
        drop(line);
        let end = raw_now() + END_WITHIN.as_nanos() as i64;
        while matches!(self.child.try_wait(), Ok(None)) {
            if raw_now() >= end {
                // It is stopped or hangs. Left alone, it would read later that the run is done.
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Beater {
    /// For simulated drills, whose world ends with the process: there is nothing to guard.
    pub fn unwatched() -> Beater {
        Beater(None)
    }

    /// One beat, every [`BEAT_EVERY`], from the engine's own loop: a loop that hangs must fall silent. Never blocks.
    pub fn beat(&self) {
        if let Some(line) = &self.0 {
            locked(line).beat();
        }
    }

    /// Whether the watchdog lives and answers.
    pub fn is_alive(&self) -> bool {
        self.check().is_ok()
    }

    /// As [`Beater::is_alive`], with what became of it.
    ///
    /// # Errors
    /// When nobody hears the beats: nothing may be armed, and what stands must be undone.
    pub fn check(&self) -> Result<(), WatchdogLost> {
        self.0.as_ref().map_or(Ok(()), |line| {
            let mut line = locked(line);
            line.hear();
            line.state()
        })
    }
}

impl Line {
    fn beat(&mut self) {
        self.hear();
        let Some(beats) = &self.beats else { return };
        match rustix::io::write(beats, &[BEAT]) {
            // A full pipe means that hours of beats were not read: the missing answer tells.
            Ok(_) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(_) => self.broken = true,
        }
        self.unanswered.get_or_insert_with(raw_now);
    }

    fn state(&self) -> Result<(), WatchdogLost> {
        match self.unanswered {
            _ if self.broken => Err(WatchdogLost::Ended),
            Some(since) if raw_now() - since >= ANSWER_WITHIN.as_nanos() as i64 => Err(WatchdogLost::Silent),
            _ => Ok(()),
        }
    }

    /// Takes in the answers that have come.
    fn hear(&mut self) {
        let mut answers = [0; 256];
        loop {
            match rustix::io::read(&self.answers, &mut answers) {
                Ok(0) => return self.broken = true,
                Ok(_) => self.unanswered = None,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return,
                Err(_) => return self.broken = true,
            }
        }
    }
}

fn locked(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "watchdog/tests.rs"]
mod tests;
