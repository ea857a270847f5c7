//! Our own load worker, driven as drills drive it: `simulacro load-worker` with an assignment on its standard input,
//! and its lines on standard output.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

use hdrhistogram::Histogram;
use simulacro::clock::raw_now;
use simulacro::scenario::profile::Profile;
use simulacro::timeline::hist::{decode_hist, new_hist};
use simulacro::timeline::load_line::{Assignment, WindowLine, WorkerEnd, WorkerLine, WorkerOrder};
use tempfile::TempDir;

use crate::Failure;
use crate::machine::program;

/// A worker at work.
pub struct Worker {
    pub pid: u32,
    child: Child,
    orders: Option<ChildStdin>,
    hearing: JoinHandle<Result<Heard, Failure>>,
    _folder: TempDir,
}

/// Everything that a worker said.
pub struct Heard {
    pub intended: u64,
    pub ok: u64,
    pub err: u64,
    pub dropped: u64,
    pub not_sent: u64,
    pub pending: u64,
    /// Latencies of good answers from the intended start, in microseconds.
    pub latencies: Histogram<u32>,
    /// The same from the actual start; empty for users.
    pub service: Histogram<u32>,
    /// Starts more than 10 ms behind their intended time.
    pub late: u64,
    /// The latest start behind its intended time, in nanoseconds.
    pub late_max: u64,
    /// Raw time at which request 0 was meant to start.
    pub start: i64,
    pub end: WorkerEnd,
    /// Raw time at which the last line was there.
    pub ended: i64,
    why: Option<String>,
}

/// A finished run.
pub struct Done {
    pub heard: Heard,
    /// Raw time at which the process was gone.
    pub gone: i64,
}

impl Worker {
    pub fn start(profile: &str, base_url: &str) -> Result<Worker, Failure> {
        let folder = tempfile::tempdir()?;
        let assignment = Assignment {
            stream: "steady".parse()?,
            base_url: base_url.into(),
            profile: Profile::from_yaml(profile).map_err(|e| e.to_string())?,
            seed: 42,
            epoch: raw_now(),
            not_before: 0,
            log: folder.path().join("load.log"),
        };
        let mut child =
            Command::new(program()).arg("load-worker").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (mut orders, lines) = (child.stdin.take().ok_or("no pipe")?, child.stdout.take().ok_or("no pipe")?);
        serde_json::to_writer(&mut orders, &assignment)?;
        orders.write_all(b"\n")?;
        let hearing = std::thread::spawn(move || hear(lines));
        Ok(Worker { pid: child.id(), child, orders: Some(orders), hearing, _folder: folder })
    }

    /// Orders it to stop and to wait for nothing that is under way.
    pub fn stop_now(&mut self) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(&WorkerOrder::Stop { grace_ms: 0 })?;
        line.push(b'\n');
        Ok(self.orders.as_mut().ok_or("its lease has ended")?.write_all(&line)?)
    }

    /// Ends its lease, as the death of the runner does.
    pub fn let_go(&mut self) {
        self.orders = None;
    }

    /// Waits for its own end.
    pub fn join(mut self) -> Result<Done, Failure> {
        let status = self.child.wait()?;
        let gone = raw_now();
        let heard = self.hearing.join().map_err(|_| "the listener panicked")??;
        if !status.success() {
            return Err(format!("the worker ended with {status}").into());
        }
        Ok(Done { heard, gone })
    }
}

/// Runs a profile that has a duration to its end.
pub fn run(profile: &str, base_url: &str) -> Result<Done, Failure> {
    Worker::start(profile, base_url)?.join()
}

fn hear(lines: impl std::io::Read) -> Result<Heard, Failure> {
    let none = WorkerEnd { lines: 0, started: 0, pending: 0, cpu_us: 0 };
    let mut heard = Heard {
        intended: 0,
        ok: 0,
        err: 0,
        dropped: 0,
        not_sent: 0,
        pending: 0,
        latencies: new_hist(),
        service: new_hist(),
        late: 0,
        late_max: 0,
        start: 0,
        end: none,
        ended: 0,
        why: None,
    };
    for line in BufReader::new(lines).lines() {
        match serde_json::from_str(&line?)? {
            WorkerLine::Hello(hello) => heard.start = hello.start,
            WorkerLine::Window(line) => heard.add(&line)?,
            WorkerLine::End(end) => {
                heard.pending = end.pending;
                heard.end = end;
                heard.ended = raw_now();
            }
        }
    }
    let known = heard.ok + heard.err + heard.dropped + heard.not_sent + heard.pending;
    if heard.ended != 0 && (heard.intended != known || heard.latencies.len() != heard.ok) {
        return Err(format!("counts do not agree: {} intended, {known} known", heard.intended).into());
    }
    Ok(heard)
}

impl Heard {
    fn add(&mut self, line: &WindowLine) -> Result<(), Failure> {
        self.intended += line.intended;
        self.ok += line.ok;
        self.err += line.err;
        self.dropped += line.dropped;
        self.not_sent += line.not_sent;
        self.late += line.late;
        self.late_max = self.late_max.max(line.late_max);
        self.why = self.why.take().or_else(|| line.why.clone());
        for (all, text) in [(&mut self.latencies, &line.hist_ok), (&mut self.service, &line.hist_service)] {
            if !text.is_empty() {
                all.add(decode_hist(text)?)?;
            }
        }
        Ok(())
    }

    /// What a reader must know beside the figure: failures of any kind, and the first reason.
    pub fn trouble(&self) -> Option<String> {
        let bad = self.err + self.dropped + self.not_sent;
        (bad > 0).then(|| {
            let why = self.why.as_deref().unwrap_or("no reason");
            format!(
                "{} failed, {} dropped, {} not sent of {}: {why}",
                self.err, self.dropped, self.not_sent, self.intended
            )
        })
    }
}
