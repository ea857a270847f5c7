//! One user's life: visits, passes, steps.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::time::{sleep, timeout};

use super::ClosedStream;
use super::crew::Visit;
use crate::clock::raw_now;
use crate::observe::load::plan::{Session, Turn};
use crate::observe::load::reason::{BACK_OFF, Reason};
use crate::observe::load::recorder::Outcome;
use crate::observe::load::stop::{self, Stop};
use crate::observe::load::wire::Connection;
use crate::scenario::profile::{Journey, Request, WaitTime};

/// All users of a stream.
pub struct Users {
    stream: ClosedStream,
    /// The state of each, by its number. Only its own turns lock it.
    states: Vec<Mutex<State>>,
    seq: AtomicU64,
    /// Passes begun by all of them.
    passes: AtomicU64,
    /// How many are still to come or there.
    left: AtomicUsize,
    gone: Notify,
    /// No request may start any more: the time is over.
    over: AtomicBool,
    stop: Stop,
}

/// A journey, as places in the plan.
pub struct Route {
    on_start: Vec<Step>,
    steps: Vec<Step>,
    on_stop: Vec<Step>,
}

#[derive(Clone, Copy)]
struct Step {
    /// Its place in the plan.
    place: usize,
    think: Option<WaitTime>,
}

/// What a user carries from turn to turn.
struct State {
    number: u64,
    /// Visits to come, the next one last.
    visits: Vec<Visit>,
    visit: Option<Visit>,
    /// Passes done in this visit.
    done: u32,
    /// Passes done in all.
    pass: u64,
    /// The number of this pass among those of all users: which row of the data files it has.
    row: u64,
    /// Whether the visit's `on_start` is done.
    started: bool,
    connection: Option<Connection>,
    session: Session,
}

/// How far a user came with its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// To their end, or to that of its time.
    Through,
    /// To one that needs a value that no answer gave; whether it was the very first.
    Lacking { first: bool },
    /// To one for which a data file has no row left.
    Exhausted,
}

impl Route {
    /// The route of a journey whose first request has the place `first`.
    pub fn new(journey: &Journey, first: usize) -> Route {
        let part = |requests: &[Request], first: usize| {
            let steps = requests.iter().enumerate();
            let think = |request: &Request| request.think_time.or(journey.wait_time);
            steps.map(|(nth, request)| Step { place: first + nth, think: think(request) }).collect::<Vec<_>>()
        };
        let second = first + journey.on_start.len();
        let third = second + journey.steps.len();
        Route {
            on_start: part(&journey.on_start, first),
            steps: part(&journey.steps, second),
            on_stop: part(&journey.on_stop, third),
        }
    }
}

impl Users {
    /// Users who have not come yet.
    pub fn new(stream: ClosedStream, stop: Stop) -> Users {
        let state = |k: u32| {
            let mut visits = stream.crew.visits(k);
            visits.reverse();
            Mutex::new(State {
                number: u64::from(k),
                visits,
                visit: None,
                done: 0,
                pass: 0,
                row: 0,
                started: false,
                connection: None,
                session: stream.plan.session(),
            })
        };
        let states: Vec<_> = (0..stream.crew.users()).map(state).collect();
        let left = AtomicUsize::new(states.len());
        let (seq, passes) = (AtomicU64::new(0), AtomicU64::new(0));
        let (gone, over) = (Notify::new(), AtomicBool::new(false));
        Users { stream, states, seq, passes, left, gone, over, stop }
    }

    /// What they share.
    pub fn stream(&self) -> &ClosedStream {
        &self.stream
    }

    /// Hears when to stop.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Waits until every user has gone for good, or has had its time for that.
    pub async fn all_gone(&self) {
        let grace = self.stream.profile.graceful_stop.unwrap_or(self.stream.profile.timeout).get();
        let late = async {
            match self.stream.crew.end() {
                Some(end) => sleep(until(self.stream.start.saturating_add(end)) + grace).await,
                None => std::future::pending().await,
            }
        };
        let gone = async {
            while self.left.load(Ordering::SeqCst) > 0 {
                self.gone.notified().await;
            }
        };
        tokio::select! {
            () = gone => {}
            () = late => {}
        }
    }

    /// Lets no request start any more, and waits for the answers to those under way.
    pub async fn drain(&self) {
        self.over.store(true, Ordering::SeqCst);
        let mut deadline = raw_now() + self.stream.profile.timeout.get().as_nanos() as i64;
        let mut look = tokio::time::interval(Duration::from_millis(2));
        while self.stream.shard.under_way() > 0 && raw_now() < deadline {
            if let stop::Course::Stop { until } = self.stop.course() {
                deadline = deadline.min(until);
            }
            look.tick().await;
        }
    }

    /// One turn of a user: it comes if it must, goes through its journey once, and goes if its time is over.
    pub async fn turn(&self, route: &Route, number: usize) {
        // Goose counts its users from 0, and there are as many of these.
        let Some(state) = self.states.get(number) else { return std::future::pending().await };
        let mut state = state.lock().await;
        let visit = match state.visit {
            Some(visit) => visit,
            None => match state.visits.pop() {
                Some(visit) => {
                    sleep(until(self.stream.start.saturating_add(visit.from))).await;
                    (state.visit, state.done, state.connection) = (Some(visit), 0, None);
                    (state.started, state.session) = (false, self.stream.plan.session());
                    visit
                }
                None => {
                    self.left.fetch_sub(1, Ordering::SeqCst);
                    self.gone.notify_one();
                    return std::future::pending().await;
                }
            },
        };
        let passes = self.stream.crew.passes_each();
        let mut course = Course::Through;
        if !self.is_over(visit) {
            course = self.pass(&mut state, route, visit).await;
            (state.done, state.pass) = (state.done + 1, state.pass + 1);
        }
        if course == Course::Exhausted {
            // What there was to send is sent: the user goes for good, and the stream says why.
            state.visits.clear();
            state.visit = None;
            return;
        }
        if self.is_over(visit) || passes.is_some_and(|passes| state.done >= passes) {
            let forever = Visit { to: None, ..visit };
            self.steps(&mut state, &route.on_stop, forever).await;
            state.visit = None;
        }
    }

    /// One pass, and before the first of a visit what comes at its start; both have the same row of data files.
    async fn pass(&self, state: &mut State, route: &Route, visit: Visit) -> Course {
        state.row = self.passes.fetch_add(1, Ordering::Relaxed);
        if !state.started {
            state.started = true;
            let course = self.steps(state, &route.on_start, visit).await;
            if course != Course::Through {
                state.started = false;
                return course;
            }
        }
        let course = self.steps(state, &route.steps, visit).await;
        // The first step can only miss what the start should have given: the user starts again.
        state.started = course != Course::Lacking { first: true };
        course
    }

    fn is_over(&self, visit: Visit) -> bool {
        visit.to.is_some_and(|to| raw_now() >= self.stream.start.saturating_add(to))
    }

    /// Takes steps in their order, up to one that needs what an earlier one should have given. A user that goes
    /// finishes its pass within the grace, and the step at hand in any case.
    async fn steps(&self, state: &mut State, steps: &[Step], visit: Visit) -> Course {
        let last = visit.to.is_none_or(|to| self.stream.crew.end() == Some(to));
        let grace = if last { i64::MAX } else { self.stream.crew.grace().as_nanos() as i64 };
        for (nth, step) in steps.iter().enumerate() {
            let limit = visit.to.map(|to| self.stream.start.saturating_add(to).saturating_add(grace));
            if limit.is_some_and(|limit| raw_now() >= limit) {
                break;
            }
            if self.stream.plan.request(step.place).lacks(&state.session) {
                return Course::Lacking { first: nth == 0 };
            }
            if self.step(state, *step, visit).await == Outcome::Bad(Reason::Exhausted) {
                return Course::Exhausted;
            }
        }
        Course::Through
    }

    async fn step(&self, state: &mut State, step: Step, visit: Visit) -> Outcome {
        if self.over.load(Ordering::SeqCst) || self.stop.called() {
            // Goose would call again at once. It is about to end, with its runtime.
            return std::future::pending().await;
        }
        let stream = &self.stream;
        let ticket = stream.shard.begin_now(stream.plan.request(step.place).name);
        let began = raw_now();
        let outcome = self.send(state, step.place, began).await;
        stream.shard.finish(ticket, outcome, raw_now());
        // What was not sent took no time either.
        if matches!(outcome, Outcome::Bad(reason) if reason.calls_for_rest() || reason.is_ours()) {
            sleep(BACK_OFF).await;
        }
        if let Some(WaitTime { min, max }) = step.think {
            let span = max.get().saturating_sub(min.get());
            let part = stream.plan.chance(state.number, state.pass, step.place) as f64 / u64::MAX as f64;
            let think = min.get() + span.mul_f64(part);
            // Nobody thinks beyond the end of the visit.
            let rest = visit.to.map_or(think, |to| until(stream.start.saturating_add(to)));
            sleep(think.min(rest)).await;
        }
        outcome
    }

    async fn send(&self, state: &mut State, place: usize, began: i64) -> Outcome {
        let plan = &self.stream.plan;
        let prepared = plan.request(place);
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        let State { number, pass, row, connection, session, .. } = state;
        let rendered = match plan.rendered(prepared, Turn::of_user(seq, *number, *pass, *row), session) {
            Ok(rendered) => rendered,
            Err(reason) => return Outcome::Bad(reason),
        };
        let exchange = self.stream.wire.exchange(connection, prepared, rendered);
        match timeout(prepared.timeout.unwrap_or(self.stream.profile.timeout.get()), exchange).await {
            Ok(Ok(answer)) => {
                let took = Duration::from_nanos((raw_now() - began).max(0) as u64);
                prepared.judge(&answer, took, session).map_or_else(Outcome::Bad, |()| Outcome::Ok)
            }
            Ok(Err(reason)) => Outcome::Bad(reason),
            // The exchange took the connection with it, so that a late answer meets no other request.
            Err(_elapsed) => Outcome::Bad(Reason::Timeout),
        }
    }
}

/// The time until a raw time.
fn until(at: i64) -> Duration {
    Duration::from_nanos((at.saturating_sub(raw_now())).max(0) as u64)
}
