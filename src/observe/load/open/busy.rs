//! Whether a lane can keep up with itself: the kernel's account of its thread.
//!
//! A request that finds every sender busy is the target's fault only while the lane itself has time to spare. A
//! thread that runs, or waits for a processor, nearly all the time leaves answers unread, so that its senders look
//! busy when it is this machine that is slow.

use std::cell::Cell;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// How long the account is looked at each time, in nanoseconds.
const LOOK: i64 = 50_000_000;
/// A look that is older than this says nothing of now, in nanoseconds.
const STALE: i64 = 500_000_000;
/// A thread that is awake for more than this share of the time, in percent, has none to spare.
const FULL: i64 = 95;

/// Looks at the thread that made it.
#[derive(Debug)]
pub struct Busy {
    /// `/proc/thread-self/schedstat`: nanoseconds run, nanoseconds waited for a processor, and a count; none where the
    /// kernel keeps no such account, and then nothing is ever full.
    account: Option<File>,
    /// When it was looked at last, and what it said.
    last: Cell<(i64, i64)>,
    full: Cell<bool>,
}

impl Busy {
    /// For the thread that calls this.
    pub fn of_this_thread() -> Busy {
        let account = File::open("/proc/thread-self/schedstat").ok();
        Busy { account, last: Cell::new((i64::MIN, 0)), full: Cell::new(false) }
    }

    /// Whether the thread had no time to spare just before the raw time `now`.
    pub fn is_full(&self, now: i64) -> bool {
        let (at, awake) = self.last.get();
        if now.saturating_sub(at) < LOOK {
            return self.full.get();
        }
        let Some(newest) = self.awake() else { return false };
        self.last.set((now, newest));
        self.full.set(now.saturating_sub(at) < STALE && is_full(newest - awake, now - at));
        self.full.get()
    }

    fn awake(&self) -> Option<i64> {
        let mut text = [0u8; 64];
        let read = self.account.as_ref()?.read_at(&mut text, 0).ok()?;
        parse(std::str::from_utf8(&text[..read]).ok()?)
    }
}

/// Nanoseconds that a thread ran or waited to run.
fn parse(text: &str) -> Option<i64> {
    let mut numbers = text.split_whitespace().map(|number| number.parse::<i64>().ok());
    Some(numbers.next()??.saturating_add(numbers.next()??))
}

fn is_full(awake: i64, time: i64) -> bool {
    time > 0 && awake.saturating_mul(100) >= time.saturating_mul(FULL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::raw_now;

    #[test]
    fn the_account_is_read() {
        assert_eq!(parse("884695 1771634 2\n"), Some(2_656_329));
        assert_eq!((parse(""), parse("1"), parse("a b c")), (None, None, None));
        assert!(is_full(96, 100) && !is_full(94, 100) && !is_full(5, 0));
    }

    #[test]
    fn a_thread_that_never_sleeps_is_full_and_one_that_sleeps_is_not() {
        let busy = Busy::of_this_thread();
        assert!(busy.awake().is_some(), "this kernel keeps no account of threads");
        assert!(!busy.is_full(raw_now()), "nothing is known at first");
        let begin = raw_now();
        while raw_now() < begin + 2 * LOOK {}
        assert!(busy.is_full(raw_now()));
        std::thread::sleep(std::time::Duration::from_nanos(2 * LOOK as u64));
        assert!(!busy.is_full(raw_now()));
    }
}
