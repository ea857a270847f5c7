//! A timer with the kernel's own precision: tokio's is a millisecond, which would be half a small service's latency.

use std::io;
use std::os::fd::OwnedFd;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::clock::raw_now;

/// A timer on the raw clock.
#[derive(Debug)]
pub struct Alarm(AsyncFd<OwnedFd>);

impl Alarm {
    /// A timer; to be used in the runtime that it was made in.
    ///
    /// # Errors
    ///
    /// When no file can be opened, or the runtime has no I/O driver.
    pub fn new() -> io::Result<Alarm> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // SAFETY: an OwnedFd is one open descriptor, always the same, until it is dropped with the AsyncFd that owns
        // it.
        Ok(Alarm(unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) }?))
    }

    /// Waits until the raw time `at`; at once when that is past.
    ///
    /// # Errors
    ///
    /// The kernel's own, which a valid timer does not have.
    pub async fn until(&self, at: i64) -> io::Result<()> {
        let value = Timespec { tv_sec: at / 1_000_000_000, tv_nsec: at % 1_000_000_000 };
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(&self.0, TimerfdTimerFlags::ABSTIME, &Itimerspec { it_interval: zero, it_value: value })?;
        loop {
            // Expirations are not read: setting the timer forgets them, every one makes an edge of its own, and the
            // clock says whether this is ours. That saves a system call for each waking.
            self.0.readable().await?.clear_ready();
            if raw_now() >= at {
                return Ok(());
            }
        }
    }
}
