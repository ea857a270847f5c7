//! Rates that change: by stages, by steps, and by order.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use simulacro::timeline::load_line::{Assignment, Hello, WindowLine, WorkerEnd, WorkerLine, WorkerOrder};

use crate::drive::{Heard, LIMIT, assignment, start};
use crate::server::{Manners, Server};

fn profile(executor: &str, more: &str) -> String {
    format!("{{ simulacro_profile: 1, name: steady, {executor}, {more} requests: [{{ name: list, path: /orders }}] }}")
}

/// Requests by window after the start.
fn windows(heard: &Heard, epoch: i64) -> BTreeMap<i64, u64> {
    let first = (heard.hello.as_ref().unwrap().start - epoch) / 100_000_000;
    let mut windows = BTreeMap::new();
    for line in &heard.lines {
        *windows.entry(line.window as i64 - first).or_default() += line.intended;
    }
    windows
}

#[tokio::test]
async fn a_ramp_starts_what_its_stages_say_window_by_window() {
    let server = Server::start(Manners::Good).await;
    let stages = "ramping_arrival_rate: { start_rate: 0, stages: [{ duration: 1s, target: 200 }, \
                  { duration: 0s, target: 0 }, { duration: 200ms, target: 0 }, { duration: 0s, target: 50 }, \
                  { duration: 200ms, target: 50 }] }";
    let mut drive = start(&profile(stages, "timeout: 20s,"), &server.url()).await;
    let heard = drive.hear_all().await;
    heard.assert_whole();
    // Up to t seconds there are 100 t² requests of the first stage.
    let ramp = |tenths: u64| tenths * tenths;
    let mut expected: Vec<u64> = (0..10).map(|nth| ramp(nth + 1) - ramp(nth)).collect();
    expected.extend([0, 0, 5, 5]);
    let windows = windows(&heard, drive.epoch);
    let told: Vec<u64> = (0..14).map(|nth| windows.get(&nth).copied().unwrap_or(0)).collect();
    assert_eq!(told, expected);
    assert_eq!(heard.intended(), 110);
    assert_eq!(server.seen().len() as u64, heard.ok());
    let hello = heard.hello.unwrap();
    assert_eq!((hello.executor.as_str(), hello.asked_rate), ("ramping_arrival_rate", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_starts_when_it_is_told_to_and_on_a_window() {
    let server = Server::start(Manners::Good).await;
    let rate = "constant_arrival_rate: { rate: 100, duration: 200ms }, start_time: 300ms";
    let folder = tempfile::tempdir().unwrap();
    let mut given = assignment(&profile(rate, ""), &server.url(), &folder);
    given.not_before = given.epoch + 2_000_000_000;
    let mut worker = Worker::start(&given);
    let hello = worker.hello();
    assert_eq!(hello.start, given.epoch + 2_300_000_000);
    worker.hear_all();
    assert!(server.seen().iter().all(|seen| seen.at >= hello.start), "nothing is sent before");
    assert_eq!(worker.sum(|line| line.intended), 20);

    // When that is past, it is the worker's own start that counts.
    given.not_before = given.epoch - 1;
    let mut worker = Worker::start(&given);
    let late = worker.hello();
    assert!(late.start > hello.start && (late.start - given.epoch) % 100_000_000 == 0);
    worker.hear_all();
}

#[tokio::test]
async fn requests_that_are_not_answered_within_the_grace_stay_unanswered() {
    let server = Server::start(Manners::Stall).await;
    let rate = "constant_arrival_rate: { rate: 100, duration: 200ms, max_senders: 30 }";
    let heard = start(&profile(rate, "graceful_stop: 100ms, timeout: 50s,"), &server.url()).await.hear_all().await;
    heard.assert_whole();
    assert_eq!((heard.ok(), heard.err()), (0, 0), "{:?}", heard.reasons());
    assert!(heard.pending() > 0 && heard.pending() + heard.not_sent() == 20);
}

/// A worker with its pipes, for orders that drills do not give.
struct Worker {
    child: Child,
    orders: Option<ChildStdin>,
    lines: Receiver<WorkerLine>,
    heard: Vec<WindowLine>,
    end: Option<WorkerEnd>,
}

impl Worker {
    fn start(assignment: &Assignment) -> Worker {
        let mut child = Command::new(env!("CARGO_BIN_EXE_simulacro"))
            .arg("load-worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut orders = child.stdin.take().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        serde_json::to_writer(&mut orders, assignment).unwrap();
        orders.write_all(b"\n").unwrap();
        let (tx, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = tx.send(serde_json::from_str(&line).unwrap());
            }
        });
        Worker { child, orders: Some(orders), lines, heard: Vec::new(), end: None }
    }

    fn order(&mut self, order: WorkerOrder) {
        let mut line = serde_json::to_vec(&order).unwrap();
        line.push(b'\n');
        self.orders.as_mut().unwrap().write_all(&line).unwrap();
    }

    fn hello(&mut self) -> Hello {
        match self.lines.recv_timeout(LIMIT) {
            Ok(WorkerLine::Hello(hello)) => hello,
            other => panic!("{other:?}"),
        }
    }

    /// Hears one more line; false at the end.
    fn hear(&mut self) -> bool {
        match self.lines.recv_timeout(LIMIT).expect("the worker says nothing") {
            WorkerLine::Window(line) => self.heard.push(*line),
            WorkerLine::End(end) => self.end = Some(end),
            WorkerLine::Hello(_) => panic!("a second greeting"),
        }
        self.end.is_none()
    }

    fn hear_all(&mut self) {
        while self.hear() {}
        assert!(self.child.wait().unwrap().success());
    }

    fn sum(&self, of: fn(&WindowLine) -> u64) -> u64 {
        self.heard.iter().map(of).sum()
    }

    /// Requests by window after `start`.
    fn windows(&self, start: i64, epoch: i64) -> BTreeMap<i64, u64> {
        let first = (start - epoch) / 100_000_000;
        let mut windows = BTreeMap::new();
        for line in &self.heard {
            *windows.entry(line.window as i64 - first).or_default() += line.intended;
        }
        windows
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_climbs_its_steps_until_another_rate_is_ordered() {
    let server = Server::start(Manners::Good).await;
    // The last of its rates is so high that the worker has two lanes where the machine has two cores.
    let search = "breakpoint: { start_rate: 50, max_rate: 20000, factor: 2, hold: 200ms, until: ['p95 < 9s'] }";
    let folder = tempfile::tempdir().unwrap();
    let given = assignment(&profile(search, "timeout: 20s,"), &server.url(), &folder);
    let mut worker = Worker::start(&given);
    let hello = worker.hello();
    let from = hello.start + 600_000_000;
    worker.order(WorkerOrder::Hold { per_second: 120, from });
    while !worker.windows(hello.start, given.epoch).contains_key(&12) {
        assert!(worker.hear());
    }
    worker.order(WorkerOrder::Stop { grace_ms: 20_000 });
    worker.hear_all();
    let windows = worker.windows(hello.start, given.epoch);
    let told: Vec<u64> = (0..12).map(|nth| windows[&nth]).collect();
    assert_eq!(told, [5, 5, 10, 10, 20, 20, 12, 12, 12, 12, 12, 12]);
    assert_eq!(hello.executor, "breakpoint");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_beyond_the_machine_is_told_as_such_and_can_be_stopped() {
    let server = Server::start(Manners::Good).await;
    let rate = "constant_arrival_rate: { rate: 100000, max_senders: 20 }";
    let folder = tempfile::tempdir().unwrap();
    let given = assignment(&profile(rate, "timeout: 20s,"), &server.url(), &folder);
    let mut worker = Worker::start(&given);
    let hello = worker.hello();
    // It goes on telling while it is behind, and hears.
    while worker.windows(hello.start, given.epoch).len() < 12 || worker.sum(|line| line.ok) == 0 {
        assert!(worker.hear());
    }
    worker.order(WorkerOrder::Stop { grace_ms: 20_000 });
    worker.hear_all();
    let (intended, ok) = (worker.sum(|line| line.intended), worker.sum(|line| line.ok));
    assert_eq!(ok, server.seen().len() as u64);
    assert!(ok > 0 && intended > 2 * ok, "{ok} of {intended}");
    let lost = worker.sum(|line| line.dropped + line.not_sent + line.err);
    assert_eq!(intended, ok + lost);
}

#[tokio::test]
async fn after_a_stop_without_grace_nothing_is_sent_to_a_server_that_hangs() {
    let server = Server::start(Manners::Stall).await;
    let rate = "constant_arrival_rate: { rate: 2000, max_senders: 2000 }";
    let folder = tempfile::tempdir().unwrap();
    let given = assignment(&profile(rate, "timeout: 60s,"), &server.url(), &folder);
    let mut worker = Worker::start(&given);
    worker.hello();
    server.wait_for(200).await;
    worker.order(WorkerOrder::Stop { grace_ms: 0 });
    worker.hear_all();
    let end = worker.end.clone().unwrap();
    assert!(end.pending >= 200 && worker.sum(|line| line.ok + line.err) == 0, "{end:?}");
    // The process is gone, so nothing more can leave; what left before is all among the started.
    assert!(server.seen().len() as u64 <= end.started, "{} of {}", server.seen().len(), end.started);
}
