//! From an assignment to an executor at work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};

use super::journeys::{self, ClosedStream, Crew};
use super::open::{self, OpenStream};
use super::pacer::Pacer;
use super::plan::{OwnSecrets, Plan, Target};
use super::recorder::{Grid, Shard};
use super::sender::Wire;
use super::stop::Stop;
use crate::clock::raw_now;
use crate::scenario::profile::{ConstantArrivalRate, Executor, Severity};
use crate::timeline::load_line::{Assignment, Hello, PROTOCOL};
use crate::world::secrets::Secrets;

/// Between the assignment and the first request, in nanoseconds: for threads and connections.
const HEAD_START: i64 = 20_000_000;
/// As [`HEAD_START`], for users: goose starts them one by one.
const USERS_HEAD_START: i64 = 100_000_000;

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
        Some(Executor::ConstantArrivalRate(rate)) => start_open(assignment, rate, target, &secrets, stop),
        Some(executor @ Executor::ConstantVus(users)) => {
            start_closed(assignment, executor, Crew::constant(users), target, &secrets, stop)
        }
        Some(executor @ Executor::RampingVus(ramp)) => {
            start_closed(assignment, executor, Crew::ramping(ramp), target, &secrets, stop)
        }
        Some(executor @ Executor::PerVuIterations(users)) => {
            start_closed(assignment, executor, Crew::passes(users), target, &secrets, stop)
        }
        Some(other) => Err(format!("`{}` cannot be run yet", other.key())),
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

fn start_open(
    assignment: &Assignment,
    rate: &ConstantArrivalRate,
    target: Target,
    secrets: &OwnSecrets,
    stop: Stop,
) -> Result<Running, String> {
    if target.tls {
        return Err(format!("{}: this executor speaks no TLS yet: give it an http:// URL", assignment.base_url));
    }
    let profile = &assignment.profile;
    let plan = Plan::new(assignment, profile.requests.iter(), &target.prefix, secrets).map_err(|e| e.to_string())?;
    let authority = target.authority.clone();
    let wire = Wire::new(target).ok_or_else(|| format!("`{authority}` cannot stand in a Host header"))?;
    let pacer = Pacer::new(rate.rate, rate.time_unit.get().as_nanos() as u64);
    let grid = Grid { epoch: assignment.epoch };
    let start = grid.next_begin(raw_now() + HEAD_START);
    let senders = rate.senders(profile.timeout);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let stream = Arc::new(OpenStream {
        plan,
        wire,
        pacer,
        start,
        count: rate.duration.map(|d| pacer.count_before(d.get().as_nanos() as i64)),
        senders,
        opened_before: rate.pre_allocated_senders.unwrap_or(0).min(senders),
        timeout: profile.timeout.get(),
        lanes: open::lanes(rate.per_second(), cores, senders),
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
                let ended = catch_unwind(AssertUnwindSafe(|| open::run_lane(stream, number, shard, stop)));
                let _ = tell.send(match ended {
                    Ok(ended) => ended.map_err(|e| format!("a lane could not run: {e}")),
                    Err(_) => Err("a lane panicked, which is a bug of this program".into()),
                });
            })
            .map_err(|e| format!("no thread for a lane: {e}"))?;
    }
    let hello = hello(Executor::ConstantArrivalRate(rate), start);
    Ok(Running { hello, shards, start, done, threads: stream.lanes as usize })
}

fn start_closed(
    assignment: &Assignment,
    executor: Executor<'_>,
    crew: Crew,
    target: Target,
    secrets: &OwnSecrets,
    stop: Stop,
) -> Result<Running, String> {
    if target.tls {
        return Err(format!("{}: this executor speaks no TLS yet: give it an http:// URL", assignment.base_url));
    }
    let profile = &assignment.profile;
    let plan = Plan::new(assignment, profile.all_requests(), &target.prefix, secrets).map_err(|e| e.to_string())?;
    let (authority, base) = (target.authority.clone(), target.base.clone());
    let wire = Wire::new(target).ok_or_else(|| format!("`{authority}` cannot stand in a Host header"))?;
    let grid = Grid { epoch: assignment.epoch };
    let shard = Arc::new(Shard::new(grid, None));
    let start = grid.next_begin(begin(assignment, USERS_HEAD_START));
    let stream = ClosedStream { plan, wire, base, profile: profile.clone(), crew, start, shard: shard.clone() };
    let (tell, done) = mpsc::channel();
    journeys::start(stream, stop, tell)?;
    Ok(Running { hello: hello(executor, start), shards: vec![shard], start: raw_now(), done, threads: 1 })
}

/// When the first request is meant to start, at the earliest.
fn begin(assignment: &Assignment, head_start: i64) -> i64 {
    let after = assignment.profile.start_time.map_or(0, |d| d.get().as_nanos() as i64);
    let now = raw_now() + head_start;
    now.max(assignment.not_before.max(now.saturating_sub(head_start)).saturating_add(after))
}
