//! A wall clock that is set back and forward in the middle of a drill changes nothing: every time is monotonic.
//!
//! `libfaketime` moves the wall clock of the drill's own processes and of nobody else. They are told the distance to
//! the true time by a file that the test writes anew.

#![cfg(feature = "demo")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use common::{Home, free_port, wait_for};
use simulacro::demo::truth;
use simulacro::result::RunResult;
use simulacro::scenario::phases::Phase;

/// The library of Debian's package `libfaketime`, the variant for programs with threads.
fn faketime() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut libraries = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    libraries.find(|path| path.exists()).expect(
        "libfaketimeMT.so.1 is not below /usr/lib, so the wall clock cannot be moved: as root, apt-get install faketime",
    )
}

/// A drill with everything that has a duration: a kill with a restart, a slow link for a time, load, a probe, a ledger,
/// and a backup that is restored.
fn scenario(home: &Home) -> PathBuf {
    let (app, front) = (free_port(), free_port());
    fs::write(
        home.path().join("steady.yaml"),
        "{simulacro_profile: 1, name: steady, constant_arrival_rate: {rate: 50}, timeout: 2s, \
          requests: [{name: list, path: '/orders?limit=5'}]}",
    )
    .unwrap();
    let text = format!(
        "
name: wall-clock
services:
  orders:
    command:
      [simulacro, demo-service, --listen, '127.0.0.1:{app}', --data, '${{run_dir}}/orders.db',
       --outage-log, '${{run_dir}}/truth.log']
    ready: {{ http: 'http://127.0.0.1:{app}/ready', within: 20s }}
    restart: {{ after: 500ms }}
proxies: {{ front: {{ listen: '127.0.0.1:{front}', upstream: '127.0.0.1:{app}' }} }}
targets: {{ orders: {{ process: orders }} }}
load: [{{ name: steady, profile: steady.yaml, base_url: 'http://127.0.0.1:{front}' }}]
probes: [{{ name: p, http: {{ url: 'http://127.0.0.1:{app}/ready' }}, every: 10ms, timeout: 200ms }}]
recovery_signal: {{ streams: [p] }}
ledger:
  every: 20ms
  write: {{ http: {{ url: 'http://127.0.0.1:{app}/orders/${{id}}', body: '{{\"n\": ${{id}}}}' }} }}
  read: {{ http: {{ url: 'http://127.0.0.1:{app}/orders/ids' }} }}
phases: {{ warmup: 500ms, baseline: 2s, recovery: {{ deadline: 20s, hold: 1s }}, after: 500ms }}
faults:
  - {{ name: kill, at: 0s, process-kill: {{ target: orders }} }}
  - name: slow
    after: {{ fault: kill, is: recovered }}
    for: 1s
    impact: tolerated
    proxy-latency: {{ proxy: front, latency: 100ms }}
backups: {{ nightly: {{ sqlite: {{ database: '${{run_dir}}/orders.db' }}, source: take }} }}
objectives:
  rto: {{ max: 15s, fault: kill }}
  rpo: {{ max: 0s, fault: kill }}
  restore: {{ nightly: {{ rto: 20s }} }}
"
    );
    let file = home.path().join("wall-clock.yaml");
    fs::write(&file, text).unwrap();
    file
}

/// What the run's folder holds of `file`; empty when there is nothing yet.
fn written(home: &Home, file: &str) -> String {
    let runs = fs::read_dir(home.reports()).into_iter().flatten().flatten();
    runs.map(|run| fs::read_to_string(run.path().join(file)).unwrap_or_default()).collect()
}

/// The dates of the orders in the order in which they were written, in milliseconds since the Unix epoch.
fn dates(database: &Path) -> Vec<i64> {
    let db = rusqlite::Connection::open(database).unwrap();
    let mut orders = db.prepare("SELECT created FROM orders ORDER BY rowid").unwrap();
    orders.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Runs the drill; the wall clock is set back by an hour in the baseline and on by two during the outage.
fn run_with_a_moving_clock(home: &Home) {
    let library = faketime();
    let distance = home.path().join("distance");
    // Renamed into place, so that no process reads half of it.
    let set = |by: &str| {
        let fresh = home.path().join("distance.new");
        fs::write(&fresh, format!("{by}\n")).unwrap();
        fs::rename(&fresh, &distance).unwrap();
    };
    set("+0");
    let mut runner = home
        .simulacro()
        .arg("run")
        .arg(scenario(home))
        .env("LD_PRELOAD", &library)
        .env("FAKETIME_TIMESTAMP_FILE", &distance)
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let maps = format!("/proc/{}/maps", runner.id());
    for (event, by) in [(r#""phase":"baseline""#, "-1h"), (r#""mark":"act""#, "+1h")] {
        wait_for(
            event,
            || (written(home, "events.jsonl").contains(event) || runner.try_wait().unwrap().is_some()).then_some(()),
            || written(home, "events.jsonl").lines().last().unwrap_or_default().to_owned(),
        );
        let loaded = fs::read_to_string(&maps).unwrap_or_default();
        assert!(loaded.contains("libfaketime"), "the runner's own wall clock stands still, or it has ended");
        set(by);
    }
    let output = runner.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
}

/// Phases one after the other, none longer than the whole, and together as long as it took.
fn assert_sane(result: &RunResult, took: f64) {
    let order: Vec<Phase> = result.phases.iter().map(|phase| phase.phase).collect();
    assert!(order.is_sorted() && order.len() >= 6, "{order:?}");
    assert!(result.phases.windows(2).all(|pair| pair[0].to == pair[1].from), "{:?}", result.phases);
    let whole = result.phases.last().unwrap().to.seconds() - result.phases[0].from.seconds();
    assert!((5.0..=took).contains(&whole), "{whole} s of {took} s");
}

#[test]
#[ignore = "needs libfaketime (Debian's package faketime)"]
fn a_wall_clock_set_back_and_forward_in_the_middle_of_a_drill_changes_nothing() {
    let home = Home::new("wall-clock");
    let begun = Instant::now();
    run_with_a_moving_clock(&home);
    let result = home.result();
    assert_sane(&result, begun.elapsed().as_secs_f64());
    // The service's own log, on the monotonic clock, is the truth.
    let outages = truth::read(&home.newest_run().join("truth.log")).unwrap();
    let outage = outages.iter().find(|outage| outage.started.is_some()).expect("an outage in the log");
    let truth = outage.started.unwrap() - outage.stopped;
    let stated = &result.outages.first().expect("an outage in the result").rta;
    let (lower, upper) = (stated.lower.nanos(), stated.upper.expect("an upper bound").nanos());
    assert!((lower..=upper).contains(&truth), "truth {truth} ns, stated {lower}..{upper}");
    // Events follow one another; the clock that stamped them did not move.
    let events = written(&home, "events.jsonl");
    let at = |line: &str| serde_json::from_str::<simulacro::timeline::event::Event>(line).unwrap().at;
    assert!(events.lines().map(at).is_sorted(), "events go back in time");
    // For contrast: the wall clock of the very same processes did move, and moved where it should.
    let dates = dates(&home.newest_run().join("orders.db"));
    let minutes = |pair: &[i64]| (pair[1] - pair[0]) / 60_000;
    let moves: Vec<i64> = dates.windows(2).map(minutes).filter(|by| by.abs() >= 30).collect();
    assert!(matches!(moves[..], [-60..=-59, 119..=120]), "the service's wall clock moved by {moves:?} minutes");
}
