//! A queue in user space: the kernel hands over the numbers of packets, and lets each go when this says so.

use std::process::ExitCode;
use std::time::Duration;

/// What the queue does.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "nfqueue"), allow(dead_code, reason = "without it a queue is refused"))]
pub(super) struct Queueing {
    /// The number of the queue.
    pub(super) number: u16,
    /// How late each packet leaves.
    pub(super) latency: Duration,
    /// Largest deviation; packets keep their order.
    pub(super) jitter: Duration,
    /// When to end, raw clock.
    pub(super) until: i64,
    /// Where the deviations come from.
    pub(super) seed: u64,
}

#[cfg(not(feature = "nfqueue"))]
pub(super) fn attend(_: Queueing, mut tell: impl FnMut(&str)) -> ExitCode {
    tell("failed this program was built without the feature `nfqueue`");
    ExitCode::FAILURE
}

/// Attends the queue until the lease on standard input breaks, or the time is over. Whatever still waits leaves at
/// once: the kernel lets pass what has nobody to ask.
#[cfg(feature = "nfqueue")]
pub(super) fn attend(queueing: Queueing, mut tell: impl FnMut(&str)) -> ExitCode {
    // Late wake-ups would be added to every delay; where it may not be raised, it stays.
    let _ = rustix::process::setpriority_process(None, -15);
    match Attendant::open(queueing) {
        Ok(mut attendant) => {
            tell("ready");
            attendant.attend();
            ExitCode::SUCCESS
        }
        Err(e) => {
            tell(&format!("failed no queue {}: {e}", queueing.number));
            ExitCode::FAILURE
        }
    }
}

#[cfg(feature = "nfqueue")]
use attendant::Attendant;

#[cfg(feature = "nfqueue")]
mod attendant {
    use std::collections::VecDeque;
    use std::io::{self, ErrorKind};
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

    use nfq::{Message, Queue, Verdict};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::Queueing;
    use crate::clock::raw_now;

    /// Packets that may wait; what comes beyond passes at once. Each costs a page here.
    const MOST: u32 = 20_000;

    pub(super) struct Attendant {
        queueing: Queueing,
        queue: Queue,
        /// The queue's socket, which the crate does not show.
        socket: RawFd,
        /// In order of arrival and of departure: when, and which.
        waiting: VecDeque<(i64, Message)>,
        random: ChaCha8Rng,
    }

    impl Attendant {
        pub(super) fn open(queueing: Queueing) -> io::Result<Attendant> {
            // The kernel gives the lowest number that is free, and this process has one thread.
            let probe = std::fs::File::open("/dev/null")?;
            let socket = probe.as_fd().as_raw_fd();
            drop(probe);
            let mut queue = Queue::open()?;
            queue.bind(queueing.number)?;
            // Only numbers of packets are needed, and large ones need not be cut to pieces.
            queue.set_copy_range(queueing.number, 0)?;
            queue.set_queue_max_len(queueing.number, MOST)?;
            queue.set_recv_gso(queueing.number, true)?;
            queue.set_fail_open(queueing.number, true)?;
            queue.set_nonblocking(true);
            let random = ChaCha8Rng::seed_from_u64(queueing.seed);
            Ok(Attendant { queueing, queue, socket, waiting: VecDeque::new(), random })
        }

        pub(super) fn attend(&mut self) {
            loop {
                let now = raw_now();
                self.release(now);
                if now >= self.queueing.until || !self.wait(now) {
                    return self.release(i64::MAX);
                }
                self.take();
            }
        }

        /// Waits for a packet, or until one may leave; whether the lease is held.
        fn wait(&self, now: i64) -> bool {
            let next = self.waiting.front().map_or(i64::MAX, |(at, _)| *at).min(self.queueing.until);
            let nanos = next.saturating_sub(now).clamp(0, 1_000_000_000);
            let timeout = Timespec { tv_sec: nanos / 1_000_000_000, tv_nsec: nanos % 1_000_000_000 };
            // SAFETY: `socket` is the open file of `self.queue`, which lives at least as long as this borrow.
            let socket = unsafe { BorrowedFd::borrow_raw(self.socket) };
            let stdin = rustix::stdio::stdin();
            let mut fds = [PollFd::from_borrowed_fd(socket, PollFlags::IN), PollFd::new(&stdin, PollFlags::IN)];
            // Nothing more is said on the lease: whatever comes from it is its end.
            !matches!(poll(&mut fds, Some(&timeout)), Ok(n) if n > 0 && !fds[1].revents().is_empty())
        }

        fn take(&mut self) {
            loop {
                match self.queue.recv() {
                    Ok(message) => {
                        let leaves = raw_now() + self.delay();
                        let last = self.waiting.back().map_or(i64::MIN, |(at, _)| *at);
                        self.waiting.push_back((leaves.max(last), message));
                    }
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            }
        }

        fn delay(&mut self) -> i64 {
            let nanos = |duration: std::time::Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX / 4);
            let (latency, jitter) = (nanos(self.queueing.latency), nanos(self.queueing.jitter));
            match jitter {
                0 => latency,
                _ => (latency + self.random.random_range(-jitter..=jitter)).max(0),
            }
        }

        fn release(&mut self, now: i64) {
            while self.waiting.front().is_some_and(|(at, _)| *at <= now) {
                let Some((_, mut message)) = self.waiting.pop_front() else { return };
                message.set_verdict(Verdict::Accept);
                // A packet that is not there any more needs no verdict.
                let _ = self.queue.verdict(message);
            }
        }
    }
}
