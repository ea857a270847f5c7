//! Production: `--allow-production`, and the token of a plan that somebody has read.

use std::fs;
use std::path::PathBuf;

use crate::common::{Foreign, Home, free_port};
use crate::{assert_ends, said};

/// A production drill that stops a foreign process for a moment.
fn scenario(home: &Home, foreign: &Foreign) -> PathBuf {
    let text = format!(
        "
name: live
targets: {{ other: {{ process: {{ pid_file: '{}' }} }} }}
probes: [{{ name: p, tcp: {{ address: '127.0.0.1:{}' }}, every: 100ms }}]
phases: {{ warmup: 100ms, baseline: 200ms, recovery: {{ deadline: 1s, hold: 100ms }}, after: 100ms }}
faults: [{{ name: freeze, for: 300ms, impact: tolerated, process-pause: {{ target: other }} }}]
guard: {{ environment: production, stop_when: ['p.error_rate > 100%'] }}
",
        foreign.pid_file.display(),
        free_port()
    );
    let file = home.path().join("live.yaml");
    fs::write(&file, text).unwrap();
    file
}

fn token(home: &Home, file: &str) -> String {
    let planned = home.run(&["plan", file]);
    let text = said(&planned);
    let token = text.lines().find_map(|line| line.strip_prefix("plan token: "));
    token.unwrap_or_else(|| panic!("no token in {text}")).to_owned()
}

#[test]
fn production_asks_for_the_token_of_exactly_these_targets() {
    let home = Home::new("production");
    let foreign = Foreign::start(home.path());
    let file = scenario(&home, &foreign);
    let file = file.to_str().unwrap();
    let run = |more: &[&str]| home.run(&[&["run", file, "--seed", "7"], more].concat());
    assert_ends(&run(&[]), 21, &["--allow-production"]);
    assert_ends(&run(&["--allow-production"]), 21, &["--plan-token"]);
    assert_ends(&run(&["--allow-production", "--plan-token", "yes"]), 2, &["not a plan token"]);

    let good = token(&home, file);
    assert_ends(&run(&["--plan-token", &good]), 21, &["--allow-production"]);
    let ran = run(&["--allow-production", "--plan-token", &good]);
    assert_ends(&ran, 0, &["PASS"]);
    let in_plan = fs::read_to_string(home.newest_run().join("plan.json")).unwrap();
    assert!(in_plan.contains("process "), "the plan keeps what was agreed to");

    // The scenario changed: another variable, another drill.
    let text = fs::read_to_string(file).unwrap();
    fs::write(file, text.replace("for: 300ms", "for: 400ms")).unwrap();
    assert_ends(&run(&["--allow-production", "--plan-token", &good]), 21, &["another scenario"]);
    fs::write(file, text).unwrap();

    // The same pid file, another process.
    let other = Foreign::start(home.path());
    let ran = run(&["--allow-production", "--plan-token", &good]);
    let pids = [&foreign, &other].map(|f| f.pid());
    let planned = format!("target other: planned process {} [{}@", pids[0], pids[0]);
    let now = format!("now process {} [{}@", pids[1], pids[1]);
    assert_ends(&ran, 21, &["not those of the plan token", &planned, &now]);
    assert_eq!((foreign.state(), other.state()), ('S', 'S'), "nothing was touched");

    // As JSON, for whoever asks a second person.
    let json: serde_json::Value = serde_json::from_slice(&home.run(&["plan", "--json", file]).stdout).unwrap();
    let token = json["live"]["plan_token"].as_str().unwrap();
    assert_eq!(json["live"]["targets"]["other"]["members"][0]["name"], "sleep");
    let ran = home.simulacro().args(["run", file, "--allow-production"]).env("SIMULACRO_PLAN_TOKEN", token).output();
    assert_ends(&ran.unwrap(), 0, &["PASS"]);
}

#[test]
fn there_is_no_token_for_what_cannot_be_seen() {
    let home = Home::new("no-token");
    let foreign = Foreign::start(home.path());
    let file = scenario(&home, &foreign);
    fs::remove_file(&foreign.pid_file).unwrap();
    let planned = home.run(&["plan", file.to_str().unwrap()]);
    assert_ends(&planned, 0, &["no plan token: target other:", "target other: nothing now"]);
}

#[test]
fn a_simulated_production_drill_needs_no_token() {
    let home = Home::new("simulated-production");
    let foreign = Foreign::start(home.path());
    let file = scenario(&home, &foreign);
    let ran = home.run(&["run", "--simulate", "--allow-production", file.to_str().unwrap()]);
    assert_ends(&ran, 0, &["PASS"]);
}
