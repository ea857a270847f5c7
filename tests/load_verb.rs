//! `simulacro load` with the real binary: how it ends, what it says, and that nothing is left running.

use std::fs;
use std::process::{Output, Stdio};

use rustix::process::Signal;
use simulacro::result::{Objective, Outcome, RunResult};
use simulacro::timeline::event::{EndReason, Event, EventKind};

mod common;
#[path = "load_verb/server.rs"]
mod server;

use common::{Home, signal, wait_for};
use server::{Manners, Server};

/// A load profile in a file of its own, against a server.
fn profile(home: &Home, server: &Server, rest: &str) -> String {
    let text = format!("simulacro_profile: 1\nname: gate\nbase_url: http://{}\n{rest}", server.address);
    let file = home.path().join("gate.yaml");
    fs::write(&file, text).unwrap();
    file.to_string_lossy().into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn events(home: &Home) -> Vec<Event> {
    let text = fs::read_to_string(home.newest_run().join("events.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The parts of the verdict of one kind, as their outcomes.
fn outcomes(result: &RunResult, of: Objective) -> Vec<Outcome> {
    result.verdict.parts.iter().filter(|part| part.objective == of).map(|part| part.outcome).collect()
}

const STEADY: &str = "timeout: 2s\nconstant_arrival_rate: { rate: 50, duration: 2s }\n\
                      requests: [{ name: list, path: /list }]\n";

#[test]
fn a_load_that_meets_its_thresholds_passes_and_leaves_a_whole_folder() {
    let (home, server) = (Home::new("load-pass"), Server::start(Manners::Good));
    let file = profile(&home, &server, &format!("{STEADY}thresholds: ['error_rate < 1%', 'p90 < 2s']\n"));
    let output = home.run(&["load", &file, "--seed", "7"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let result = home.result();
    assert_eq!((result.run.seed, result.end.reason.clone()), (7, EndReason::Completed));
    assert_eq!(outcomes(&result, Objective::Threshold), [Outcome::Pass; 2]);
    let run = home.newest_run();
    let sums = fs::read_to_string(run.join("SHA256SUMS")).unwrap();
    for file in ["plan.json", "events.jsonl", "result.json", "report.html", "report.md", "junit.xml", "latency.hlog"] {
        assert!(run.join(file).exists() && sums.contains(file), "{file}: {sums}");
    }
    assert!(!run.join("undo.jsonl").exists(), "nothing was hurt, so there is nothing to undo");
    assert!(!home.path().join("state").exists(), "a load takes no lock and keeps no state");
    assert!(said(&output).contains("threshold `error_rate < 1%` holds"), "{}", said(&output));
    home.wait_until_quiet();
}

#[test]
fn a_missed_threshold_is_a_breach_and_the_load_goes_on_to_its_end() {
    let (home, server) = (Home::new("load-breach"), Server::start(Manners::Status(500)));
    let file = profile(&home, &server, &format!("{STEADY}thresholds: ['error_rate < 1%']\n"));
    assert_eq!(code(&home.run(&["load", &file])), 10);
    let result = home.result();
    assert_eq!(result.end.reason, EndReason::Completed);
    assert_eq!(outcomes(&result, Objective::Threshold), [Outcome::Breach]);
    assert_eq!(server.seen().len(), 100, "the whole load was sent");
}

#[test]
fn a_threshold_that_aborts_stops_the_load_before_its_end() {
    let (home, server) = (Home::new("load-abort"), Server::start(Manners::Hang));
    let rest = "timeout: 300ms\nconstant_arrival_rate: { rate: 20, duration: 10m }\n\
                requests: [{ name: list, path: /list }]\n\
                thresholds: [{ threshold: 'error_rate < 10%', abort_on_fail: true, delay_abort_eval: 500ms }]\n";
    let file = profile(&home, &server, rest);
    assert_eq!(code(&home.run(&["load", &file])), 10);
    let result = home.result();
    assert_eq!(result.end.reason, EndReason::Guard);
    let part = result.verdict.parts.iter().find(|part| part.objective == Objective::Threshold).unwrap();
    assert!(part.why.contains("it stopped the load at"), "{part:?}");
    assert!(
        events(&home)
            .iter()
            .any(|e| matches!(&e.what, EventKind::Guard { condition, .. } if condition == "error_rate < 10%"))
    );
    home.wait_until_quiet();
    let sent = server.seen().len();
    assert!(sent < 20 * 600, "it did not go on to its end: {sent}");
}

#[test]
fn what_our_side_cannot_send_is_inconclusive_with_the_rate_achieved() {
    let (home, server) = (Home::new("load-unsent"), Server::start(Manners::Hang));
    let rest = "timeout: 5s\nconstant_arrival_rate: { rate: 200, duration: 2s, max_senders: 500 }\n\
                requests: [{ name: list, path: /list }]\nthresholds: ['rate > 1/s']\n";
    let file = profile(&home, &server, rest);
    // Too few file handles for the connections that hang.
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "ulimit -n 64; exec \"$0\" load \"$1\"", common::BINARY, &file]);
    limited.env("SIMULACRO_REPORT_DIR", home.reports()).env("SIMULACRO_PLAIN", "true").stdin(Stdio::null());
    let output = limited.output().unwrap();
    assert_eq!(code(&output), 20, "{output:?}");
    let result = home.result();
    let part = result.verdict.parts.iter().find(|part| part.objective == Objective::Load).unwrap();
    assert_eq!(part.outcome, Outcome::Inconclusive, "{part:?}");
    assert!(part.why.contains("of the 200.0/s asked"), "{part:?}");
}

#[test]
fn a_signal_stops_it_and_what_there_is_is_judged() {
    let (home, server) = (Home::new("load-signal"), Server::start(Manners::Good));
    let rest = "timeout: 2s\nconstant_arrival_rate: { rate: 50, duration: 10m }\n\
                requests: [{ name: list, path: /list }]\nthresholds: ['error_rate < 1%']\n";
    let file = profile(&home, &server, rest);
    let mut child = home.simulacro().args(["load", &file]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    server.wait_for(100);
    signal(child.id() as i32, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(23));
    home.wait_until_quiet();
    let result = home.result();
    assert_eq!(result.end.reason, EndReason::Cancelled);
    assert_eq!(outcomes(&result, Objective::Threshold), [Outcome::Pass]);
}

#[test]
fn a_second_signal_waits_for_no_answer() {
    let (home, server) = (Home::new("load-twice"), Server::start(Manners::Hang));
    let rest = "timeout: 600s\nconstant_arrival_rate: { rate: 50, duration: 10m, max_senders: 100 }\n\
                requests: [{ name: list, path: /list }]\nthresholds: ['error_rate < 1%']\n";
    let file = profile(&home, &server, rest);
    let mut child =
        home.simulacro().args(["load", &file]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    server.wait_for(10);
    signal(child.id() as i32, Signal::TERM);
    let cancelled = || events(&home).iter().filter(|e| matches!(e.what, EventKind::Cancel { .. })).count();
    wait_for("the first signal to be heard", || (cancelled() == 1).then_some(()), || format!("{}", cancelled()));
    signal(child.id() as i32, Signal::TERM);
    child.wait().unwrap();
    home.wait_until_quiet();
    assert_eq!(home.result().end.reason, EndReason::Cancelled);
}

#[test]
fn what_cannot_be_driven_is_said_before_anything_is_sent() {
    let (home, server) = (Home::new("load-usage"), Server::start(Manners::Good));
    let endless = "constant_arrival_rate: { rate: 5 }\nrequests: [{ name: list, path: /list }]\nvars: { kind: a }\n";
    let stages = "ramping_vus: { stages: [{ duration: 1s, target: 1 }] }\n\
                  journeys: [{ name: j, steps: [{ name: list, path: /list }] }]\n";
    let cases = [
        (endless, vec![], "`constant_arrival_rate` has no duration"),
        (endless, vec!["--duration", "1s", "-V", "size=1"], "-V size: this profile has no variable"),
        (endless, vec!["--duration", "1s", "--base-url", "http://${host}:1"], "names `host`, which is not declared"),
        (stages, vec!["--duration", "1s"], "--duration: nothing in this profile"),
        ("requests: []\n", vec![], "no executor"),
        ("thresholds: ['p95 < 3']\n", vec![], "200ms"),
    ];
    for (rest, more, expected) in cases {
        let file = profile(&home, &server, rest);
        let mut args = vec!["load", &file];
        args.extend(more);
        let output = home.run(&args);
        assert_eq!(code(&output), 2, "{args:?}: {output:?}");
        assert!(said(&output).contains(expected), "{expected}: {}", said(&output));
    }
    assert!(server.seen().is_empty() && !home.reports().exists());
}

#[test]
fn variables_and_addresses_may_come_from_outside() {
    let (home, server) = (Home::new("load-vars"), Server::start(Manners::Good));
    let rest = "timeout: 2s\nvars: { kind: a, host: 127.0.0.1 }\n\
                constant_arrival_rate: { rate: 20 }\nrequests: [{ name: list, path: '/list/${kind}' }]\n";
    let file = profile(&home, &server, rest);
    let mut command = home.simulacro();
    command.env("LOAD_PORT", server.address.port().to_string());
    command.args(["load", &file, "-V", "kind=b", "--duration", "1s", "--base-url", "http://${host}:${env:LOAD_PORT}"]);
    let output = command.output().unwrap();
    assert_eq!(code(&output), 0, "{output:?}");
    assert!(said(&output).contains("no thresholds"), "a load that cannot fail says so: {}", said(&output));
    let seen = server.seen();
    assert!(seen.len() == 20 && seen.iter().all(|path| path == "/list/b"), "{seen:?}");
    let plan = fs::read_to_string(home.newest_run().join("plan.json")).unwrap();
    assert!(plan.contains("${env:LOAD_PORT}"), "a secret stays a reference");
}

#[test]
fn scenarios_of_a_profile_are_streams_that_start_at_their_times() {
    let (home, server) = (Home::new("load-streams"), Server::start(Manners::Good));
    let rest = "timeout: 2s\nscenarios:\n\
                \x20 early:\n    constant_arrival_rate: { rate: 50, duration: 3s }\n\
                \x20   requests: [{ name: list, path: /early }]\n\
                \x20 late:\n    start_time: 2s\n    constant_arrival_rate: { rate: 50, duration: 1s }\n\
                \x20   requests: [{ name: list, path: /late }]\n\
                thresholds: ['early.error_rate < 1%', 'late/list.error_rate < 1%']\n";
    let file = profile(&home, &server, rest);
    let output = home.run(&["load", &file]);
    assert_eq!(code(&output), 0, "{output:?}");
    let seen = server.seen();
    let first_late = seen.iter().position(|path| path == "/late").expect("the late one began");
    assert_eq!((seen.len(), seen.iter().filter(|path| *path == "/late").count()), (200, 50));
    // Two seconds of the early one come first; a few may still be on their way.
    assert!(first_late >= 80, "the late one began after {first_late} of the early one");
    let result = home.result();
    let streams: Vec<String> = result.streams.iter().map(|stream| stream.name.to_string()).collect();
    assert_eq!(streams, ["early", "late"]);
    assert_eq!(outcomes(&result, Objective::Threshold), [Outcome::Pass; 2]);
}

#[test]
fn stages_are_judged_by_themselves() {
    let (home, server) = (Home::new("load-stages"), Server::start(Manners::Good));
    let rest = "timeout: 2s\nramping_vus:\n  start_vus: 1\n  stages:\n\
                \x20   - { name: one user, duration: 2s, target: 1, thresholds: ['availability >= 99%'] }\n\
                \x20   - { duration: 0s, target: 5 }\n\
                \x20   - { name: five users, duration: 2s, target: 5, thresholds: ['availability >= 99%'] }\n\
                journeys: [{ name: j, wait_time: { min: 20ms, max: 40ms }, steps: [{ name: list, path: /list }] }]\n";
    let file = profile(&home, &server, rest);
    let output = home.run(&["load", &file]);
    assert_eq!(code(&output), 0, "{output:?}");
    let result = home.result();
    let subjects: Vec<&str> = result
        .verdict
        .parts
        .iter()
        .filter(|p| p.objective == Objective::Threshold)
        .map(|p| p.subject.as_str())
        .collect();
    assert!(subjects.len() == 2 && subjects[0].starts_with("one user"), "{subjects:?}");
    assert!(subjects[1].starts_with("five users"), "{subjects:?}");
}

#[test]
fn a_search_finds_what_a_server_can_take_and_confirms_it() {
    const CAPACITY: u32 = 100;
    let (home, server) = (Home::new("load-search"), Server::start(Manners::Capacity(CAPACITY)));
    let rest = "timeout: 2s\nbreakpoint: { start_rate: 40, max_rate: 400, step: 40, hold: 2s, confirm: 3s, \
                until: ['error_rate < 5%'], at_least: 40 }\nrequests: [{ name: list, path: /list }]\n";
    let file = profile(&home, &server, rest);
    let output = home.run(&["load", &file]);
    assert_eq!(code(&output), 0, "{output:?}");
    let result = home.result();
    let search = &result.load.as_ref().expect("a load").searches[0];
    let found = search.highest_held.expect("a rate held");
    assert!((40..=CAPACITY).contains(&found), "{search:?}");
    assert_eq!(search.confirmed, Some(true), "{search:?}");
    assert!(search.steps.iter().any(|step| step.rate > CAPACITY && step.held == Some(false)), "{search:?}");
    home.wait_until_quiet();
}

#[test]
fn a_search_below_the_rate_that_is_asked_for_is_a_breach() {
    let (home, server) = (Home::new("load-least"), Server::start(Manners::Capacity(50)));
    let rest = "timeout: 2s\nbreakpoint: { start_rate: 20, max_rate: 200, step: 60, hold: 2s, confirm: 2s, \
                until: ['error_rate < 5%'], at_least: 150 }\nrequests: [{ name: list, path: /list }]\n";
    let file = profile(&home, &server, rest);
    let output = home.run(&["load", &file]);
    assert_eq!(code(&output), 10, "{output:?}");
}

#[test]
fn several_profiles_run_one_after_the_other_and_the_first_that_does_not_pass_counts() {
    let (home, server) = (Home::new("load-several"), Server::start(Manners::Good));
    let quick =
        "timeout: 2s\nconstant_arrival_rate: { rate: 30, duration: 1s }\nrequests: [{ name: list, path: /list }]\n";
    let passes = profile(&home, &server, &format!("{quick}thresholds: ['error_rate < 1%']\n"));
    let fails = home.path().join("fails.yaml");
    let text = fs::read_to_string(&passes).unwrap().replace("error_rate < 1%", "error_rate > 99%");
    fs::write(&fails, text).unwrap();
    let output = home.run(&["load", &fails.to_string_lossy(), &passes]);
    assert_eq!(code(&output), 10, "{output:?}");
    assert_eq!(server.seen().len(), 60, "the second ran, too");
}
