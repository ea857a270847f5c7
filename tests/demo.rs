//! The quickstart drill as a stranger runs it.

#![cfg(all(feature = "demo", feature = "goose"))]

mod common;

use common::{Home, figure, free_port, times};
use simulacro::result::{Objective, Outcome, Part};

/// A debug build's latency says more about the build and the machine than about the drill: there every objective is
/// asserted but those on latency. `scripts/soak` runs a release build, and asserts all of them.
const DEBUG: bool = cfg!(debug_assertions);

fn is_latency(part: &Part) -> bool {
    part.objective == Objective::Slo && [" p95", " p99"].iter().any(|metric| part.subject.contains(metric))
}

/// One demo at a time: two on one machine would measure each other.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn demo(home: &Home, more: &[&str]) -> std::process::Output {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (app, front) = (format!("app=127.0.0.1:{}", free_port()), format!("front=127.0.0.1:{}", free_port()));
    let mut args = vec!["demo", "-V", &app, "-V", &front];
    args.extend(more);
    home.run(&args)
}

#[test]
fn the_healthy_quickstart_passes() {
    let demos = times("SIMULACRO_SOAK_DEMOS", 3);
    let mut slowest = 0.0f64;
    for n in 0..demos {
        let home = Home::new("demo");
        let run = demo(&home, &[]);
        let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
        let code = run.status.code();
        assert!(code == Some(0) || DEBUG && code == Some(10), "demo {n}: {said}");
        let result = home.result();
        let missed = result.verdict.parts.iter().find(|p| p.outcome != Outcome::Pass && !(DEBUG && is_latency(p)));
        assert_eq!(missed, None, "demo {n}: {said}");
        assert!(result.end.remaining.is_empty());
        for file in
            ["report.html", "report.md", "junit.xml", "latency.hlog", "undo.jsonl", "ledger.jsonl", "SHA256SUMS"]
        {
            assert!(home.newest_run().join(file).exists(), "{file} is missing");
        }
        home.wait_until_quiet();
        slowest = slowest.max(result.run.took.seconds());
    }
    figure("healthy quickstarts with exit code 0", format!("{demos} of {demos}"));
    figure("slowest quickstart, s", format!("{slowest:.1}"));
}

#[test]
fn a_supervisor_that_is_too_slow_breaches_the_recovery_objective_and_says_why() {
    let home = Home::new("slow");
    let run = demo(&home, &["-V", "restart_after=20s"]);
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    let code = run.status.code();
    assert!(code == Some(11) || DEBUG && code == Some(10), "{said}{}", String::from_utf8_lossy(&run.stderr));
    let result = home.result();
    let rto = result.verdict.parts.iter().find(|p| p.objective == Objective::Rto && p.outcome == Outcome::Breach);
    let rto = rto.expect("the recovery objective is breached");
    assert!(rto.subject.contains("crash"), "{rto:?}");
    assert!(!rto.why.is_empty() && said.contains("RTO"), "{said}");
}
