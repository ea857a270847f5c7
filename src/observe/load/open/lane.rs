//! A lane: its schedule, and who of its senders is free.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::busy::Busy;
use super::seat::{Job, Seat};
use super::{OpenStream, share};
use crate::clock::raw_now;
use crate::observe::load::alarm::Alarm;
use crate::observe::load::recorder::Shard;
use crate::observe::load::schedule::Schedule;
use crate::observe::load::stop::{Course, Stop};
use crate::observe::load::wire::Connection;

/// At high rates the lane wakes by itself at most once in this time, in nanoseconds; several requests start at one
/// waking. Answers wake it as well.
const LEAST_SLEEP: i64 = 200_000;
/// As [`LEAST_SLEEP`], while every sender is busy: requests can only be dropped then.
const LEAST_SLEEP_FULL: i64 = 1_000_000;
/// How many due requests are started before others get their turn.
const BURST: u32 = 64;
/// How many requests that it is too late for are counted before others get their turn.
const MANY: u32 = 1024;
/// A request that we are this late for, in nanoseconds, is not sent: its latency would be our own.
const TOO_LATE: i64 = 1_000_000_000;
/// A request that finds no sender while we are this late ourselves is not the target's fault, in nanoseconds; nor is
/// one that finds none while the lane has no time to spare ([`Busy`]).
const OUR_LATENESS: i64 = 100_000_000;

/// A lane at work.
pub struct Lane {
    /// What it shares with others.
    pub stream: Arc<OpenStream>,
    /// Where it is written down.
    pub shard: Arc<Shard>,
    number: u32,
    most: usize,
    stop: Stop,
    /// How many orders were heard.
    heard: Cell<u32>,
    /// What was ordered instead of the stream's own schedule.
    ordered: RefCell<Option<Schedule>>,
    /// The shortest mean distance of two requests, in nanoseconds.
    interval: Cell<i64>,
    next: Cell<Next>,
    seats: RefCell<Vec<Rc<Seat>>>,
    free: RefCell<Vec<Rc<Seat>>>,
    busy: Busy,
}

/// The next request of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Next {
    n: u64,
    /// The raw time it is due; `None` when there is none.
    due: Option<i64>,
}

/// What comes after the requests that were due.
enum Ahead {
    /// Others are due as well: this many were enough at once.
    More(i64),
    /// The next is due then.
    Due(i64),
    /// There are no more.
    Over,
}

impl Lane {
    /// The life of a lane.
    ///
    /// # Errors
    ///
    /// When its timer cannot be made.
    pub async fn live(stream: Arc<OpenStream>, number: u32, shard: Arc<Shard>, stop: Stop) -> io::Result<()> {
        let most = share(stream.senders, stream.lanes, number) as usize;
        let n = u64::from(number);
        let lane = Rc::new(Lane {
            number,
            most,
            shard,
            heard: Cell::new(0),
            ordered: RefCell::new(None),
            interval: Cell::new(stream.schedule.least_interval()),
            next: Cell::new(Next { n, due: stream.schedule.due(n).map(|due| stream.start.saturating_add(due)) }),
            seats: RefCell::default(),
            free: RefCell::default(),
            busy: Busy::of_this_thread(),
            stop,
            stream,
        });
        lane.open_before().await;
        let reaper = tokio::task::spawn_local(lane.clone().reap());
        let paced = lane.pace().await;
        lane.drain().await;
        reaper.abort();
        paced
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
        let mut stop = self.stop.clone();
        tokio::select! {
            _ = timeout(until_start, opening) => {}
            () = stop.changed() => {}
        }
    }

    /// Starts requests until there are no more.
    async fn pace(self: &Rc<Self>) -> io::Result<()> {
        let alarm = Alarm::new()?;
        let mut orders = self.stop.clone();
        loop {
            let now = raw_now();
            match self.pump(now) {
                Ahead::Over => break,
                Ahead::More(due) => {
                    self.shard.reached(due);
                    // Far behind schedule: the senders must get their turn, or nothing would ever be answered.
                    tokio::task::yield_now().await;
                }
                Ahead::Due(due) => {
                    self.shard.reached(due);
                    tokio::select! {
                        biased;
                        () = orders.changed() => {}
                        rang = alarm.until(due.max(now.saturating_add(self.rest()))) => rang?,
                    }
                }
            }
        }
        self.shard.reached(i64::MAX);
        Ok(())
    }

    fn rest(&self) -> i64 {
        let interval = self.interval.get().saturating_mul(i64::from(self.stream.lanes));
        let full = self.free.borrow().is_empty() && self.seats.borrow().len() >= self.most;
        match interval {
            LEAST_SLEEP.. => 0,
            _ if full => LEAST_SLEEP_FULL,
            _ => LEAST_SLEEP,
        }
    }

    /// Starts what is due.
    fn pump(self: &Rc<Self>, now: i64) -> Ahead {
        if self.stop.orders() != self.heard.get() {
            self.hear();
        }
        for _ in 0..BURST {
            match self.next.get() {
                Next { due: None, .. } => return Ahead::Over,
                Next { due: Some(due), .. } if due > now => return Ahead::Due(due),
                Next { due: Some(due), .. } if now - due > TOO_LATE => {
                    self.skip(now - TOO_LATE);
                    break;
                }
                Next { n, due: Some(due) } => {
                    self.plan_next(n + u64::from(self.stream.lanes));
                    self.arrive(n, due, now);
                }
            }
        }
        self.next.get().due.map_or(Ahead::Over, Ahead::More)
    }

    /// Writes off what was due before `horizon`: this machine cannot do what it is asked for, and must not fall behind
    /// with saying so.
    fn skip(&self, horizon: i64) {
        let mut runs: Vec<(u16, i64, u64)> = Vec::new();
        for _ in 0..MANY {
            let Next { n, due: Some(due) } = self.next.get() else { break };
            if due >= horizon {
                break;
            }
            self.plan_next(n + u64::from(self.stream.lanes));
            let name = self.stream.plan.request(self.stream.plan.pick(n)).name;
            let same = |(of, at, _): &&mut (u16, i64, u64)| *of == name && self.shard.is_same_window(*at, due);
            match runs.iter_mut().find(same) {
                Some((_, _, count)) => *count += 1,
                None => runs.push((name, due, 1)),
            }
        }
        for (name, due, count) in runs {
            self.shard.not_sent(name, due, count);
        }
    }

    fn plan_next(&self, n: u64) {
        let due = self.ordered.borrow().as_ref().unwrap_or(&self.stream.schedule).due(n);
        self.next.set(Next { n, due: due.map(|due| self.stream.start.saturating_add(due)) });
    }

    /// Does what was ordered.
    fn hear(&self) {
        self.heard.set(self.stop.orders());
        let n = self.next.get().n;
        if self.stop.called() {
            return self.next.set(Next { n, due: None });
        }
        // Every lane comes to the same schedule, because it hears of it before that moment.
        let held = self.stop.holds().into_iter().fold(self.stream.schedule.clone(), |schedule, hold| {
            schedule.held(hold.from.saturating_sub(self.stream.start), hold.per_second)
        });
        self.interval.set(held.least_interval());
        self.ordered.replace(Some(held));
        self.plan_next(n);
    }

    /// Request `n` is due.
    fn arrive(self: &Rc<Self>, n: u64, due: i64, now: i64) {
        let place = self.stream.plan.pick(n);
        let name = self.stream.plan.request(place).name;
        let lateness = now - due;
        let free = self.free.borrow_mut().pop();
        let seat = match free {
            Some(seat) => seat,
            None if self.seats.borrow().len() < self.most => self.new_seat(None),
            None if lateness > OUR_LATENESS || self.busy.is_full(now) => return self.shard.not_sent(name, due, 1),
            None => return self.shard.dropped(name, due),
        };
        let ticket = self.shard.begin(name, due, now);
        seat.give(Job { n, place, due, now, ticket });
    }

    fn new_seat(self: &Rc<Self>, connection: Option<Connection>) -> Rc<Seat> {
        let number = self.seats.borrow().len() as u64;
        let seat = Seat::new(number * u64::from(self.stream.lanes) + u64::from(self.number));
        self.seats.borrow_mut().push(seat.clone());
        tokio::task::spawn_local(self.clone().serve(seat.clone(), connection));
        seat
    }

    /// A sender is free again. It starts what has become due meanwhile, most likely by itself, which saves a waking.
    pub fn vacate(self: &Rc<Self>, seat: &Rc<Seat>, now: i64) {
        self.free.borrow_mut().push(seat.clone());
        self.pump(now);
    }

    /// Ends requests whose time is over.
    async fn reap(self: Rc<Self>) {
        let shortest = i64::try_from(self.stream.shortest.as_nanos()).unwrap_or(i64::MAX);
        loop {
            let now = raw_now();
            // No request that starts from now on can end before this.
            let mut next = now.saturating_add(shortest);
            for seat in self.seats.borrow().iter() {
                match seat.deadline() {
                    i64::MAX | 0 => {}
                    deadline if deadline <= now => seat.expire(),
                    deadline => next = next.min(deadline),
                }
            }
            tokio::time::sleep(until(next)).await;
        }
    }

    /// Waits until nothing is under way, no longer than the profile says, or a stop.
    async fn drain(&self) {
        let mut orders = self.stop.clone();
        let grace = i64::try_from(self.stream.grace.as_nanos()).unwrap_or(i64::MAX);
        let mut deadline = raw_now().saturating_add(grace);
        while self.shard.under_way() > 0 && raw_now() < deadline {
            if let Course::Stop { until } = self.stop.course() {
                deadline = deadline.min(until);
            }
            let look_again = until((raw_now() + 2_000_000).min(deadline));
            tokio::select! {
                () = tokio::time::sleep(look_again) => {}
                () = orders.changed() => {}
            }
        }
    }
}

/// The time until a raw time.
fn until(at: i64) -> Duration {
    Duration::from_nanos(at.saturating_sub(raw_now()).max(0) as u64)
}
