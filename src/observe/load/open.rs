//! The open-model executor: requests start on schedule, whatever the target does.
//!
//! A lane is a thread with its own runtime, pacer and senders. It gives each due request to a free sender; when there
//! is none and no more may be made, the request is dropped. One lane carries some tens of thousands of requests per
//! second, so that nearly every stream has just one, and the cap on senders is exact.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::alarm::Alarm;
use super::pacer::Pacer;
use super::plan::{Plan, Session, Turn};
use super::reason::Reason;
use super::recorder::{Outcome, Shard, Ticket};
use super::sender::{Connection, Wire};
use super::stop::{Course, Stop};
use crate::clock::raw_now;

/// A lane's share of the rate, per second, above which another lane helps.
const LANE_RATE: f64 = 10_000.0;
/// After a connection failed, its sender rests this long: a target that refuses is not to be stormed.
const BACK_OFF: Duration = Duration::from_millis(10);
/// The pacer wakes at most once in this time, in nanoseconds; at high rates several requests start at one waking.
const LEAST_SLEEP: i64 = 200_000;
/// How many overdue requests are started before the senders get their turn.
const BURST: u32 = 64;
/// A request that we are this late for, in nanoseconds, is not sent: its latency would be our own.
const TOO_LATE: i64 = 1_000_000_000;
/// A request that finds no sender while we are this late ourselves is not the target's fault, in nanoseconds.
const OUR_LATENESS: i64 = 100_000_000;

/// What all lanes of a stream share.
#[derive(Debug)]
pub struct OpenStream {
    /// What to send.
    pub plan: Plan,
    /// Where to.
    pub wire: Wire,
    /// When.
    pub pacer: Pacer,
    /// The raw time of request 0.
    pub start: i64,
    /// How many requests there are; `None` is until stopped.
    pub count: Option<u64>,
    /// The most senders, over all lanes.
    pub senders: u32,
    /// Connections to open before the start, over all lanes.
    pub opened_before: u32,
    /// How long a request may take.
    pub timeout: Duration,
    /// How many lanes there are.
    pub lanes: u32,
}

/// How many lanes a rate needs on `cores` cores; never more than senders.
pub fn lanes(per_second: f64, cores: usize, senders: u32) -> u32 {
    let wanted = (per_second / LANE_RATE).ceil().max(1.0) as u32;
    wanted.min(cores as u32).min(senders).max(1)
}

/// Runs lane `number` until its requests are over or a stop is called, and its requests under way are answered or the
/// stop's deadline has passed. Returns with every connection closed.
///
/// # Errors
///
/// When the runtime or its timer cannot be made.
pub fn run_lane(stream: Arc<OpenStream>, number: u32, shard: Arc<Shard>, stop: Stop) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = LocalSet::new();
    let done = tasks.block_on(&runtime, async {
        let lane = Lane::new(stream, number, shard);
        lane.open_before().await;
        let paced = lane.pace(stop.clone()).await;
        lane.drain(stop).await;
        paced
    });
    // Dropping the tasks closes their connections; what is unanswered stays pending in the shard.
    drop(tasks);
    // A name that is still being resolved must not hold the worker up.
    runtime.shutdown_background();
    done
}

struct Lane {
    stream: Arc<OpenStream>,
    number: u32,
    most: usize,
    shard: Arc<Shard>,
    seats: Cell<usize>,
    free: RefCell<Vec<Rc<Seat>>>,
}

/// Where a sender waits for its next request.
struct Seat {
    number: u64,
    job: Cell<Option<Job>>,
    news: Notify,
}

struct Job {
    n: u64,
    place: usize,
    due: i64,
    ticket: Ticket,
}

/// The time since a request was meant to start.
fn took(job: &Job) -> Duration {
    Duration::from_nanos((raw_now() - job.due).max(0) as u64)
}

impl Lane {
    fn new(stream: Arc<OpenStream>, number: u32, shard: Arc<Shard>) -> Rc<Lane> {
        let most = share(stream.senders, stream.lanes, number) as usize;
        Rc::new(Lane { stream, number, most, shard, seats: Cell::new(0), free: RefCell::new(Vec::new()) })
    }

    /// Opens connections before the start, as far as that goes: one that fails is opened by its first request.
    async fn open_before(self: &Rc<Self>) {
        let wanted = share(self.stream.opened_before, self.stream.lanes, self.number) as usize;
        let until_start = Duration::from_nanos((self.stream.start - raw_now()).max(0) as u64);
        let opening = async {
            for _ in 0..wanted.min(self.most) {
                let connection = self.stream.wire.connect().await.ok();
                let seat = self.new_seat(connection);
                self.free.borrow_mut().push(seat);
            }
        };
        let _ = timeout(until_start, opening).await;
    }

    /// Starts requests until there are no more.
    async fn pace(self: &Rc<Self>, mut stop: Stop) -> io::Result<()> {
        let alarm = Alarm::new()?;
        let stride = u64::from(self.stream.lanes);
        let mut n = u64::from(self.number);
        let rest = if self.stream.pacer.interval() < LEAST_SLEEP { LEAST_SLEEP } else { 0 };
        let mut in_a_row = 0;
        loop {
            let due = self.stream.start.saturating_add(self.stream.pacer.due(n));
            if self.stream.count.is_some_and(|count| n >= count) || stop.called() {
                break;
            }
            let now = raw_now();
            if due <= now {
                self.arrive(n, due, now);
                n += stride;
                in_a_row += 1;
                if in_a_row % BURST == 0 {
                    // Far behind schedule: the senders must get their turn, or nothing would ever be answered.
                    tokio::task::yield_now().await;
                }
                continue;
            }
            in_a_row = 0;
            self.shard.reached(due);
            tokio::select! {
                biased;
                () = stop.wait() => break,
                rang = alarm.until(due.max(now + rest)) => rang?,
            }
        }
        self.shard.reached(i64::MAX);
        Ok(())
    }

    /// Request `n` is due.
    fn arrive(self: &Rc<Self>, n: u64, due: i64, now: i64) {
        let place = self.stream.plan.pick(n);
        let name = self.stream.plan.request(place).name;
        let lateness = now - due;
        if lateness > TOO_LATE {
            return self.shard.not_sent(name, due);
        }
        let free = self.free.borrow_mut().pop();
        let seat = match free {
            Some(seat) => seat,
            None if self.seats.get() < self.most => self.new_seat(None),
            None if lateness > OUR_LATENESS => return self.shard.not_sent(name, due),
            None => return self.shard.dropped(name, due),
        };
        let ticket = self.shard.begin(name, due, now);
        seat.job.set(Some(Job { n, place, due, ticket }));
        seat.news.notify_one();
    }

    fn new_seat(self: &Rc<Self>, connection: Option<Connection>) -> Rc<Seat> {
        let number = self.seats.get();
        self.seats.set(number + 1);
        let number = number as u64 * u64::from(self.stream.lanes) + u64::from(self.number);
        let seat = Rc::new(Seat { number, job: Cell::new(None), news: Notify::new() });
        tokio::task::spawn_local(self.clone().serve(seat.clone(), connection));
        seat
    }

    /// The life of a sender.
    async fn serve(self: Rc<Self>, seat: Rc<Seat>, mut connection: Option<Connection>) {
        let mut session = self.stream.plan.session();
        loop {
            seat.news.notified().await;
            let Some(job) = seat.job.take() else { continue };
            let outcome = self.send(&seat, &mut connection, &mut session, &job).await;
            self.shard.finish(job.ticket, outcome, raw_now());
            if matches!(outcome, Outcome::Bad(reason) if reason.calls_for_rest()) {
                tokio::time::sleep(BACK_OFF).await;
            }
            self.free.borrow_mut().push(seat.clone());
        }
    }

    async fn send(
        &self,
        seat: &Seat,
        connection: &mut Option<Connection>,
        session: &mut Session,
        job: &Job,
    ) -> Outcome {
        let plan = &self.stream.plan;
        let prepared = plan.request(job.place);
        let rendered = match plan.rendered(prepared, Turn::of_arrival(job.n, seat.number), session) {
            Ok(rendered) => rendered,
            Err(reason) => return Outcome::Bad(reason),
        };
        let exchange = self.stream.wire.exchange(connection, prepared, rendered);
        match timeout(prepared.timeout.unwrap_or(self.stream.timeout), exchange).await {
            Ok(Ok(answer)) => match prepared.judge(&answer, took(job), session) {
                Ok(()) => Outcome::Ok,
                Err(reason) => Outcome::Bad(reason),
            },
            Ok(Err(reason)) => Outcome::Bad(reason),
            // The exchange took the connection with it, so that a late answer meets no other request.
            Err(_elapsed) => Outcome::Bad(Reason::Timeout),
        }
    }

    /// Waits until nothing is under way; when a stop was called, no longer than it says.
    async fn drain(&self, mut stop: Stop) {
        let alarm = async |at: i64| {
            let wait = Duration::from_nanos((at - raw_now()).max(0) as u64);
            tokio::time::sleep(wait).await;
        };
        // Requests end by their timeout at the latest; this is only for a profile whose duration is over.
        let mut deadline = raw_now() + self.stream.timeout.as_nanos() as i64 + OUR_LATENESS;
        while self.shard.under_way() > 0 && raw_now() < deadline {
            if let Course::Stop { until, .. } = stop.course() {
                deadline = deadline.min(until);
            }
            let look_again = raw_now() + 2_000_000;
            tokio::select! {
                () = alarm(look_again.min(deadline)) => {}
                () = stop.changed() => {}
            }
        }
    }
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
