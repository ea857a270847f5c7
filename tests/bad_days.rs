//! Bad days: what goes wrong around a drill ends with a message that says what to do, the right exit code, and nothing
//! left behind.

mod common;

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Output;

use common::{Foreign, Home, free_port, signal, wait_for};
use rustix::process::Signal;

fn write(home: &Home, text: &str) -> PathBuf {
    let file = home.path().join("drill.yaml");
    fs::write(&file, text).unwrap();
    file
}

fn run(home: &Home, text: &str, more: &[&str]) -> (Option<i32>, String) {
    let file = write(home, text);
    let mut args = vec!["run", file.to_str().unwrap()];
    args.extend(more);
    said(&home.run(&args))
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

/// The message holds every word, the exit code is right, and nothing was left behind.
fn assert_refused(home: &Home, (code, text): (Option<i32>, String), exit: i32, words: &[&str]) {
    assert_eq!(code, Some(exit), "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
    home.wait_until_quiet();
    let (code, text) = said(&home.run(&["recover", "--all"]));
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn a_port_in_use_is_named() {
    let home = Home::new("port");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = format!("name: port\nproxies: {{ front: {{ listen: '{address}', upstream: '127.0.0.1:1' }} }}\n");
    let ran = run(&home, &text, &[]);
    assert_refused(&home, ran, 21, &["front", &address]);
}

#[test]
fn a_service_that_never_gets_ready_is_named_with_its_log() {
    let home = Home::new("ready");
    let port = free_port();
    let text = format!(
        "name: ready\nservices:\n  slow: {{ command: [sleep, '60'], ready: {{ tcp: '127.0.0.1:{port}', within: 300ms }} }}\n"
    );
    let ran = run(&home, &text, &[]);
    assert_refused(&home, ran, 21, &["service slow was not ready within 300ms", "service-slow.log"]);
}

#[test]
fn a_program_that_does_not_exist_is_named() {
    let home = Home::new("program");
    let ran = run(&home, "name: program\nservices: { app: { command: [no-such-program-here] } }\n", &[]);
    assert_refused(&home, ran, 21, &["app", "no-such-program-here"]);
}

#[test]
fn a_missing_target_is_found_before_anything_is_hurt() {
    let home = Home::new("target");
    let text = "
name: target
targets: { other: { process: { command_line: 'no process has this command line 4711' } } }
faults: [{ name: freeze, for: 1s, process-pause: { target: other } }]
";
    let ran = run(&home, text, &[]);
    assert_refused(&home, ran, 21, &["freeze", "nothing was hurt"]);
}

#[test]
fn commands_are_off_unless_they_are_allowed() {
    let home = Home::new("commands");
    let text = "
name: commands
phases: { warmup: 0s, baseline: 0s, after: 0s, recovery: { hold: 100ms } }
faults: [{ name: touch, for: 300ms, impact: tolerated, command: { inject: [touch, harm], undo: [rm, -f, harm] } }]
";
    let ran = run(&home, text, &[]);
    assert_refused(&home, ran, 21, &["touch", "--allow-commands"]);
    let (code, text) = run(&home, text, &["--allow-commands"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(!home.newest_run().join("harm").exists(), "the inverse ran");
}

#[test]
fn a_probe_that_cannot_resolve_is_blind_and_no_steady_state() {
    let home = Home::new("resolve");
    let text = "
name: resolve
probes: [{ name: far, http: { url: 'http://no-such-host.invalid/' }, every: 100ms }]
recovery_signal: { streams: [far] }
steady_state: [far.ok]
phases: { warmup: 200ms, baseline: 1s }
";
    let ran = run(&home, text, &[]);
    assert_refused(&home, ran, 21, &["far.ok", "nothing was hurt"]);
}

#[test]
fn a_ledger_that_cannot_be_read_back_is_inconclusive_and_never_nothing_lost() {
    let home = Home::new("ledger");
    let (app, nobody) = (free_port(), free_port());
    let text = format!(
        "
name: ledger
services:
  orders:
    command: [simulacro, demo-service, --listen, '127.0.0.1:{app}', --data, '${{run_dir}}/orders.db']
    ready: {{ http: 'http://127.0.0.1:{app}/ready', within: 20s }}
    restart: {{ after: 100ms }}
targets: {{ orders: {{ process: orders }} }}
probes: [{{ name: p, http: {{ url: 'http://127.0.0.1:{app}/ready' }}, every: 20ms }}]
recovery_signal: {{ streams: [p] }}
ledger:
  every: 20ms
  write: {{ http: {{ url: 'http://127.0.0.1:{app}/orders/${{id}}', body: '{{\"n\": ${{id}}}}' }} }}
  read: {{ http: {{ url: 'http://127.0.0.1:{nobody}/orders/ids' }} }}
  read_within: 1s
phases: {{ warmup: 200ms, baseline: 1500ms, recovery: {{ hold: 500ms }}, after: 200ms }}
faults: [{{ name: kill, process-kill: {{ target: orders }} }}]
objectives: {{ rpo: {{ max: 0s, fault: kill }} }}
"
    );
    let (code, text) = run(&home, &text, &[]);
    assert_eq!(code, Some(20), "{text}");
    let ledger = home.result().ledger.expect("a ledger");
    assert!(ledger.lost.is_none() && ledger.failed.is_some(), "{ledger:?}");
}

#[test]
fn wrong_scenarios_tell_all_their_problems_with_line_and_column() {
    let home = Home::new("wrong");
    let text = "name: wrong
phases: { warmup: 5 }
guard: { max_hol: 5s }
targets: { app: { process: { pid_file: /run/app.pid } } }
faults: [{ name: f, process-kill: { target: nobody } }]
";
    let (code, said) = run(&home, text, &[]);
    assert_eq!(code, Some(2), "{said}");
    for words in ["drill.yaml:2:", "drill.yaml:3:10", "did you mean `max_hold`", "drill.yaml:5:"] {
        assert!(said.contains(words), "`{words}` is missing in: {said}");
    }
}

#[test]
fn interrupted_twice_it_undoes_at_once_and_three_times_the_watchdog_does() {
    for (times, exit) in [(2, 23), (3, 30)] {
        let home = Home::new("signals");
        let foreign = Foreign::start(home.path());
        let text = format!(
            "
name: signals
targets: {{ other: {{ process: {{ pid_file: '{}' }} }} }}
phases: {{ warmup: 0s, baseline: 0s, after: 30s, recovery: {{ hold: 30s }} }}
faults: [{{ name: freeze, for: 30s, impact: tolerated, process-pause: {{ target: other }} }}]
",
            foreign.pid_file.display()
        );
        let file = write(&home, &text);
        let mut runner = home.simulacro().arg("run").arg(file).spawn().unwrap();
        wait_for("the foreign process to be stopped", || foreign.is_stopped().then_some(()), String::new);
        for _ in 0..times {
            signal_if_alive(&mut runner, Signal::INT);
        }
        let code = runner.wait().unwrap().code();
        // A third signal may come too late: then the second one has done its work.
        assert!(code == Some(exit) || (times == 3 && code == Some(23)), "{times} signals: {code:?}");
        wait_for("the foreign process to run again", || (!foreign.is_stopped()).then_some(()), String::new);
        home.wait_until_quiet();
        let (code, text) = said(&home.run(&["recover", "--all"]));
        assert_eq!(code, Some(0), "{text}");
    }
}

fn signal_if_alive(runner: &mut std::process::Child, what: Signal) {
    if runner.try_wait().unwrap().is_none() {
        signal(runner.id() as i32, what);
    }
}

#[test]
#[ignore = "needs root for a file system of its own that can be full"]
fn a_full_disk_in_the_runs_folder_ends_the_drill_healed_with_exit_code_31() {
    let home = Home::new("full");
    let foreign = Foreign::start(home.path());
    fs::create_dir(home.reports()).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=128k", "tmpfs"])
        .arg(home.reports())
        .status()
        .unwrap();
    assert!(mounted.success(), "a tmpfs cannot be mounted: run as root");
    let text = format!(
        "
name: full
targets: {{ other: {{ process: {{ pid_file: '{}' }} }} }}
probes: [{{ name: p, tcp: {{ address: '127.0.0.1:{}' }}, every: 1ms, timeout: 100ms }}]
phases: {{ warmup: 0s, baseline: 0s, recovery: {{ hold: 30s }} }}
faults: [{{ name: freeze, for: 30s, impact: tolerated, process-pause: {{ target: other }} }}]
",
        foreign.pid_file.display(),
        free_port()
    );
    let (code, text) = run(&home, &text, &[]);
    let unmounted = std::process::Command::new("umount").arg("-l").arg(home.reports()).status().unwrap();
    assert!(unmounted.success());
    assert_eq!(code, Some(31), "{text}");
    assert!(!foreign.is_stopped());
    assert_refused(&home, (code, text), 31, &["could not be written"]);
}

#[test]
#[cfg(feature = "demo")]
fn a_rate_above_what_this_machine_can_send_is_inconclusive_and_says_what_was_reached() {
    let home = Home::new("rate");
    let app = free_port();
    fs::write(
        home.path().join("flood.yaml"),
        "{simulacro_profile: 1, name: flood, constant_arrival_rate: {rate: 50000000, max_senders: 2000}, timeout: 20s, \
          requests: [{name: ready, path: /ready}]}",
    )
    .unwrap();
    let text = format!(
        "
name: rate
services:
  orders:
    command: [simulacro, demo-service, --listen, '127.0.0.1:{app}', --data, '${{run_dir}}/orders.db']
    ready: {{ http: 'http://127.0.0.1:{app}/ready', within: 20s }}
load: [{{ name: flood, profile: flood.yaml, base_url: 'http://127.0.0.1:{app}' }}]
phases: {{ warmup: 500ms, baseline: 3s, after: 200ms }}
objectives: {{ slo: {{ baseline: {{ error_rate: '< 50%' }} }} }}
"
    );
    let (code, text) = run(&home, &text, &[]);
    assert_eq!(code, Some(20), "{text}");
    let result = home.result();
    let asked = result.verdict.parts.iter().find(|part| part.subject == "load flood").expect("a part for the rate");
    assert!(asked.asked.contains("50000000"), "{asked:?}");
    let reached: f64 = asked.measured.trim_end_matches("/s").replace(',', "").parse().unwrap();
    assert!(reached < 45_000_000.0, "{asked:?}");
}
