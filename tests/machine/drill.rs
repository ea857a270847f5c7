//! Whole drills of the real binary, killed in the middle: nothing of the machine's faults may be left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use rustix::process::Signal;

use crate::common::{Home, signal, wait_for};

const PRICES: &str = "tea,3\ncoffee,4\n";

/// Stress of every kind, a file that is harmed and one that is cut, all at once.
fn scenario(home: &Home, hold: &str, max_hold: &str) -> PathBuf {
    let at = |name: &str| home.path().join(name).display().to_string();
    fs::write(at("prices.csv"), PRICES).unwrap();
    fs::write(at("rates.csv"), PRICES).unwrap();
    let disk = env!("CARGO_TARGET_TMPDIR");
    let text = format!(
        "
name: machine
probes: [{{ name: p, command: {{ argv: ['true'] }}, every: 200ms, timeout: 5s }}]
recovery_signal: {{ streams: [p] }}
phases: {{ warmup: 100ms, baseline: 300ms, recovery: {{ deadline: 10s, hold: 300ms }}, after: 100ms }}
faults:
  - {{ name: cpu, at: 0s, for: {hold}, impact: tolerated, cpu-stress: {{ threads: 1, load: 20% }} }}
  - {{ name: memory, at: 0s, for: {hold}, impact: tolerated, memory-stress: {{ size: 32MiB }} }}
  - {{ name: io, at: 0s, for: {hold}, impact: tolerated, io-stress: {{ directory: '{disk}', rate: 2MiB, file_size: 2MiB }} }}
  - {{ name: disk, at: 0s, for: {hold}, impact: tolerated, disk-fill: {{ directory: '{disk}', size: 16MiB }} }}
  - {{ name: rot, at: 0s, for: {hold}, impact: tolerated, file-corrupt: {{ file: '{}', flip_bits: 5 }} }}
  - {{ name: cut, at: 0s, for: {hold}, impact: tolerated, file-corrupt: {{ file: '{}', truncate: 9B }} }}
guard: {{ max_hold: {max_hold} }}
",
        at("prices.csv"),
        at("rates.csv"),
    );
    let file = home.path().join("machine.yaml");
    fs::write(&file, text).unwrap();
    file
}

fn start(home: &Home, file: &Path) -> Child {
    let log = fs::File::create(home.path().join("runner.log")).unwrap();
    let (out, err) = (Stdio::from(log.try_clone().unwrap()), Stdio::from(log));
    home.simulacro().arg("run").arg(file).stdout(out).stderr(err).spawn().unwrap()
}

fn workers(home: &Home) -> usize {
    home.running().iter().filter(|(_, line)| line.contains(" stress-worker ")).count()
}

fn harmed(home: &Home) -> bool {
    let text = |name: &str| fs::read(home.path().join(name)).unwrap();
    text("prices.csv") != PRICES.as_bytes() && text("rates.csv").len() == PRICES.len() - 9
}

fn wait_until_all_stand(home: &Home) {
    wait_for(
        "all six faults to stand",
        || (workers(home) == 4 && harmed(home)).then_some(()),
        || fs::read_to_string(home.path().join("runner.log")).unwrap_or_default(),
    );
}

fn assert_sound(home: &Home) {
    for name in ["prices.csv", "rates.csv"] {
        assert_eq!(fs::read_to_string(home.path().join(name)).unwrap(), PRICES, "{name}");
    }
    assert_eq!(workers(home), 0);
    assert!(home.run(&["recover", "--all"]).status.success());
}

fn watchdog(home: &Home) -> i32 {
    home.running().iter().find(|(_, line)| line.contains(" watchdog")).expect("a watchdog").0
}

#[test]
fn a_whole_drill_sees_every_fault_and_ends_clean() {
    let home = Home::new("machine-whole");
    let file = scenario(&home, "5s", "30s");
    let output = home.run(&["run", file.to_str().unwrap()]);
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(output.status.code(), Some(0), "{}{}", said(&output.stderr), said(&output.stdout));
    for fault in &home.result().faults {
        assert!(fault.t_inject.is_some() && fault.t_undo.is_some() && fault.t_lost.is_none(), "{fault:?}");
    }
    home.wait_until_quiet();
    assert_sound(&home);
}

#[test]
fn killed_in_the_middle_nothing_is_left() {
    let home = Home::new("machine-kill");
    let mut runner = start(&home, &scenario(&home, "20s", "30s"));
    wait_until_all_stand(&home);
    signal(runner.id() as i32, Signal::KILL);
    runner.wait().unwrap();
    home.wait_until_quiet();
    assert_sound(&home);
}

#[test]
fn with_the_watchdog_killed_too_stress_ends_by_itself_and_recover_mends_the_files() {
    let home = Home::new("machine-both");
    let mut runner = start(&home, &scenario(&home, "20s", "30s"));
    wait_until_all_stand(&home);
    signal(watchdog(&home), Signal::KILL);
    signal(runner.id() as i32, Signal::KILL);
    runner.wait().unwrap();
    // Their lease broke; nobody undid anything.
    home.wait_until_quiet();
    assert!(harmed(&home));
    assert!(home.run(&["recover", "--all"]).status.success());
    assert_sound(&home);
}

#[test]
fn with_the_runner_stopped_and_no_watchdog_stress_ends_when_its_time_is_over() {
    let home = Home::new("machine-hold");
    let mut runner = start(&home, &scenario(&home, "3s", "4s"));
    wait_until_all_stand(&home);
    signal(watchdog(&home), Signal::KILL);
    signal(runner.id() as i32, Signal::STOP);
    // The lease is held: only their own clocks end them.
    wait_for("the workers to end", || (workers(&home) == 0).then_some(()), || format!("{:?}", home.running()));
    signal(runner.id() as i32, Signal::KILL);
    runner.wait().unwrap();
    home.wait_until_quiet();
    assert!(home.run(&["recover", "--all"]).status.success());
    assert_sound(&home);
}

/// A service that tells the time, started so that its clock can be moved.
#[test]
#[ignore = "needs libfaketime"]
fn a_service_lives_in_the_future_for_a_while() {
    let home = Home::new("machine-clock");
    let told = home.path().join("told");
    let script = "while :; do date +%s > \"$1.new\" && mv \"$1.new\" \"$1\"; sleep 0.05; done";
    let text = format!(
        "
name: clock
services:
  teller: {{ command: [sh, -c, '{script}', teller, '{}'], faketime: true }}
targets: {{ app: {{ process: teller }} }}
probes: [{{ name: p, command: {{ argv: ['true'] }}, every: 200ms, timeout: 5s }}]
recovery_signal: {{ streams: [p] }}
phases: {{ warmup: 100ms, baseline: 300ms, recovery: {{ deadline: 10s, hold: 300ms }}, after: 2s }}
faults: [{{ name: future, at: 0s, for: 3s, impact: tolerated, clock-skew: {{ target: app, ahead: 1h }} }}]
",
        told.display()
    );
    let file = home.path().join("clock.yaml");
    fs::write(&file, text).unwrap();
    let mut runner = start(&home, &file);
    let off = || {
        let told: i64 = fs::read_to_string(&told).ok()?.trim().parse().ok()?;
        Some(told - right_now())
    };
    let log = || fs::read_to_string(home.path().join("runner.log")).unwrap_or_default();
    let near = |wanted: i64| move |off: i64| (off - wanted).abs() < 30;
    wait_for("the right time", || off().filter(|off| near(0)(*off)), log);
    wait_for("an hour ahead", || off().filter(|off| near(3600)(*off)), log);
    wait_for("the right time again", || off().filter(|off| near(0)(*off)), log);
    assert_eq!(runner.wait().unwrap().code(), Some(0), "{}", log());
    home.wait_until_quiet();
}

fn right_now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64
}
