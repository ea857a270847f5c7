//! The worker process: `simulacro load-worker`, started by the runner with pipes on its standard input and output.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use super::collector::Collector;
use super::lines::Lines;
use super::outbox::Outbox;
use super::recorder::Grid;
use super::start::{Running, start};
use super::stop::{self, Course, Hold, Stop, Stopper};
use crate::clock::raw_now;
use crate::timeline::load_line::{Assignment, WorkerOrder};

/// The longest line on standard input, in bytes: a profile with its bodies.
const MAX_ORDER: u64 = 4 * 1024 * 1024;
/// The process ends this long after its standard input did, whatever its threads are doing.
const LEASE_GRACE: Duration = Duration::from_millis(90);
/// The collector runs this long after a window's end, in nanoseconds, so that the window is complete by then.
const AFTER_WINDOW: i64 = 10_000_000;
/// How long threads may take to end after the deadline of a stop, in nanoseconds: goose's runtime has 100 ms.
const THREAD_GRACE: i64 = 150_000_000;
/// How long the last lines may wait for the pipe.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The entry of the worker process. Its exit code is 0 when it was stopped or had finished. It is 2 when it could not
/// do its work: then its last line is missing, and its standard error says why.
pub fn load_worker() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("load-worker: {why}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    // First of all, before any library can print.
    let lines = move_stdout_aside().map_err(|e| format!("standard output cannot be moved aside: {e}"))?;
    // Ctrl-C goes to a whole terminal, but a worker ends with its lease. Goose would install a handler of its own.
    let _ = ctrlc::set_handler(|| {});
    let (stopper, stop) = stop::channel();
    let (assigned, assignment) = mpsc::channel();
    std::thread::Builder::new()
        .name("lease".into())
        .spawn(move || read_orders(&assigned, &stopper))
        .map_err(|e| format!("no thread for standard input: {e}"))?;
    let assignment = assignment.recv().unwrap_or_else(|_| {
        Err("no assignment on standard input: this command is started by `simulacro run`, not by hand".into())
    })?;
    keep_prints(&assignment);
    serve(&assignment, lines, &stop)
}

/// Duplicates standard output for the lines, and lets whatever else is printed go to standard error.
fn move_stdout_aside() -> io::Result<File> {
    let lines = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok(File::from(lines))
}

/// Sends what libraries print into the file that the assignment names.
fn keep_prints(assignment: &Assignment) {
    // Without the file the prints stay on standard error, which loses nothing.
    if let Ok(file) = File::options().create(true).append(true).open(&assignment.log) {
        let _ = rustix::stdio::dup2_stdout(&file);
    }
}

/// The life of the thread on standard input: the assignment, then orders, then the end of the lease.
fn read_orders(assigned: &Sender<Result<Assignment, String>>, stopper: &Stopper) {
    let mut input = BufReader::new(io::stdin());
    let mut line = Vec::new();
    let mut next = |line: &mut Vec<u8>| {
        line.clear();
        let read = input.by_ref().take(MAX_ORDER).read_until(b'\n', line);
        matches!(read, Ok(n) if n > 0 && line.ends_with(b"\n"))
    };
    if !next(&mut line) {
        return;
    }
    let _ = assigned.send(parse_assignment(&line));
    while next(&mut line) {
        match serde_json::from_slice(&line) {
            Ok(WorkerOrder::Stop { grace_ms }) => {
                let grace = i64::try_from(grace_ms).unwrap_or(i64::MAX).saturating_mul(1_000_000);
                stopper.stop(raw_now().saturating_add(grace));
            }
            // Users have no rate, and take no notice.
            Ok(WorkerOrder::Hold { per_second, from }) => stopper.hold(Hold { per_second, from }),
            Err(error) => eprintln!("load-worker: an order that is not understood was ignored: {error}"),
        }
    }
    stopper.stop(raw_now());
    std::thread::sleep(LEASE_GRACE);
    std::process::exit(0);
}

/// Where an assignment is wrong, but not what stands there: it may hold what nobody should read.
fn parse_assignment(line: &[u8]) -> Result<Assignment, String> {
    serde_json::from_slice(line).map_err(|e| {
        format!("the assignment is not understood at column {}: runner and worker differ in version", e.column())
    })
}

/// Does the work, and tells of it.
fn serve(assignment: &Assignment, pipe: File, stop: &Stop) -> Result<(), String> {
    let running = start(assignment, stop.clone())?;
    let outbox = Arc::new(Outbox::default());
    let (written, all_written) = mpsc::channel();
    let lines = Lines::new(assignment.profile.request_names(), running.trouble.clone());
    let for_writer = outbox.clone();
    std::thread::Builder::new()
        .name("writer".into())
        .spawn(move || {
            write_lines(&for_writer, lines, pipe);
            let _ = written.send(());
        })
        .map_err(|e| format!("no thread to write with: {e}"))?;
    let mut collector = Collector::new(Grid { epoch: assignment.epoch }, running.start);
    let ended = collect(&running, &mut collector, &outbox, assignment, stop);
    if ended.is_ok() {
        outbox.end(collector.totals());
        let _ = all_written.recv_timeout(LAST_LINES);
    }
    ended
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

/// Empties the shards after each window until the executor has ended, and once more then.
fn collect(
    running: &Running,
    collector: &mut Collector,
    outbox: &Outbox,
    assignment: &Assignment,
    stop: &Stop,
) -> Result<(), String> {
    outbox.hello(running.hello.clone());
    let grid = Grid { epoch: assignment.epoch };
    let mut left = running.threads;
    let mut next = grid.next_begin(raw_now()) + AFTER_WINDOW;
    while left > 0 {
        let mut wake = next;
        if let Course::Stop { until } = stop.course() {
            let limit = until.saturating_add(THREAD_GRACE);
            if raw_now() > limit {
                // A thread that does not end is left behind; the process takes it along.
                break;
            }
            wake = wake.min(limit);
        }
        match running.done.recv_timeout(Duration::from_nanos((wake - raw_now()).max(0) as u64)) {
            Ok(Ok(())) => left -= 1,
            // Without one of its threads the executor would not do what was asked, so it ends as a whole.
            Ok(Err(why)) => return Err(why),
            Err(RecvTimeoutError::Disconnected) => {
                return Err("a thread of the executor panicked, which is a bug of this program".into());
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
    Ok(())
}
