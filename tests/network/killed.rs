//! The runner killed in the middle of faults of networks, with and without its watchdog.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Instant;

use rustix::process::Signal;

use crate::bed::Bed;
use crate::common::{Home, figure, free_port, signal, wait_for};

/// A drill with every sort of trace in one namespace.
fn scenario(home: &Home, bed: &Bed, max_hold: &str) -> PathBuf {
    let app = free_port();
    let text = format!(
        "
name: cut
services:
  orders:
    command: [simulacro, demo-service, --listen, '127.0.0.1:{app}', --data, '${{run_dir}}/orders.db']
    ready: {{ http: 'http://127.0.0.1:{app}/ready', within: 20s }}
    restart: {{ after: 200ms }}
targets: {{ app: {{ process: {{ pid_file: '{pid}' }} }} , same: {{ process: {{ pid_file: '{pid}' }} }} }}
probes: [{{ name: p, http: {{ url: 'http://127.0.0.1:{app}/ready' }}, every: 50ms }}]
recovery_signal: {{ streams: [p] }}
phases: {{ warmup: 100ms, baseline: 300ms, recovery: {{ deadline: 10s, hold: 300ms }}, after: 100ms }}
guard: {{ max_hold: {max_hold} }}
faults:
  - {{ name: cut, at: 0s, for: 3s, impact: none, network-partition: {{ target: app, ports: [5432] }} }}
  - {{ name: thin, at: 0s, for: 3s, impact: none, network-bandwidth: {{ target: same, rate: 1mbit }} }}
",
        pid = bed.pid_file().display()
    );
    let file = home.path().join("cut.yaml");
    std::fs::write(&file, text).unwrap();
    file
}

fn start(home: &Home, file: &PathBuf) -> Child {
    let log = std::fs::File::create(home.path().join("runner.log")).unwrap();
    let mut command = home.simulacro();
    command.arg("run").arg(file).stdout(Stdio::from(log.try_clone().unwrap())).stderr(Stdio::from(log));
    command.spawn().unwrap()
}

fn wait_until_hurt(home: &Home, bed: &Bed) {
    let hurt = || {
        let listing = bed.target.listing();
        (listing.contains("simulacro_") && listing.contains("tbf")).then_some(())
    };
    let log = || std::fs::read_to_string(home.path().join("runner.log")).unwrap_or_default();
    wait_for("both faults to stand", hurt, log);
}

#[test]
#[ignore = "needs root, nft and tc"]
fn with_the_runner_killed_its_watchdog_leaves_nothing() {
    let bed = Bed::new();
    let before = bed.target.listing();
    let home = Home::new("network-kill");
    let mut runner = start(&home, &scenario(&home, &bed, "60s"));
    wait_until_hurt(&home, &bed);
    let killed = Instant::now();
    signal(runner.id() as i32, Signal::KILL);
    runner.wait().unwrap();
    wait_for("everything to be as before", || (bed.target.listing() == before).then_some(()), || bed.target.listing());
    figure("runner killed during network faults: time until nothing was left, ms", killed.elapsed().as_millis());
    home.wait_until_quiet();
    assert!(home.run(&["recover", "--all"]).status.success());
    assert_eq!(bed.target.listing(), before);
}

#[test]
#[ignore = "needs root, nft and tc"]
fn with_the_watchdog_killed_too_faults_end_by_themselves() {
    let bed = Bed::new();
    let before = bed.target.listing();
    let home = Home::new("network-both");
    let mut runner = start(&home, &scenario(&home, &bed, "4s"));
    wait_until_hurt(&home, &bed);
    let watchdog = home.running().into_iter().find(|(_, line)| line.contains(" watchdog")).expect("a watchdog").0;
    signal(watchdog, Signal::KILL);
    signal(runner.id() as i32, Signal::KILL);
    runner.wait().unwrap();
    let ended = || {
        let listing = bed.target.listing();
        (!listing.contains(" expires ") && !listing.contains("tbf")).then_some(())
    };
    wait_for("both faults to end by themselves", ended, || bed.target.listing());
    home.wait_until_quiet();
    // What is left is a table without a rule that acts.
    assert!(home.run(&["recover", "--all"]).status.success());
    assert_eq!(bed.target.listing(), before);
}
