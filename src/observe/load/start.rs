//! From an assignment to an executor at work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use super::journeys::{self, ClosedStream, Crew};
use super::open::{self, OpenStream};
use super::plan::{OwnSecrets, Plan, Target};
use super::recorder::{Grid, Shard};
use super::schedule::Schedule;
use super::stop::Stop;
use super::wire::{Trouble, Wire};
use crate::clock::raw_now;
use crate::model::HumanDuration;
use crate::scenario::profile::{Executor, Severity};
use crate::timeline::load_line::{Assignment, Hello, PROTOCOL};
use crate::world::secrets::Secrets;

/// Between the assignment and the first request, in nanoseconds: for threads and connections.
const HEAD_START: i64 = 20_000_000;
/// As [`HEAD_START`], for users: goose starts them one by one.
const USERS_HEAD_START: i64 = 100_000_000;

/// How much later than its timeout a request may end while this machine is busy.
const LATE_TIMEOUT: Duration = Duration::from_millis(100);

/// An executor at work.
pub struct Running {
    /// What the worker says of itself.
    pub hello: Hello,
    /// Where the executor writes down what happens.
    pub shards: Vec<Arc<Shard>>,
    /// The raw time from which requests are meant to start.
    pub start: i64,
    /// One message for each thread that ends.
    pub done: Receiver<Result<(), String>>,
    /// How many threads there are.
    pub threads: usize,
    /// Words for reasons that need them.
    pub trouble: Arc<Trouble>,
}

/// Checks the assignment and starts its executor.
///
/// # Errors
///
/// A text that says what is wrong with the assignment, or what this machine could not give.
pub fn start(assignment: &Assignment, stop: Stop) -> Result<Running, String> {
    let profile = &assignment.profile;
    if let Some(problem) = profile.problems().into_iter().find(|p| p.severity == Severity::Error) {
        return Err(format!("profile {}: {}: {}", profile.name, problem.path, problem.message));
    }
    let secrets = Secrets::new();
    let base_url = secrets.resolve(&assignment.base_url).map_err(|e| e.to_string())?;
    // The address may hold a secret, so an error shows it as it was written.
    let target = Target::parse(&base_url)
        .map_err(|why| format!("the base URL `{}` cannot be used: {why}", assignment.base_url))?;
    let secrets = OwnSecrets(secrets);
    match profile.executor() {
        Some(executor @ Executor::ConstantVus(users)) => {
            start_closed(assignment, executor, Crew::constant(users), target, &secrets, stop)
        }
        Some(executor @ Executor::RampingVus(ramp)) => {
            start_closed(assignment, executor, Crew::ramping(ramp), target, &secrets, stop)
        }
        Some(executor @ Executor::PerVuIterations(users)) => {
            start_closed(assignment, executor, Crew::passes(users), target, &secrets, stop)
        }
        Some(executor) => match Pace::of(executor, profile.timeout) {
            Some(pace) => start_open(assignment, executor, pace, target, &secrets, stop),
            None => Err(format!("`{}` cannot be run", executor.key())),
        },
        None => Err(format!("profile {} has no executor", profile.name)),
    }
}

fn hello(executor: Executor<'_>, start: i64) -> Hello {
    Hello {
        protocol: PROTOCOL,
        worker: 0,
        pid: std::process::id() as i32,
        model: executor.model(),
        executor: executor.key().into(),
        asked_rate: executor.asked_rate(),
        start,
    }
}

/// What sets one open-model executor apart from the others.
struct Pace {
    schedule: Schedule,
    /// The highest rate, per second.
    highest: f64,
    senders: u32,
    opened_before: u32,
}

impl Pace {
    /// Of an executor; `None` when its model is closed.
    fn of(executor: Executor<'_>, timeout: HumanDuration) -> Option<Pace> {
        let (schedule, highest, senders, opened) = match executor {
            Executor::ConstantArrivalRate(rate) => {
                (Schedule::constant(rate), rate.per_second(), rate.senders(timeout), rate.pre_allocated_senders)
            }
            Executor::RampingArrivalRate(ramp) => {
                (Schedule::ramping(ramp), ramp.highest_per_second(), ramp.senders(timeout), ramp.pre_allocated_senders)
            }
            Executor::Breakpoint(search) => {
                (Schedule::staircase(search), f64::from(search.max_rate), search.senders(timeout), None)
            }
            Executor::ConstantVus(_) | Executor::RampingVus(_) | Executor::PerVuIterations(_) => return None,
        };
        Some(Pace { schedule, highest, senders, opened_before: opened.unwrap_or(0).min(senders) })
    }
}

fn start_open(
    assignment: &Assignment,
    executor: Executor<'_>,
    pace: Pace,
    target: Target,
    secrets: &OwnSecrets,
    stop: Stop,
) -> Result<Running, String> {
    let profile = &assignment.profile;
    let plan = Plan::new(assignment, profile.requests.iter(), &target, secrets).map_err(|e| e.to_string())?;
    let wire = Wire::new(target, &profile.http, plan.needs_http2())?;
    let trouble = wire.trouble();
    let grid = Grid { epoch: assignment.epoch };
    let start = grid.next_begin(begin(assignment, HEAD_START));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let timeouts = || profile.requests.iter().filter_map(|request| request.timeout).chain([profile.timeout]);
    let longest = timeouts().map(|timeout| timeout.get()).max().unwrap_or_default();
    let stream = Arc::new(OpenStream {
        plan,
        wire,
        schedule: pace.schedule,
        start,
        senders: pace.senders,
        opened_before: pace.opened_before,
        timeout: profile.timeout.get(),
        shortest: timeouts().map(|timeout| timeout.get()).min().unwrap_or_default(),
        // By default requests end by their own timeout, and somewhat later on a busy machine.
        grace: profile.graceful_stop.map_or(longest.saturating_add(LATE_TIMEOUT), |grace| grace.get()),
        lanes: open::lanes(pace.highest, cores, pace.senders),
    });
    let (tell, done) = mpsc::channel();
    let mut shards = Vec::new();
    for number in 0..stream.lanes {
        let shard = Arc::new(Shard::new(grid, Some(start)));
        shards.push(shard.clone());
        let (stream, stop, tell) = (stream.clone(), stop.clone(), tell.clone());
        std::thread::Builder::new()
            .name(format!("lane-{number}"))
            .spawn(move || {
                let ended = || {
                    let _ = tell.send(Ok(()));
                };
                let lane = catch_unwind(AssertUnwindSafe(|| open::run_lane(stream, number, shard, stop, ended)));
                let failed = match lane {
                    Ok(Ok(())) => return,
                    Ok(Err(e)) => format!("a lane could not run: {e}"),
                    Err(_) => "a lane panicked, which is a bug of this program".into(),
                };
                let _ = tell.send(Err(failed));
            })
            .map_err(|e| format!("no thread for a lane: {e}"))?;
    }
    let hello = hello(executor, start);
    Ok(Running { hello, shards, start, done, threads: stream.lanes as usize, trouble })
}

fn start_closed(
    assignment: &Assignment,
    executor: Executor<'_>,
    crew: Crew,
    target: Target,
    secrets: &OwnSecrets,
    stop: Stop,
) -> Result<Running, String> {
    let profile = &assignment.profile;
    let plan = Plan::new(assignment, profile.all_requests(), &target, secrets).map_err(|e| e.to_string())?;
    let origin = target.origin.clone();
    let wire = Wire::new(target, &profile.http, plan.needs_http2())?;
    let trouble = wire.trouble();
    let grid = Grid { epoch: assignment.epoch };
    let shard = Arc::new(Shard::new(grid, None));
    let start = grid.next_begin(begin(assignment, USERS_HEAD_START));
    let stream = ClosedStream { plan, wire, origin, profile: profile.clone(), crew, start, shard: shard.clone() };
    let (tell, done) = mpsc::channel();
    journeys::start(stream, stop, tell)?;
    Ok(Running { hello: hello(executor, start), shards: vec![shard], start: raw_now(), done, threads: 1, trouble })
}

/// When the first request is meant to start, at the earliest.
fn begin(assignment: &Assignment, head_start: i64) -> i64 {
    let after = assignment.profile.start_time.map_or(0, |d| d.get().as_nanos() as i64);
    let now = raw_now() + head_start;
    now.max(assignment.not_before.max(now.saturating_sub(head_start)).saturating_add(after))
}
