//! The real binary, killed, stopped and robbed of its watchdog in the middle of real drills: nothing may be left
//! behind.

mod common;

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::{Foreign, Home, figure, free_port, signal, times, wait_for};
use rand::{Rng, SeedableRng};
use rustix::process::Signal;

/// A drill in which a foreign process is stopped, a link is bent, and a service is supervised, all at once.
fn scenario(home: &Home, foreign: &Foreign) -> std::path::PathBuf {
    let (app, front) = (free_port(), free_port());
    let text = format!(
        "
name: crash
services:
  orders:
    command: [simulacro, demo-service, --listen, '127.0.0.1:{app}', --data, '${{run_dir}}/orders.db']
    ready: {{ http: 'http://127.0.0.1:{app}/ready', within: 20s }}
    restart: {{ after: 200ms }}
proxies: {{ front: {{ listen: '127.0.0.1:{front}', upstream: '127.0.0.1:{app}' }} }}
targets:
  orders: {{ process: orders }}
  other: {{ process: {{ pid_file: '{}' }} }}
probes: [{{ name: p, http: {{ url: 'http://127.0.0.1:{front}/ready' }}, every: 50ms }}]
recovery_signal: {{ streams: [p] }}
phases: {{ warmup: 100ms, baseline: 300ms, recovery: {{ deadline: 10s, hold: 300ms }}, after: 100ms }}
faults:
  - {{ name: freeze, at: 0s, for: 3s, impact: none, process-pause: {{ target: other }} }}
  - {{ name: slow, at: 200ms, for: 2500ms, impact: tolerated, proxy-latency: {{ proxy: front, latency: 20ms }} }}
  - {{ name: kill, at: 1s, process-kill: {{ target: orders }} }}
",
        foreign.pid_file.display()
    );
    let file = home.path().join("crash.yaml");
    fs::write(&file, text).unwrap();
    file
}

struct Drill {
    runner: Child,
}

impl Drill {
    fn start(home: &Home, file: &std::path::Path, silence: &str) -> Self {
        let log = fs::File::create(home.path().join("runner.log")).unwrap();
        let runner = home
            .simulacro()
            .arg("run")
            .arg(file)
            .env("SIMULACRO_WATCHDOG_SILENCE", silence)
            .stdout(Stdio::from(log.try_clone().unwrap()))
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        Drill { runner }
    }

    fn pid(&self) -> i32 {
        self.runner.id() as i32
    }

    fn end(mut self) -> Option<i32> {
        self.runner.wait().unwrap().code()
    }
}

/// Waits until the foreign process is stopped by the drill.
fn wait_until_stopped(home: &Home, foreign: &Foreign) {
    wait_for(
        "the foreign process to be stopped",
        || foreign.is_stopped().then_some(()),
        || fs::read_to_string(home.path().join("runner.log")).unwrap_or_default(),
    );
}

/// Nothing of the drill lives, the foreign process runs, and a new run would find no residue.
fn assert_clean(home: &Home, foreign: &Foreign, at: &str) -> Duration {
    let start = Instant::now();
    wait_for(
        "the foreign process to run again",
        || (!foreign.is_stopped()).then_some(()),
        || foreign.state().to_string(),
    );
    home.wait_until_quiet();
    let took = start.elapsed();
    let recover = home.run(&["recover", "--all"]);
    assert!(recover.status.success(), "{at}: {}", String::from_utf8_lossy(&recover.stderr));
    assert!(!foreign.is_stopped(), "{at}");
    took
}

#[test]
fn killed_at_random_moments_nothing_is_left() {
    let kills = times("SIMULACRO_SOAK_KILLS", 5);
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut moments = rand::rngs::StdRng::seed_from_u64(seed);
    let mut slowest = Duration::ZERO;
    let mut mid_fault = 0;
    for n in 0..kills {
        let home = Home::new("kill");
        let foreign = Foreign::start(home.path());
        let drill = Drill::start(&home, &scenario(&home, &foreign), "10s");
        // The moment itself is what is random here: there is no condition to wait for.
        std::thread::sleep(Duration::from_millis(moments.random_range(0..4_500)));
        mid_fault += usize::from(foreign.is_stopped());
        signal(drill.pid(), Signal::KILL);
        drill.end();
        slowest = slowest.max(assert_clean(&home, &foreign, &format!("kill {n}, seed {seed}")));
    }
    figure("SIGKILLs of the runner at random moments", kills);
    figure("of these while a foreign process was stopped", mid_fault);
    figure("slowest time until nothing was left, ms", slowest.as_millis());
}

#[test]
fn a_stopped_runner_is_ended_by_its_watchdog() {
    let home = Home::new("stop");
    let foreign = Foreign::start(home.path());
    let drill = Drill::start(&home, &scenario(&home, &foreign), "1s");
    wait_until_stopped(&home, &foreign);
    signal(drill.pid(), Signal::STOP);
    let mut runner = drill.runner;
    let status = runner.wait().unwrap();
    assert_eq!(status.code(), None, "the runner was ended by a signal, not by itself");
    assert_clean(&home, &foreign, "runner stopped");
}

#[test]
fn with_the_watchdog_killed_too_recover_heals_and_two_rivals_do_no_harm() {
    let home = Home::new("rivals");
    let foreign = Foreign::start(home.path());
    let drill = Drill::start(&home, &scenario(&home, &foreign), "10s");
    wait_until_stopped(&home, &foreign);
    let running = home.running();
    let watchdog = running.iter().find(|(_, line)| line.contains(" watchdog")).expect("a watchdog").0;
    signal(watchdog, Signal::KILL);
    signal(drill.pid(), Signal::KILL);
    drill.end();
    home.wait_until_quiet();
    assert!(foreign.is_stopped(), "nobody was left to undo");

    let refused = home.run(&["run", home.path().join("crash.yaml").to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(21));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("simulacro recover"), "{said}");

    let rivals: Vec<Child> = (0..2).map(|_| home.simulacro().args(["recover", "--all"]).spawn().unwrap()).collect();
    for mut rival in rivals {
        assert!(rival.wait().unwrap().success());
    }
    assert_clean(&home, &foreign, "after two rivals");
}

#[test]
fn a_damaged_journal_is_refused_and_names_what_to_do() {
    let home = Home::new("damage");
    let foreign = Foreign::start(home.path());
    let drill = Drill::start(&home, &scenario(&home, &foreign), "10s");
    wait_until_stopped(&home, &foreign);
    let watchdog = home.running().into_iter().find(|(_, line)| line.contains(" watchdog")).expect("a watchdog").0;
    signal(watchdog, Signal::KILL);
    signal(drill.pid(), Signal::KILL);
    drill.end();
    home.wait_until_quiet();

    let runs = home.path().join("state/runs");
    let run = fs::read_dir(&runs).unwrap().flatten().next().expect("a run's state").path();
    let journal = run.join("undo.jsonl");
    let whole = fs::read(&journal).unwrap();
    let mut bytes = whole.clone();
    // One bit of the first record: the header that names the world.
    bytes[60] ^= 1;
    fs::write(&journal, &bytes).unwrap();
    let recover = home.run(&["recover", "--all"]);
    let said = String::from_utf8_lossy(&recover.stderr).into_owned();
    assert_eq!(recover.status.code(), Some(30), "{said}");
    assert!(said.contains("undo.jsonl"), "{said}");

    fs::write(&journal, &whole).unwrap();
    assert!(home.run(&["recover", "--all"]).status.success());
    assert_clean(&home, &foreign, "the journal put back");
}

#[test]
fn the_first_interrupt_heals_and_is_told_by_exit_code_23() {
    let home = Home::new("interrupt");
    let foreign = Foreign::start(home.path());
    let drill = Drill::start(&home, &scenario(&home, &foreign), "10s");
    wait_until_stopped(&home, &foreign);
    signal(drill.pid(), Signal::INT);
    assert_eq!(drill.end(), Some(23));
    assert_clean(&home, &foreign, "interrupted");
    assert!(home.newest_run().join("report.html").exists());
}
