//! Which targets a fault may be aimed at, and when.

use std::fs;

use crate::common::{Foreign, Home};
use crate::{assert_ends, pause};

/// A simulated drill on a container, with this guard, target and further lines.
fn simulated(name: &str, guard: &str, container: &str, more: &str) -> std::process::Output {
    let home = Home::new(name);
    let text = format!(
        "
name: simulated
targets:
  box: {{ container: {{ {container} }} }}
  spare: {{ container: {{ name: spare-box }} }}
  app: {{ process: {{ pid_file: /run/app.pid }} }}
probes: [{{ name: p, tcp: {{ address: '127.0.0.1:1' }}, every: 100ms }}]
phases: {{ warmup: 200ms, baseline: 500ms, recovery: {{ deadline: 5s, hold: 300ms }}, after: 200ms }}
faults: [{{ name: f, for: 1s, impact: tolerated, process-pause: {{ target: app }} }}]
guard: {{ {guard} }}
{more}
"
    );
    let file = home.path().join("simulated.yaml");
    fs::write(&file, text).unwrap();
    home.run(&["run", "--simulate", file.to_str().unwrap()])
}

#[test]
fn a_target_that_is_not_allowed_is_refused() {
    let ran = simulated("allow", "allow: { names: ['app-*'] }", "name: box", "");
    assert_ends(&ran, 21, &["may not be touched", "is not among those of `guard.allow`"]);
    let ran = simulated("allow-label", "allow: { labels: { chaos: 'true' } }", "name: box", "");
    assert_ends(&ran, 21, &["it is not labelled chaos=true"]);
}

#[test]
fn a_target_that_is_protected_is_refused_although_it_is_allowed() {
    let ran = simulated("protect", "allow: { names: ['*'] }, protect: { names: ['simul*'] }", "name: box", "");
    assert_ends(&ran, 21, &["`guard.protect` keeps what is named simul*"]);
}

#[test]
fn a_fault_that_leaves_too_few_ready_is_refused() {
    let ran = simulated("keep", "keep_ready: 1", "name: box", "");
    assert_ends(&ran, 21, &["`guard.keep_ready` asks for 1 of target app", "touched by a fault"]);
    let ran = simulated("keep-of", "keep_ready: { spare: 2 }", "name: box", "");
    assert_ends(&ran, 21, &["asks for 2 of target spare that stay ready, and 1 would", "container spare-box (ready)"]);
    let kept = simulated("keep-spare", "keep_ready: { spare: 1 }", "name: box", "");
    assert_ends(&kept, 0, &["PASS"]);
}

/// Each fault alone leaves one of two; both together would leave none.
#[test]
fn what_another_fault_touches_does_not_count_as_ready() {
    let home = Home::new("keep-two");
    let seconds = format!("600.{}", std::process::id());
    let mut replicas = ["a", "b"].map(|name| {
        let replica = std::process::Command::new("sleep").arg(&seconds).spawn().unwrap();
        fs::write(home.path().join(name), replica.id().to_string()).unwrap();
        replica
    });
    let at = |name: &str| home.path().join(name).display().to_string();
    let text = format!(
        "
name: two
targets:
  a: {{ process: {{ pid_file: '{}' }} }}
  b: {{ process: {{ pid_file: '{}' }} }}
  replicas: {{ process: {{ command_line: '^sleep {seconds}$' }} }}
phases: {{ warmup: 100ms, baseline: 100ms, recovery: {{ deadline: 1s, hold: 100ms }}, after: 100ms }}
faults:
  - {{ name: first, for: 2s, impact: tolerated, process-pause: {{ target: a }} }}
  - {{ name: second, at: 1s, for: 2s, impact: tolerated, process-pause: {{ target: b }} }}
  - {{ name: third, at: 3500ms, for: 200ms, impact: tolerated, process-pause: {{ target: b }} }}
guard: {{ keep_ready: {{ replicas: 1 }} }}
",
        at("a"),
        at("b")
    );
    let file = home.path().join("two.yaml");
    fs::write(&file, text).unwrap();
    let ran = home.run(&["run", file.to_str().unwrap()]);
    for replica in &mut replicas {
        replica.kill().unwrap();
        replica.wait().unwrap();
    }
    assert_ends(&ran, 20, &[]);
    let result = home.result();
    let faults: Vec<_> = result.faults.iter().map(|f| (f.t_inject.is_some(), f.problems.join(" "))).collect();
    assert!(faults[1].1.contains("asks for 1 of target replicas that stay ready, and 0 would"), "{faults:?}");
    assert_eq!(faults.iter().map(|(injected, _)| *injected).collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn a_process_protects_itself_by_its_environment() {
    let home = Home::new("protected");
    let pid_file = home.path().join("protected.pid");
    let mut sleeper =
        std::process::Command::new("sleep").arg("600").env("SIMULACRO_PROTECTED", "true").spawn().unwrap();
    fs::write(&pid_file, sleeper.id().to_string()).unwrap();
    let text = format!(
        "name: d\ntargets: {{ it: {{ process: {{ pid_file: '{}' }} }} }}\n\
         faults: [{{ name: f, for: 1s, process-pause: {{ target: it }} }}]\n",
        pid_file.display()
    );
    let file = home.path().join("d.yaml");
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let (planned, ran) = (home.run(&["plan", file]), home.run(&["run", file]));
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    assert_ends(&planned, 0, &["(sleep, of user", "may not be touched: it is labelled simulacro.protected=true"]);
    assert_ends(&ran, 21, &["which may not be touched", "simulacro.protected=true"]);
}

#[test]
fn no_drill_starts_in_a_freeze() {
    let home = Home::new("freeze");
    let foreign = Foreign::start(home.path());
    let always = ", freeze: [{ weekly: 'Mon 00:00 - Mon 00:00', zone: UTC, reason: audit }]";
    let file = pause(&home, &foreign, always);
    let file = file.to_str().unwrap();
    assert_ends(&home.run(&["run", file]), 21, &["no drill starts from", "audit"]);
    assert_ends(&home.run(&["plan", file]), 0, &["refused now: no drill starts from", "audit"]);
    assert!(!home.reports().exists(), "a drill that never began leaves no folder");
    let calendar = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20200101T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY\n\
                    SUMMARY:peak season\nEND:VEVENT\nEND:VCALENDAR\n";
    fs::write(home.path().join("freeze.ics"), calendar).unwrap();
    pause(&home, &foreign, ", freeze_file: freeze.ics");
    assert_ends(&home.run(&["run", file]), 21, &["peak season"]);
    fs::write(home.path().join("freeze.ics"), "BEGIN:VCALENDAR\nBEGIN:VEVENT\n").unwrap();
    assert_ends(&home.run(&["run", file]), 21, &["cannot be understood", "within an event"]);
    fs::remove_file(home.path().join("freeze.ics")).unwrap();
    assert_ends(&home.run(&["run", file]), 21, &["the freeze calendar cannot be read"]);
}

#[test]
fn what_cannot_be_taken_back_asks_for_yes() {
    let home = Home::new("yes");
    let foreign = Foreign::start(home.path());
    let text = format!(
        "name: kill\ntargets: {{ it: {{ process: {{ pid_file: '{}' }} }} }}\n\
         phases: {{ warmup: 100ms, baseline: 100ms, recovery: {{ deadline: 1s, hold: 100ms }}, after: 100ms }}\n\
         faults: [{{ name: f, impact: tolerated, process-kill: {{ target: it }} }}]\n\
         guard: {{ allow_irreversible: true }}\n",
        foreign.pid_file.display()
    );
    let file = home.path().join("kill.yaml");
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    assert_ends(&home.run(&["run", file]), 21, &["cannot be taken back", "--yes"]);
    assert_eq!(foreign.state(), 'S', "nothing was touched");
    assert_ends(&home.run(&["run", "--yes", file]), 0, &["PASS"]);
    assert_eq!(foreign.state(), 'Z', "it was killed");
}
