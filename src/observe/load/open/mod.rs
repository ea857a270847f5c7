//! The open-model executors: requests start on schedule, whatever the target does.
//!
//! A lane is a thread with its own runtime, schedule and senders. It gives each due request to a free sender; when
//! there is none and no more may be made, the request is dropped. One lane carries some tens of thousands of requests
//! per second, so that nearly every stream has just one, and the cap on senders is exact.

mod busy;
mod lane;
mod seat;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use self::lane::Lane;
use super::plan::Plan;
use super::recorder::Shard;
use super::schedule::Schedule;
use super::stop::Stop;
use super::wire::Wire;

/// A lane's share of the rate, per second, above which another lane helps.
const LANE_RATE: f64 = 10_000.0;

/// What all lanes of a stream share.
#[derive(Debug)]
pub struct OpenStream {
    /// What to send.
    pub plan: Plan,
    /// Where to.
    pub wire: Wire,
    /// When.
    pub schedule: Schedule,
    /// The raw time that the schedule counts from.
    pub start: i64,
    /// The most senders, over all lanes.
    pub senders: u32,
    /// Connections to open before the start, over all lanes.
    pub opened_before: u32,
    /// How long a request may take that does not say it itself.
    pub timeout: Duration,
    /// The shortest time that a request may take.
    pub shortest: Duration,
    /// How long requests under way may take once the schedule is over.
    pub grace: Duration,
    /// How many lanes there are.
    pub lanes: u32,
}

/// How many lanes a rate needs on `cores` cores; never more than senders.
pub fn lanes(per_second: f64, cores: usize, senders: u32) -> u32 {
    let wanted = (per_second / LANE_RATE).ceil().max(1.0) as u32;
    wanted.min(cores as u32).min(senders).max(1)
}

/// Runs lane `number` until its requests are over or a stop is called, and its requests under way are answered or the
/// stop's deadline has passed; calls `done` then, and closes every connection.
///
/// # Errors
///
/// When the runtime or its timer cannot be made.
pub fn run_lane(
    stream: Arc<OpenStream>,
    number: u32,
    shard: Arc<Shard>,
    stop: Stop,
    done: impl FnOnce(),
) -> io::Result<()> {
    // A local runtime, because a `LocalSet` in another one costs a system call for each waking.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default())?;
    let ended = runtime.block_on(async {
        // A task of its own, because a runtime's first future is woken by a system call too.
        let life = tokio::task::spawn_local(Lane::live(stream, number, shard, stop));
        life.await.map_err(|e| io::Error::other(format!("it panicked, which is a bug of this program: {e}")))?
    });
    if ended.is_ok() {
        // Nothing runs any more: nothing more is sent, and what is unanswered stays pending in the shard. Closing
        // thousands of connections takes some time, that nobody has to wait for.
        done();
    }
    // A name that is still being resolved must not hold the worker up.
    runtime.shutdown_background();
    ended
}

/// Lane `number`'s part of `whole`.
fn share(whole: u32, lanes: u32, number: u32) -> u32 {
    whole / lanes + u32::from(number < whole % lanes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shares_add_up(whole in 0u32..10_000, lanes in 1u32..64) {
            prop_assert_eq!((0..lanes).map(|number| share(whole, lanes, number)).sum::<u32>(), whole);
        }
    }

    #[test]
    fn a_modest_rate_has_one_lane() {
        assert_eq!(lanes(500.0, 8, 600), 1);
        assert_eq!(lanes(40_000.0, 2, 600), 2);
        assert_eq!(lanes(40_000.0, 8, 1), 1);
    }
}
