//! One user's life: visits, passes, steps.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::time::{sleep, timeout};

use super::ClosedStream;
use super::crew::Visit;
use crate::clock::raw_now;
use crate::observe::load::reason::Reason;
use crate::observe::load::recorder::Outcome;
use crate::observe::load::sender::Connection;
use crate::observe::load::stop::{Course, Stop};
use crate::scenario::profile::{Journey, Request, WaitTime};

/// After a connection failed, a user rests this long: twenty eager users made 11,000 failures a second without it.
const BACK_OFF: Duration = Duration::from_millis(10);

/// All users of a stream.
pub struct Users {
    stream: ClosedStream,
    /// The state of each, by its number. Only its own turns lock it.
    states: Vec<Mutex<State>>,
    seq: AtomicU64,
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
    connection: Option<Connection>,
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
            Mutex::new(State { number: u64::from(k), visits, visit: None, done: 0, pass: 0, connection: None })
        };
        let states: Vec<_> = (0..stream.crew.users()).map(state).collect();
        let left = AtomicUsize::new(states.len());
        let (seq, gone, over) = (AtomicU64::new(0), Notify::new(), AtomicBool::new(false));
        Users { stream, states, seq, left, gone, over, stop }
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
            if let Course::Stop { until } = self.stop.course() {
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
                    self.steps(&mut state, &route.on_start, visit).await;
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
        if !self.is_over(visit) {
            self.steps(&mut state, &route.steps, visit).await;
            (state.done, state.pass) = (state.done + 1, state.pass + 1);
        }
        if self.is_over(visit) || passes.is_some_and(|passes| state.done >= passes) {
            let forever = Visit { to: None, ..visit };
            self.steps(&mut state, &route.on_stop, forever).await;
            state.visit = None;
        }
    }

    fn is_over(&self, visit: Visit) -> bool {
        visit.to.is_some_and(|to| raw_now() >= self.stream.start.saturating_add(to))
    }

    /// Takes steps in their order. One that goes finishes its pass within the grace, and the step at hand in any case.
    async fn steps(&self, state: &mut State, steps: &[Step], visit: Visit) {
        let last = visit.to.is_none_or(|to| self.stream.crew.end() == Some(to));
        let grace = if last { i64::MAX } else { self.stream.crew.grace().as_nanos() as i64 };
        for step in steps {
            let limit = visit.to.map(|to| self.stream.start.saturating_add(to).saturating_add(grace));
            if limit.is_some_and(|limit| raw_now() >= limit) {
                return;
            }
            self.step(state, *step, visit).await;
        }
    }

    async fn step(&self, state: &mut State, step: Step, visit: Visit) {
        if self.over.load(Ordering::SeqCst) || self.stop.called() {
            // Goose would call again at once. It is about to end, with its runtime.
            return std::future::pending().await;
        }
        let stream = &self.stream;
        let ticket = stream.shard.begin_now(stream.plan.request(step.place).name);
        let began = raw_now();
        let outcome = self.send(state, step.place, began).await;
        stream.shard.finish(ticket, outcome, raw_now());
        if matches!(outcome, Outcome::Bad(reason) if reason.calls_for_rest()) {
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
    }

    async fn send(&self, state: &mut State, place: usize, began: i64) -> Outcome {
        let plan = &self.stream.plan;
        let prepared = plan.request(place);
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        let Ok(rendered) = plan.rendered(prepared, seq, state.number, state.pass) else {
            return Outcome::Bad(Reason::NotHttp);
        };
        let exchange = self.stream.wire.exchange(&mut state.connection, prepared, rendered);
        match timeout(self.stream.profile.timeout.get(), exchange).await {
            Ok(Ok(answer)) => {
                let took = Duration::from_nanos((raw_now() - began).max(0) as u64);
                prepared.judge(&answer, took).map_or_else(Outcome::Bad, |()| Outcome::Ok)
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
