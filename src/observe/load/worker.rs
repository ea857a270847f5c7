//! The worker process: `simulacro load-worker`, started by the runner with pipes on its standard input and output.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use super::collector::Collector;
use super::journeys::{self, ClosedStream};
use super::lines::Lines;
use super::open::{self, OpenStream};
use super::outbox::Outbox;
use super::pacer::Pacer;
use super::plan::{OwnSecrets, Plan, Target};
use super::recorder::{Grid, Shard};
use super::sender::Wire;
use super::stop::{self, Course, Stop, Stopper};
use crate::clock::raw_now;
use crate::scenario::profile::{ConstantArrivalRate, ConstantVus, Executor, Severity};
use crate::timeline::load_line::{
    Assignment, ControlLine, EndReason, Hello, MAX_CONTROL_LINE, PROTOCOL, SLOT_MS, WINDOW_MS,
};

/// The process ends this long after its standard input did, whatever its threads are doing.
const LEASE_GRACE: Duration = Duration::from_millis(90);
/// Between the assignment and the first request, in nanoseconds: for threads and connections.
const HEAD_START: i64 = 20_000_000;
/// The collector runs this long after a window's end, in nanoseconds, so that the window is complete by then.
const AFTER_WINDOW: i64 = 10_000_000;
/// How long lanes may take to end after the deadline of a stop.
const LANE_GRACE: i64 = 50_000_000;
/// How long the last lines may wait for the pipe.
const LAST_LINES: Duration = Duration::from_secs(2);

/// An executor at work.
struct Running {
    hello: Hello,
    shards: Vec<Arc<Shard>>,
    /// One message for each thread that ends.
    done: Receiver<Result<(), String>>,
    threads: usize,
}

/// The entry of the worker process. Its exit code is 0 when it was stopped or had finished, and 2 when it could not do its
/// work; the last line says why.
pub fn load_worker() -> ExitCode {
    // First of all, before any library can print.
    let lines = match move_stdout_aside() {
        Ok(lines) => lines,
        Err(error) => {
            eprintln!("load-worker: standard output cannot be moved aside: {error}");
            return ExitCode::from(2);
        }
    };
    let (stopper, stop) = stop::channel();
    let (assigned, assignment) = mpsc::channel();
    std::thread::spawn(move || read_stdin(&assigned, &stopper));
    let Ok(assignment) = assignment.recv() else {
        eprintln!("load-worker: no assignment on standard input; this command is started by `simulacro run`");
        return ExitCode::from(2);
    };
    let assignment = match assignment {
        Ok(assignment) => assignment,
        Err(why) => {
            eprintln!("load-worker: {why}");
            return ExitCode::from(2);
        }
    };
    keep_prints(&assignment);
    serve(&assignment, lines, stop)
}

/// Duplicates standard output for the lines, and lets whatever else is printed go to standard error.
fn move_stdout_aside() -> io::Result<File> {
    let lines = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok(File::from(lines))
}

/// Sends what libraries print into the run's folder instead.
fn keep_prints(assignment: &Assignment) {
    let Some(folder) = &assignment.run_dir else { return };
    let path = folder.join(format!("load-{}.out", assignment.stream).replace(' ', "_"));
    // Without the file the prints stay on standard error, which loses nothing.
    if let Ok(file) = File::options().create(true).append(true).open(path) {
        let _ = rustix::stdio::dup2_stdout(&file);
    }
}

/// The life of the thread on standard input: the assignment, then control lines, then the end of the lease.
fn read_stdin(assigned: &Sender<Result<Assignment, String>>, stopper: &Stopper) {
    let mut input = BufReader::new(io::stdin());
    let mut line = Vec::new();
    let mut next = |line: &mut Vec<u8>| {
        line.clear();
        let read = input.by_ref().take(MAX_CONTROL_LINE as u64).read_until(b'\n', line);
        matches!(read, Ok(n) if n > 0 && line.ends_with(b"\n"))
    };
    if !next(&mut line) {
        return;
    }
    // The message shows where the line is wrong and not what stands there: it may hold what nobody should read.
    let parsed = serde_json::from_slice(&line)
        .map_err(|e| format!("the assignment is not of protocol {PROTOCOL}, at column {}", e.column()));
    let _ = assigned.send(parsed);
    while next(&mut line) {
        match serde_json::from_slice(&line) {
            Ok(ControlLine::Stop { grace_ms }) => {
                stopper.stop(EndReason::Stopped, raw_now() + i64::from(grace_ms) * 1_000_000);
            }
            Err(error) => eprintln!("load-worker: not a control line, ignored: {error}"),
        }
    }
    stopper.stop(EndReason::LeaseEnded, raw_now());
    std::thread::sleep(LEASE_GRACE);
    std::process::exit(0);
}

/// Does the work, and tells of it.
fn serve(assignment: &Assignment, lines: File, stop: Stop) -> ExitCode {
    let outbox = Arc::new(Outbox::default());
    let (written, all_written) = mpsc::channel();
    let writer = {
        let outbox = outbox.clone();
        let lines_for = Lines::new(assignment.worker.clone(), assignment.profile.request_names());
        std::thread::Builder::new().name("writer".into()).spawn(move || {
            write_lines(&outbox, lines_for, lines);
            let _ = written.send(());
        })
    };
    if let Err(error) = writer {
        eprintln!("load-worker: no thread to write with: {error}");
        return ExitCode::from(2);
    }
    let mut collector = Collector::new(Grid::of(assignment));
    let reason = match start(assignment, stop.clone()) {
        Ok(running) => collect(running, &mut collector, &outbox, assignment, &stop),
        Err(why) => EndReason::Failed(why),
    };
    let code = if matches!(reason, EndReason::Failed(_)) { ExitCode::from(2) } else { ExitCode::SUCCESS };
    outbox.end(raw_now(), reason, collector.totals());
    let _ = all_written.recv_timeout(LAST_LINES);
    code
}

/// The life of the writer thread: the only one that waits for the pipe.
fn write_lines(outbox: &Outbox, mut lines: Lines, mut pipe: File) {
    loop {
        let batch = outbox.take();
        let end = batch.end.is_some();
        // A reader that is gone has let the lease go as well, and that ends the worker.
        let written = lines.write(batch, |line| pipe.write_all(line.as_bytes()));
        if end || written.is_err() {
            return;
        }
    }
}

/// Checks the assignment and starts its executor.
fn start(assignment: &Assignment, stop: Stop) -> Result<Running, String> {
    if assignment.protocol != PROTOCOL {
        return Err(format!("this program speaks protocol {PROTOCOL}, the runner {}", assignment.protocol));
    }
    if assignment.window_ms == 0 || !assignment.window_ms.is_multiple_of(SLOT_MS) {
        return Err(format!("a window is a multiple of {SLOT_MS} ms, as {WINDOW_MS} ms is"));
    }
    let profile = &assignment.profile;
    if let Some(problem) = profile.problems().into_iter().find(|p| p.severity == Severity::Error) {
        return Err(format!("profile {}: {}: {}", profile.name, problem.path, problem.message));
    }
    // Ctrl-C goes to a whole terminal, but a worker ends when its lease does. Goose would install a handler of its own.
    let _ = ctrlc::set_handler(|| {});
    let target = Target::parse(&assignment.base_url).map_err(|e| e.to_string())?;
    match profile.executor() {
        Some(Executor::ConstantArrivalRate(rate)) => start_open(assignment, rate, target, stop),
        Some(Executor::ConstantVus(users)) => start_closed(assignment, users, target, stop),
        None => Err("the profile has no executor".into()),
    }
}

fn hello(assignment: &Assignment, executor: Executor<'_>, start: i64, senders: u32) -> Hello {
    Hello {
        worker: assignment.worker.clone(),
        seq: 0,
        protocol: PROTOCOL,
        stream: assignment.stream.clone(),
        model: executor.model(),
        executor: executor.key().into(),
        pid: std::process::id(),
        window_ms: assignment.window_ms,
        epoch_raw: assignment.epoch_raw,
        start_raw: start,
        asked_rate: executor.asked_rate(),
        senders,
        timeout: assignment.profile.timeout.get().as_nanos() as i64,
        names: assignment.profile.request_names(),
    }
}

fn start_open(
    assignment: &Assignment,
    rate: &ConstantArrivalRate,
    target: Target,
    stop: Stop,
) -> Result<Running, String> {
    if target.tls {
        return Err(format!("{}: this executor has no TLS yet: give it an http:// URL", assignment.base_url));
    }
    let profile = &assignment.profile;
    let plan =
        Plan::new(assignment, profile.requests.iter(), &target.prefix, &OwnSecrets).map_err(|e| e.to_string())?;
    let authority = target.authority.clone();
    let wire = Wire::new(target).ok_or_else(|| format!("`{authority}` cannot stand in a Host header"))?;
    let pacer = Pacer::new(rate.rate, rate.time_unit.get().as_nanos() as u64);
    let grid = Grid::of(assignment);
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
    let hello = hello(assignment, Executor::ConstantArrivalRate(rate), start, senders);
    Ok(Running { hello, shards, done, threads: stream.lanes as usize })
}

fn start_closed(assignment: &Assignment, users: &ConstantVus, target: Target, stop: Stop) -> Result<Running, String> {
    let profile = &assignment.profile;
    let plan = Plan::new(assignment, profile.all_requests(), "", &OwnSecrets).map_err(|e| e.to_string())?;
    let shard = Arc::new(Shard::new(Grid::of(assignment), None));
    let start = raw_now();
    let stream = ClosedStream { plan, target, profile: profile.clone(), users: users.clone(), shard: shard.clone() };
    let (tell, done) = mpsc::channel();
    journeys::start(stream, stop, tell)?;
    let hello = hello(assignment, Executor::ConstantVus(users), start, users.vus);
    Ok(Running { hello, shards: vec![shard], done, threads: 1 })
}

/// Empties the shards after each window until the executor has ended, and once more then.
fn collect(
    running: Running,
    collector: &mut Collector,
    outbox: &Outbox,
    assignment: &Assignment,
    stop: &Stop,
) -> EndReason {
    outbox.hello(running.hello.clone());
    let grid = Grid::of(assignment);
    let mut left = running.threads;
    let mut failed = None;
    let mut next = grid.next_begin(raw_now()) + AFTER_WINDOW;
    while left > 0 {
        let mut wake = next;
        if let Course::Stop { until, .. } = stop.course() {
            wake = wake.min(until + LANE_GRACE);
            if raw_now() > until + LANE_GRACE {
                // A thread that does not end is left behind; the process takes it along.
                break;
            }
        }
        let wait = Duration::from_nanos((wake - raw_now()).max(0) as u64);
        match running.done.recv_timeout(wait) {
            Ok(Ok(())) => left -= 1,
            // Without one of its threads the executor would not do what was asked, so it ends as a whole.
            Ok(Err(why)) => {
                failed = Some(why);
                break;
            }
            Err(RecvTimeoutError::Disconnected) => {
                failed = Some("a thread of the executor panicked, which is a bug of this program".to_owned());
                break;
            }
            Err(RecvTimeoutError::Timeout) if raw_now() >= next => {
                let taken = running.shards.iter().map(|shard| shard.take()).collect();
                outbox.put(collector.collect(taken, raw_now(), false));
                next = grid.next_begin(raw_now()) + AFTER_WINDOW;
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    let taken = running.shards.iter().map(|shard| shard.take()).collect();
    outbox.put(collector.collect(taken, raw_now(), true));
    match (failed, stop.course()) {
        (Some(why), _) => EndReason::Failed(why),
        (None, Course::Stop { reason, .. }) => reason,
        (None, Course::Run) => EndReason::Finished,
    }
}
