//! Holding on to one process, so that a later one with the same pid is never touched.

use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};

use super::{ProcessState, procfs};
use crate::model::{ProcessId, Signal};
use crate::world::DriverError;

/// A process that was held and compared: signals through it reach that process or nobody.
#[derive(Debug)]
pub struct Held {
    id: ProcessId,
    handle: OwnedFd,
}

/// What stands at a pid.
#[derive(Debug)]
pub enum Holding {
    /// The very process that was meant, alive.
    Same(Held),
    /// Nothing, or what is left of the process after its end.
    Gone,
    /// Another process: the pid was used again.
    Foreign,
}

/// Takes hold of a process. The handle is opened *before* the start time is read: should the process end in between,
/// the start time read is another one's and does not match, so a match proves that the handle is the right one's.
///
/// # Errors
/// When this user cannot see the process, or file handles are exhausted.
pub fn hold(id: ProcessId) -> Result<Holding, DriverError> {
    let Some(pid) = Pid::from_raw(id.pid).filter(|_| id.pid > 0) else {
        return Err(DriverError::Identity(format!("{} is not a pid", id.pid)));
    };
    let handle = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => handle,
        // `EINVAL`: the number belongs to a thread, not to a process; so the process that was meant is gone.
        Err(Errno::SRCH | Errno::INVAL) => return Ok(Holding::Gone),
        Err(e) => return Err(DriverError::Failed(format!("cannot take hold of {id}: {e}"))),
    };
    match procfs::stat(id.pid) {
        Ok(Some(stat)) if stat.start != id.start => Ok(Holding::Foreign),
        Ok(Some(_)) if has_ended(&handle) => Ok(Holding::Gone),
        Ok(Some(_)) => Ok(Holding::Same(Held { id, handle })),
        Ok(None) if has_ended(&handle) => Ok(Holding::Gone),
        Ok(None) => Err(DriverError::Refused(format!(
            "{id} exists but /proc does not show it (mounted with hidepid?): run as the user that owns it"
        ))),
        Err(e) => Err(DriverError::Failed(format!("cannot read /proc/{}/stat: {e}", id.pid))),
    }
}

/// A pidfd becomes readable when the last thread has ended; the state letter of a thread group leader that ended before
/// its threads says `Z` too early.
fn has_ended(handle: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(handle, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    matches!(poll(&mut fds, Some(&now)), Ok(n) if n > 0)
}

impl Held {
    /// The process that is held.
    pub fn id(&self) -> ProcessId {
        self.id
    }

    /// Sends a signal to this very process.
    ///
    /// # Errors
    /// `NotFound` when it has ended meanwhile, `Refused` when this user may not.
    pub fn send(&self, signal: Signal) -> Result<(), DriverError> {
        let Some(raw) = rustix::process::Signal::from_named_raw(signal.number()) else {
            return Err(DriverError::Refused(format!("{signal} is not a signal of this system")));
        };
        pidfd_send_signal(&self.handle, raw).map_err(|e| match e {
            Errno::SRCH => DriverError::NotFound(format!("{} has ended: {signal} had nobody to reach", self.id)),
            Errno::PERM => DriverError::Refused(format!(
                "this user may not send {signal} to {}: run as the user that owns it, or as root",
                self.id
            )),
            e => DriverError::Failed(format!("cannot send {signal} to {}: {e}", self.id)),
        })
    }

    /// What state it is in.
    ///
    /// A stop by a signal stops every thread, but a thread in an uninterruptible wait only when it wakes up; so one
    /// stopped thread is enough. A stop by a debugger (`t`) may be of one thread alone: it counts when no thread runs.
    pub fn state(&self) -> ProcessState {
        let stopped = match procfs::stat(self.id.pid).ok().flatten().map(|leader| leader.state) {
            Some('T') => true,
            Some('R' | 'S') => false,
            _ => {
                let threads = procfs::live_threads(self.id.pid);
                threads.iter().any(|thread| thread.state == 'T')
                    || (!threads.is_empty() && threads.iter().all(|thread| thread.state == 't'))
            }
        };
        // Asked last: what was read above is the right process's only if it is still there now.
        match (has_ended(&self.handle), stopped) {
            (true, _) => ProcessState::Gone,
            (false, true) => ProcessState::Stopped,
            (false, false) => ProcessState::Running,
        }
    }
}
