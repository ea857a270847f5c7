//! Load workers as child processes of this one: `simulacro load-worker`, with pipes for orders and lines.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{WorkerHandle, Workers};
use crate::model::Name;
use crate::timeline::load_line::{Assignment, MAX_LINE, PROTOCOL, WorkerLine, WorkerOrder, WorkerReport, WorkerSaid};
use crate::world::DriverError;

/// How long a new worker may take to accept its assignment.
const ACCEPT: Duration = Duration::from_secs(5);
/// How long the requests under way may still be answered when a worker is stopped.
const GRACE: Duration = Duration::from_millis(500);
/// How long a stopped worker may take for its last lines after that.
const LAST_LINES: Duration = Duration::from_secs(3);
/// How long a worker may take to exit once its lease or its output has ended: three times what it promises.
const EXIT: Duration = Duration::from_millis(300);
/// How much of a worker's last words is kept, in bytes.
const LAST_WORDS: usize = 2048;

/// Starts load workers on this machine.
#[derive(Debug, Clone)]
pub struct HostWorkers {
    program: PathBuf,
}

impl HostWorkers {
    /// Workers are this very program.
    ///
    /// # Errors
    /// When the system cannot tell which program this is.
    pub fn new() -> Result<Self, DriverError> {
        let program = std::env::current_exe()
            .map_err(|e| DriverError::Failed(format!("this program's own file is not known, so no worker: {e}")))?;
        Ok(HostWorkers { program })
    }

    /// Workers are `program`, called with `load-worker`: for tests, whose own program is another one.
    pub fn with_program(program: PathBuf) -> Self {
        HostWorkers { program }
    }
}

#[async_trait]
impl Workers for HostWorkers {
    async fn start(
        &self,
        assignment: Assignment,
        reports: mpsc::Sender<WorkerReport>,
    ) -> Result<Box<dyn WorkerHandle>, DriverError> {
        let stream = assignment.stream.clone();
        let failed = |what: &str, e: &dyn std::fmt::Display| {
            DriverError::Failed(format!("load worker of stream `{stream}`: {what}: {e}"))
        };
        let mut child = Command::new(&self.program)
            .arg("load-worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C in the terminal is for the runner, which decides when the load ends.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| failed(&format!("{} could not be started", self.program.display()), &e))?;
        let (Some(mut lease), Some(lines), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed("no pipes", &"the system gave none"));
        };
        let mut line = serde_json::to_vec(&assignment).map_err(|e| failed("its assignment cannot be written", &e))?;
        line.push(b'\n');
        match timeout(ACCEPT, lease.write_all(&line)).await {
            Ok(Ok(())) => {}
            // It is gone already; the attendant hears its last words.
            Ok(Err(e)) if e.kind() == ErrorKind::BrokenPipe => {}
            Ok(Err(e)) => return Err(failed("its assignment was not taken", &e)),
            Err(_) => {
                let why = format!("load worker of stream `{stream}` does not read its assignment");
                return Err(DriverError::Timeout(why));
            }
        }
        let dropped = CancellationToken::new();
        let of = stream.clone();
        let attendant = Attendant { stream, child, reports, dropped: dropped.clone() };
        let attendant = tokio::spawn(attendant.attend(lines, errors));
        Ok(Box::new(HostWorker { stream: of, lease: Some(lease), dropped, attendant: Some(attendant) }))
    }
}

/// A running worker.
struct HostWorker {
    stream: Name,
    lease: Option<ChildStdin>,
    dropped: CancellationToken,
    attendant: Option<JoinHandle<()>>,
}

#[async_trait]
impl WorkerHandle for HostWorker {
    async fn order(&mut self, order: WorkerOrder) -> Result<(), DriverError> {
        let failed = |why: &dyn std::fmt::Display| {
            DriverError::Failed(format!("load worker of stream `{}`: it does not take an order: {why}", self.stream))
        };
        let Some(lease) = &mut self.lease else { return Ok(()) };
        let mut line = serde_json::to_vec(&order).map_err(|e| failed(&e))?;
        line.push(b'\n');
        match timeout(EXIT, lease.write_all(&line)).await {
            Ok(Err(e)) if e.kind() != ErrorKind::BrokenPipe => Err(failed(&e)),
            Ok(_) => Ok(()),
            Err(_) => Err(failed(&format!("it does not read within {EXIT:?}"))),
        }
    }

    async fn stop(&mut self) {
        let Some(mut attendant) = self.attendant.take() else { return };
        // A worker that does not read this will see its lease end.
        let _ = self.order(WorkerOrder::Stop { grace_ms: GRACE.as_millis() as u64 }).await;
        if timeout(GRACE + LAST_LINES, &mut attendant).await.is_ok() {
            return;
        }
        self.lease = None;
        self.dropped.cancel();
        if timeout(EXIT * 3, &mut attendant).await.is_err() {
            // The attendant holds the child, and a dropped child is killed.
            attendant.abort();
        }
    }
}

impl Drop for HostWorker {
    fn drop(&mut self) {
        self.lease = None;
        self.dropped.cancel();
    }
}

/// Listens to one worker until it is gone.
struct Attendant {
    stream: Name,
    child: Child,
    reports: mpsc::Sender<WorkerReport>,
    dropped: CancellationToken,
}

impl Attendant {
    async fn attend(mut self, lines: ChildStdout, errors: ChildStderr) {
        let words = Arc::new(Mutex::new(String::new()));
        let listening = tokio::spawn(keep_last_words(errors, words.clone()));
        let patience = async {
            self.dropped.cancelled().await;
            tokio::time::sleep(EXIT).await;
        };
        let heard = tokio::select! {
            heard = relay(&self.stream, lines, &self.reports) => heard,
            () = patience => Err("it did not end with its lease".into()),
        };
        let exited = timeout(EXIT, self.child.wait()).await;
        let status = match exited {
            Ok(Ok(status)) => ended_how(status),
            _ => {
                let _ = self.child.kill().await;
                "it was killed".to_owned()
            }
        };
        let Err(why) = heard else { return };
        // Whatever holds the other end of standard error now, a crash has spoken by then.
        let _ = timeout(EXIT, listening).await;
        let words = words.lock().unwrap_or_else(PoisonError::into_inner).trim().to_owned();
        let why = [why, status, words].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
        let _ = self.reports.send(WorkerReport { stream: self.stream, said: WorkerSaid::Lost(why) }).await;
    }
}

/// Passes lines on until the last one. `Err` says why the worker is to be counted as lost.
async fn relay(stream: &Name, lines: ChildStdout, reports: &mpsc::Sender<WorkerReport>) -> Result<(), String> {
    let mut lines = BufReader::new(lines);
    let mut text = Vec::with_capacity(MAX_LINE);
    let mut check = Check::default();
    loop {
        text.clear();
        let read = (&mut lines).take(MAX_LINE as u64).read_until(b'\n', &mut text).await;
        match read {
            Err(error) => return Err(format!("its lines could not be read: {error}")),
            Ok(0) => return Err("it ended without its last line".into()),
            Ok(_) if !text.ends_with(b"\n") => return Err("its last line was cut off or too long".into()),
            Ok(_) => {}
        }
        let line: WorkerLine = serde_json::from_slice(&text).map_err(|e| format!("a line is not understood: {e}"))?;
        check.take(&line)?;
        let last = matches!(line, WorkerLine::End(_));
        let report = WorkerReport { stream: stream.clone(), said: WorkerSaid::Line(line) };
        if reports.send(report).await.is_err() || last {
            // Nobody listens any more, or there is nothing more to hear.
            return Ok(());
        }
    }
}

/// Whether lines come in the order of the protocol, each once.
#[derive(Debug, Default)]
struct Check {
    greeted: bool,
    windows: u64,
}

impl Check {
    fn take(&mut self, line: &WorkerLine) -> Result<(), String> {
        match line {
            WorkerLine::Hello(hello) if hello.protocol != PROTOCOL => {
                Err(format!("it speaks protocol {}, and this program {PROTOCOL}", hello.protocol))
            }
            WorkerLine::Hello(_) => {
                self.greeted = true;
                Ok(())
            }
            _ if !self.greeted => Err("it did not say hello".into()),
            WorkerLine::Window(window) if window.seq != self.windows => {
                Err(format!("line {} came where {} was due: lines were lost or repeated", window.seq, self.windows))
            }
            WorkerLine::Window(_) => {
                self.windows += 1;
                Ok(())
            }
            WorkerLine::End(end) if end.lines != self.windows => {
                Err(format!("it wrote {} lines and {} arrived", end.lines, self.windows))
            }
            WorkerLine::End(_) => Ok(()),
        }
    }
}

fn ended_how(status: ExitStatus) -> String {
    if status.success() { String::new() } else { status.to_string() }
}

/// Keeps the end of what a worker writes to standard error.
async fn keep_last_words(mut errors: ChildStderr, words: Arc<Mutex<String>>) {
    let mut chunk = [0u8; 512];
    while let Ok(read @ 1..) = errors.read(&mut chunk).await {
        let mut kept = words.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_str(&String::from_utf8_lossy(&chunk[..read]));
        if kept.len() > LAST_WORDS {
            let mut from = kept.len() - LAST_WORDS;
            while !kept.is_char_boundary(from) {
                from += 1;
            }
            kept.drain(..from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::load_line::{Hello, LoadModel, WindowLine, WorkerEnd};

    fn hello(protocol: u32) -> WorkerLine {
        let executor = "constant_arrival_rate".to_owned();
        WorkerLine::Hello(Hello {
            protocol,
            worker: 0,
            pid: 1,
            model: LoadModel::Open,
            executor,
            asked_rate: None,
            start: 0,
        })
    }

    fn window(seq: u64) -> WorkerLine {
        WorkerLine::Window(Box::new(WindowLine { seq, ..WindowLine::default() }))
    }

    fn end(lines: u64) -> WorkerLine {
        WorkerLine::End(WorkerEnd { lines, started: 0, pending: 0, cpu_us: 0 })
    }

    fn check(lines: &[WorkerLine]) -> Result<(), String> {
        let mut check = Check::default();
        lines.iter().try_for_each(|line| check.take(line))
    }

    #[test]
    fn lost_repeated_and_foreign_lines_are_noticed() {
        assert_eq!(check(&[hello(PROTOCOL), window(0), window(1), end(2)]), Ok(()));
        assert!(check(&[hello(PROTOCOL), window(0), window(2)]).unwrap_err().contains("line 2 came where 1"));
        assert!(check(&[hello(PROTOCOL), window(0), window(0)]).unwrap_err().contains("repeated"));
        assert!(check(&[hello(PROTOCOL), window(0), end(2)]).unwrap_err().contains("2 lines and 1 arrived"));
        assert!(check(&[hello(99)]).unwrap_err().contains("protocol 99"));
        assert!(check(&[window(0)]).unwrap_err().contains("hello"));
    }
}
