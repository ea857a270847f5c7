//! A sender: where it waits for its next request, and how it sends it.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use super::lane::Lane;
use crate::clock::raw_now;
use crate::observe::load::plan::{Session, Turn};
use crate::observe::load::reason::{BACK_OFF, Reason};
use crate::observe::load::recorder::{Outcome, Ticket};
use crate::observe::load::wire::Connection;

/// Where a sender waits.
pub struct Seat {
    number: u64,
    job: Cell<Option<Job>>,
    /// The sender's own task, which is always the same; and whether it sleeps for want of a request.
    waker: RefCell<Option<Waker>>,
    waits: Cell<bool>,
    /// The raw time by which the request under way must be answered; the lane sees to that.
    deadline: Cell<i64>,
}

/// One request to send.
pub struct Job {
    /// Its number.
    pub n: u64,
    /// Its place in the plan.
    pub place: usize,
    /// When it was meant to start.
    pub due: i64,
    /// When it starts.
    pub now: i64,
    /// Its record.
    pub ticket: Ticket,
}

impl Seat {
    /// An empty seat.
    pub fn new(number: u64) -> Rc<Seat> {
        let (job, waker, waits) = (Cell::new(None), RefCell::new(None), Cell::new(false));
        Rc::new(Seat { number, job, waker, waits, deadline: Cell::new(i64::MAX) })
    }

    /// Gives the sender its next request.
    pub fn give(&self, job: Job) {
        self.job.set(Some(job));
        // One that gave itself a request finds it without being woken.
        if self.waits.replace(false) {
            self.wake();
        }
    }

    /// When the request under way must be answered; `i64::MAX` while there is none, 0 when that has passed.
    pub fn deadline(&self) -> i64 {
        self.deadline.get()
    }

    /// The deadline has passed.
    pub fn expire(&self) {
        self.deadline.set(0);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    fn remember(&self, waker: &Waker) {
        let mut mine = self.waker.borrow_mut();
        if !mine.as_ref().is_some_and(|old| old.will_wake(waker)) {
            *mine = Some(waker.clone());
        }
    }

    async fn next(&self) -> Job {
        poll_fn(|cx| match self.job.take() {
            Some(job) => Poll::Ready(job),
            None => {
                self.remember(cx.waker());
                self.waits.set(true);
                Poll::Pending
            }
        })
        .await
    }

    /// Awaits `exchange`, but not beyond `deadline`. A timer for each request would cost more than all the rest here:
    /// the lane has one for all of them.
    async fn within<T>(&self, deadline: i64, exchange: impl Future<Output = Result<T, Reason>>) -> Result<T, Reason> {
        let mut exchange = pin!(exchange);
        self.deadline.set(deadline);
        let ended = poll_fn(|cx| match exchange.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(ended),
            Poll::Pending if self.deadline.get() == 0 => Poll::Ready(Err(Reason::Timeout)),
            Poll::Pending => {
                self.remember(cx.waker());
                Poll::Pending
            }
        });
        let ended = ended.await;
        self.deadline.set(i64::MAX);
        ended
    }
}

impl Lane {
    /// The life of a sender.
    pub async fn serve(self: Rc<Self>, seat: Rc<Seat>, mut connection: Option<Connection>) {
        let mut session = self.stream.plan.session();
        loop {
            let job = seat.next().await;
            let outcome = self.send(&seat, &mut connection, &mut session, &job).await;
            let now = raw_now();
            self.shard.finish(job.ticket, outcome, now);
            if matches!(outcome, Outcome::Bad(reason) if reason.calls_for_rest()) {
                tokio::time::sleep(BACK_OFF).await;
            }
            self.vacate(&seat, now);
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
        let timeout = prepared.timeout.unwrap_or(self.stream.timeout);
        let deadline = job.now.saturating_add(i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX));
        // An exchange that is given up takes its connection along, so that a late answer meets no other request.
        let exchange = self.stream.wire.exchange(connection, prepared, rendered);
        match seat.within(deadline, exchange).await {
            Ok(answer) => {
                let took = Duration::from_nanos((raw_now() - job.due).max(0) as u64);
                prepared.judge(&answer, took, session).map_or_else(Outcome::Bad, |()| Outcome::Ok)
            }
            Err(reason) => Outcome::Bad(reason),
        }
    }
}
