//! The verbs of the command line, as a stranger would type them.

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;

fn simulacro() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulacro"));
    command.env("NO_COLOR", "1").current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

#[test]
fn check_accepts_what_is_shipped_and_refuses_what_is_not_there() {
    simulacro().args(["check", "scenarios", "loadprofiles"]).assert().success().stdout(contains("no problem"));
    simulacro().args(["check", "no-such-file.yaml"]).assert().code(2).stdout(contains("no-such-file.yaml"));
}

#[test]
fn plan_says_what_would_happen_and_touches_nothing() {
    let home = tempfile::tempdir().unwrap();
    simulacro()
        .env("SIMULACRO_STATE_DIR", home.path())
        .args(["plan", "scenarios/quickstart.yaml"])
        .assert()
        .success()
        .stdout(contains("fault crawl (proxy-latency), after crash is recovered, for 6s: touches link front"))
        .stdout(contains("target orders: the process of service orders"))
        .stdout(contains("blast radius"));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "a plan leaves no state");
}

#[test]
fn plan_shows_live_processes() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("pause.yaml");
    let pid_file = home.path().join("test.pid");
    let mut sleeper = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    std::fs::write(&pid_file, sleeper.id().to_string()).unwrap();
    let text = format!(
        "name: pause\ntargets: {{ it: {{ process: {{ pid_file: '{}' }} }} }}\n\
         faults: [{{ name: f, for: 1s, process-pause: {{ target: it }} }}]\n",
        pid_file.display()
    );
    std::fs::write(&file, text).unwrap();
    let found = simulacro().arg("plan").arg(&file).assert();
    let found = found.success().stdout(contains(format!("target it: process {}", sleeper.id())));
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    drop(found);
    simulacro().arg("plan").arg(&file).assert().success().stdout(contains("target it: nothing now"));
}

#[test]
fn the_catalogue_has_every_kind_and_its_fields() {
    let all = simulacro().arg("faults").assert().success();
    let text = String::from_utf8_lossy(&all.get_output().stdout).into_owned();
    for kind in simulacro::scenario::FaultSpec::KINDS {
        assert!(text.contains(kind), "{kind} is missing in {text}");
    }
    simulacro()
        .args(["faults", "proxy-latency"])
        .assert()
        .success()
        .stdout(contains("latency").and(contains("jitter")));
    simulacro().args(["faults", "proxy-latenzy"]).assert().code(2).stderr(contains("proxy-latency"));
}

#[test]
fn schemas_man_page_and_completions_are_printed() {
    for which in ["scenario", "profile", "result", "comparison", "baseline"] {
        let printed = simulacro().args(["schema", which]).assert().success();
        serde_json::from_slice::<serde_json::Value>(&printed.get_output().stdout).unwrap();
    }
    simulacro().arg("man").assert().success().stdout(contains(".TH simulacro"));
    simulacro().args(["completions", "bash"]).assert().success().stdout(contains("_simulacro"));
}

#[test]
fn init_writes_a_drill_that_passes_check_and_overwrites_nothing() {
    let home = tempfile::tempdir().unwrap();
    simulacro().arg("init").arg(home.path()).assert().success();
    simulacro().arg("check").arg(home.path()).assert().success();
    simulacro().arg("init").arg(home.path()).assert().code(2);
}

#[test]
fn what_a_team_has_becomes_a_profile_that_passes_check() {
    let home = tempfile::tempdir().unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scenario/import/samples");
    let import = |file: &str| {
        let mut command = simulacro();
        command.arg("init").arg(home.path()).arg("--from").arg(samples.join(file));
        command
    };
    import("orders.targets").assert().success().stderr(contains("base_url: \"http://127.0.0.1:18080\""));
    import("shop.har")
        .assert()
        .success()
        .stderr(contains("static asset").and(contains("X_CSRF_TOKEN")).and(contains("hunter2").not()));
    import("petstore.yaml").args(["--as", "openapi", "--include-writes"]).assert().success();
    import("orders-api.json").args(["--name", "api"]).assert().success().stderr(contains("names no host"));
    let profiles = home.path().join("loadprofiles");
    simulacro().arg("check").arg(&profiles).assert().success().stdout(contains("4 files checked: no problem"));
    // Nothing is overwritten unless it is asked for, and nothing is written when something is wrong.
    std::fs::write(profiles.join("shop.yaml"), "mine").unwrap();
    import("shop.har").assert().code(2).stderr(contains("--force"));
    assert_eq!(std::fs::read_to_string(profiles.join("shop.yaml")).unwrap(), "mine");
    import("shop.har").arg("--force").assert().success();
    import("shop.har").args(["--name", "wrong", "--as", "vegeta"]).assert().code(2).stderr(contains("shop.har:"));
    import("no-such-file").assert().code(2).stderr(contains("cannot be read"));
    simulacro().args(["init", "--host", "x"]).assert().code(2).stderr(contains("--from"));
    assert_eq!(std::fs::read_dir(&profiles).unwrap().count(), 4);
}

#[test]
fn a_saved_run_is_rendered_and_judged_again() {
    let sample = Path::new("reports/sample");
    simulacro().arg("report").arg(sample).assert().success().stdout(contains("Objectives"));
    let out = tempfile::tempdir().unwrap();
    simulacro().arg("report").arg(sample).args(["-f", "html", "-f", "junit", "-o"]).arg(out.path()).assert().success();
    assert!(out.path().join("report.html").exists() && out.path().join("junit.xml").exists());
    let judged = simulacro().arg("judge").arg(sample).arg("scenarios/quickstart.yaml").arg("--json").assert();
    let result: serde_json::Value = serde_json::from_slice(&judged.get_output().stdout).unwrap();
    assert_eq!(result["verdict"]["rejudged"], false, "the same objectives");
    // A restart objective that no run could meet is a breach of other objectives than the run was made for.
    let stricter = std::fs::read_to_string("scenarios/quickstart.yaml").unwrap().replace("max: 5s", "max: 1ms");
    let file = out.path().join("stricter.yaml");
    let stricter = stricter.replace("../loadprofiles", &format!("{}/loadprofiles", env!("CARGO_MANIFEST_DIR")));
    std::fs::write(&file, stricter).unwrap();
    let judged = simulacro().arg("judge").arg(sample).arg(&file).arg("--json").assert().code(11);
    let result: serde_json::Value = serde_json::from_slice(&judged.get_output().stdout).unwrap();
    assert_eq!(result["verdict"]["rejudged"], true);
}

#[test]
fn doctor_speaks_of_the_watchdogs_reach() {
    let home = tempfile::tempdir().unwrap();
    let doctor = simulacro().env("SIMULACRO_STATE_DIR", home.path()).args(["doctor", "--json"]).assert();
    let findings: serde_json::Value = serde_json::from_slice(&doctor.get_output().stdout).unwrap();
    assert!(findings.as_array().unwrap().iter().any(|f| f["what"] == "watchdog's reach"));
}

#[test]
fn without_arguments_it_explains_itself() {
    simulacro().assert().code(2).stderr(contains("demo").and(contains("recover")));
}
