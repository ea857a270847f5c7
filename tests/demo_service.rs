//! The orders service as a process: killed, restarted, and asked what it still knows.
#![cfg(feature = "demo")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use simulacro::clock::raw_now;
use simulacro::demo::truth;

/// The service as a child of the test, killed with it.
struct Service {
    child: Child,
    base: String,
    client: reqwest::Client,
}

impl Service {
    /// Starts it and waits until it says where it listens.
    fn start(folder: &Path, listen: &str, more: &[&str]) -> Service {
        let mut child = Command::new(env!("CARGO_BIN_EXE_simulacro"))
            .args(["demo-service", "--listen", listen, "--data"])
            .arg(folder.join("orders.db"))
            .arg("--outage-log")
            .arg(folder.join("outages"))
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        // Read on, so that the service never waits for its log.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let base = line.split_whitespace().find(|word| word.starts_with("http://"));
        let base = base.unwrap_or_else(|| panic!("no address in {line:?}")).to_owned();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
        Service { child, base, client }
    }

    fn address(&self) -> String {
        self.base.trim_start_matches("http://").to_owned()
    }

    /// Writes order `n`; whether it was acknowledged.
    async fn write(&self, n: u32) -> bool {
        let order = self.client.put(format!("{}/orders/{n}", self.base)).json(&json!({ "n": n }));
        order.send().await.is_ok_and(|answer| answer.status().is_success())
    }

    async fn ids(&self) -> BTreeSet<u32> {
        let answer = self.client.get(format!("{}/orders/ids", self.base)).send().await.unwrap();
        let rows: Vec<Value> = answer.json().await.unwrap();
        rows.iter().map(|row| row["id"].as_str().unwrap().parse().unwrap()).collect()
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    fn end(&mut self, signal: rustix::process::Signal) -> ExitStatus {
        self.signal(signal);
        self.child.wait().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_order_outlives_sigkill_and_the_port_is_free_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(folder.path(), "127.0.0.1:0", &[]);
    let listen = service.address();
    let mut acked = BTreeSet::new();
    for round in 0..5u32 {
        let (kill, killed) = tokio::sync::oneshot::channel();
        let mut kill = Some(kill);
        let pid = rustix::process::Pid::from_child(&service.child);
        let killer = std::thread::spawn(move || {
            killed.blocking_recv().unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        });
        // Writes go on until the kill is felt, so that it falls between any two steps of one.
        for n in round * 1000.. {
            if !service.write(n).await {
                break;
            }
            acked.insert(n);
            if n % 1000 == 20 + round {
                kill.take().unwrap().send(()).unwrap();
            }
        }
        killer.join().unwrap();
        service.child.wait().unwrap();
        service = Service::start(folder.path(), &listen, &[]);
        let present = service.ids().await;
        let lost: Vec<_> = acked.difference(&present).collect();
        assert!(lost.is_empty(), "acknowledged and gone after kill {round}: {lost:?}");
    }
    assert!(acked.len() > 100);
}

#[tokio::test]
async fn an_early_acknowledgement_loses_orders_to_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(folder.path(), "127.0.0.1:0", &["--early-ack", "1h"]);
    assert!(service.write(7).await);
    service.end(rustix::process::Signal::KILL);
    let service = Service::start(folder.path(), "127.0.0.1:0", &[]);
    assert_eq!(service.ids().await, BTreeSet::new(), "the negative control lost nothing");
}

#[tokio::test]
async fn the_outage_log_holds_the_truth_of_a_kill_and_of_an_orderly_stop() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(folder.path(), "127.0.0.1:0", &[]);
    let before_answer = raw_now();
    assert!(service.write(1).await);
    service.end(rustix::process::Signal::KILL);
    let dead = raw_now();
    let mut service = Service::start(folder.path(), "127.0.0.1:0", &[]);
    assert!(service.write(2).await);
    let answered_after = raw_now();
    let status = service.end(rustix::process::Signal::TERM);
    assert_eq!(status.code(), Some(0));
    let gone = raw_now();

    let outages = truth::read(&folder.path().join("outages")).unwrap();
    let [kill, stop] = outages[..] else { panic!("{outages:?}") };
    // Every answer moves the end of service on, so that it lies after the last one was begun.
    assert!(before_answer < kill.stopped && kill.stopped <= dead, "{kill:?} {before_answer} {dead}");
    let started = kill.started.unwrap();
    assert!(dead < started && started < answered_after, "{kill:?} {dead} {answered_after}");
    assert!(answered_after < stop.stopped && stop.stopped <= gone && stop.started.is_none(), "{stop:?}");
}

#[tokio::test]
async fn it_exits_as_asked_only_with_consent() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(folder.path(), "127.0.0.1:0", &["--allow-exit"]);
    let asked = service.client.post(format!("{}/admin/exit?code=7", service.base)).send().await;
    assert!(asked.is_err(), "it answered in place of leaving");
    assert_eq!(service.child.wait().unwrap().code(), Some(7));
}

#[test]
fn a_database_that_cannot_be_opened_is_said_and_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let not_a_folder = folder.path().join("missing/orders.db");
    let output = Command::new(env!("CARGO_BIN_EXE_simulacro"))
        .args(["demo-service", "--listen", "127.0.0.1:0", "--data"])
        .arg(&not_a_folder)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("cannot use the database") && said.contains("missing/orders.db"), "{said}");
}
