//! The only reader of raw time.
//!
//! Every offset in a run comes from one monotonic clock. On Linux `tokio::time::Instant` is `CLOCK_MONOTONIC`, or
//! virtual time under a paused runtime; the raw value read beside it at the start lets other processes on this machine
//! report in the same time (see [`Clock::offset_of_raw`]).

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use crate::model::Offset;

/// The run's clock: an origin, and the distance to it.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
    origin_raw: i64,
    started: Timestamp,
}

impl Clock {
    /// Starts the clock: this moment is [`Offset::ZERO`]. The wall clock is read here, once, and never again.
    pub fn start() -> Self {
        Clock { origin: Instant::now(), origin_raw: raw_now(), started: Timestamp::now() }
    }

    /// Now, as an offset from the start.
    pub fn now(&self) -> Offset {
        self.offset_of(Instant::now())
    }

    /// The offset of an instant.
    pub fn offset_of(&self, instant: Instant) -> Offset {
        match instant.checked_duration_since(self.origin) {
            Some(after) => Offset::ZERO + after,
            None => Offset::ZERO - self.origin.duration_since(instant),
        }
    }

    /// The instant of an offset, for timers.
    pub fn instant_of(&self, offset: Offset) -> Instant {
        let distance = std::time::Duration::from_nanos(offset.nanos().unsigned_abs());
        if offset >= Offset::ZERO {
            self.origin + distance
        } else {
            self.origin.checked_sub(distance).unwrap_or(self.origin)
        }
    }

    /// The offset of a raw `CLOCK_MONOTONIC` reading, in nanoseconds, made by another process on this machine.
    pub fn offset_of_raw(&self, raw: i64) -> Offset {
        Offset(raw - self.origin_raw)
    }

    /// The raw `CLOCK_MONOTONIC` reading of an offset, in nanoseconds, for another process on this machine.
    pub fn raw_of(&self, offset: Offset) -> i64 {
        self.origin_raw + offset.nanos()
    }

    /// The wall-clock time of the start.
    pub fn started(&self) -> Timestamp {
        self.started
    }
}

/// The processor time that this process has used, in nanoseconds.
pub fn cpu_time() -> i64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec * 1_000_000_000 + used.tv_nsec
}

/// The processor time that this thread has used, in nanoseconds.
pub fn thread_cpu_time() -> i64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    used.tv_sec * 1_000_000_000 + used.tv_nsec
}

/// The raw `CLOCK_MONOTONIC` reading, in nanoseconds since an arbitrary point before this boot's first process.
pub fn raw_now() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}
