//! One lock for each state directory: only its holder injects or reverts.
//!
//! It is a `flock` on an open file, so the kernel frees it when the holder dies, however that happens. The file is
//! close-on-exec, so no child of the holder keeps it. What is written inside names the holder, for messages only.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use super::{StateDir, identity};
use crate::clock::raw_now;
use crate::model::{ProcessId, RunId};

/// Time between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// Attempts of one try, while the holder cannot be named.
const GLANCES: usize = 5;

/// What the holder of the lock does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It runs a drill.
    Runner,
    /// It undoes a drill whose runner died.
    Watchdog,
    /// It undoes what interrupted drills left, at a person's request.
    Recover,
}

/// Who holds the lock, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// What it does.
    pub role: Role,
    /// The process.
    pub process: ProcessId,
    /// The run it works on, if it is one.
    #[serde(default)]
    pub run: Option<RunId>,
}

/// The lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it.
    #[error("{}: {}", state.display(), described(holder.as_ref()))]
    Held {
        /// The state directory.
        state: PathBuf,
        /// Who, if that can be read.
        holder: Option<Holder>,
    },
    /// The file cannot be used.
    #[error("cannot lock {path}: {source}; make it a file that you own, on a file system with locks")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The permission to inject and revert below one state directory, until it is dropped or its process ends.
#[derive(Debug)]
#[must_use = "the lock is free again when this is dropped"]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock if it is free.
    ///
    /// # Errors
    /// [`LockError::Held`] names the holder.
    pub fn try_acquire(state: &StateDir, role: Role, run: Option<&RunId>) -> Result<Lock, LockError> {
        // A holder that has not written its name yet, and somebody who only looks, are gone after a moment.
        for _ in 0..GLANCES {
            match Lock::attempt(state, role, run) {
                Err(LockError::Held { holder: None, .. }) => std::thread::sleep(PAUSE),
                other => return other,
            }
        }
        Lock::attempt(state, role, run)
    }

    fn attempt(state: &StateDir, role: Role, run: Option<&RunId>) -> Result<Lock, LockError> {
        let path = state.lock_file();
        let failed = |source| LockError::Io { path: path.clone(), source };
        let file = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(failed)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(LockError::Held { state: state.path().into(), holder: read_holder(&file) });
            }
            Err(e) => return Err(failed(e.into())),
        }
        let process = identity::this_process().map_err(failed)?;
        let holder = Holder { role, process, run: run.cloned() };
        let text = serde_json::to_vec(&holder).map_err(|e| failed(e.into()))?;
        file.set_len(0).and_then(|()| file.write_all_at(&text, 0)).map_err(failed)?;
        Ok(Lock { file })
    }

    /// Takes the lock, waiting for it at most `limit`. Blocks the thread: for use before or without a runtime.
    ///
    /// `patient` is asked about each holder met; `false` ends the wait at once.
    ///
    /// # Errors
    /// [`LockError::Held`] names the last holder met.
    pub fn acquire(
        state: &StateDir,
        role: Role,
        run: Option<&RunId>,
        limit: Duration,
        patient: impl Fn(Option<&Holder>) -> bool,
    ) -> Result<Lock, LockError> {
        let begin = raw_now();
        loop {
            match Lock::try_acquire(state, role, run) {
                Err(LockError::Held { holder, .. })
                    if patient(holder.as_ref()) && i128::from(raw_now() - begin) < limit.as_nanos() as i128 =>
                {
                    std::thread::sleep(PAUSE);
                }
                other => return other,
            }
        }
    }

    /// Who holds the lock now; none when it is free.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn holder(state: &StateDir) -> Result<Option<Holder>, LockError> {
        let path = state.lock_file();
        let failed = |source| LockError::Io { path: path.clone(), source };
        let file = match File::open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(failed)?,
        };
        // A shared lock, so that two who only look do not see each other as holders.
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(None),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(read_holder(&file)),
            Err(e) => Err(failed(e.into())),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // What is left inside misleads nobody: it is read only while the lock is held.
        let _ = self.file.set_len(0);
    }
}

fn read_holder(file: &File) -> Option<Holder> {
    let mut bytes = [0; 4096];
    let length = file.read_at(&mut bytes, 0).ok()?;
    // A name that a dead holder left is not the present one's.
    serde_json::from_slice(&bytes[..length]).ok().filter(|h: &Holder| identity::is_alive(h.process))
}

fn described(holder: Option<&Holder>) -> String {
    match holder {
        None => "another simulacro is at work here; wait for it to end".into(),
        Some(holder) => holder.to_string(),
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = self.run.as_ref().map_or(String::new(), |r| format!(" {r}"));
        let pid = self.process.pid;
        match self.role {
            Role::Runner => {
                write!(f, "the drill{run} is going on as process {pid}; wait for it, or end it: kill -INT {pid}")
            }
            Role::Watchdog => write!(f, "the watchdog (process {pid}) is undoing the drill{run}; wait for it to end"),
            Role::Recover => write!(f, "`simulacro recover` (process {pid}) is undoing{run}; wait for it to end"),
        }
    }
}

#[cfg(test)]
#[path = "lock_tests.rs"]
mod tests;
