//! The faults on processes against a real process, and the commands against the simulated world.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::{Fault, FaultContext};
use crate::clock::Clock;
use crate::model::{Name, RunId, Signal};
use crate::safety::{Licence, ProcessUndo, Reverted, Standing, Undo};
use crate::scenario::fault::{ProcessKill, ProcessPause};
use crate::scenario::{FaultSpec, Scenario};
use crate::world::process::HostProcesses;
use crate::world::sim::Sim;
use crate::world::{DriverError, World};

/// A `sleep` that is not a child of this process, and the folder with its pid file.
struct Sleeper {
    pid: i32,
    folder: tempfile::TempDir,
}

impl Sleeper {
    fn start() -> Sleeper {
        let folder = tempfile::tempdir().unwrap();
        let script = "sleep 86399 </dev/null >/dev/null 2>&1 & echo $! | tee sleeper.pid";
        let output =
            Command::new("sh").args(["-c", script]).current_dir(&folder).stdin(Stdio::null()).output().unwrap();
        Sleeper { pid: String::from_utf8(output.stdout).unwrap().trim().parse().unwrap(), folder }
    }

    /// The whole scenario; `lines` are added to its end.
    fn scenario(&self, restarted_by: &str, lines: &str) -> Scenario {
        let file = self.folder.path().join("sleeper.pid");
        let target = format!("{{ process: {{ pid_file: \"{}\"{restarted_by} }} }}", file.display());
        let text = format!("name: drill\ntargets:\n  sleeper: {target}\n{lines}\n");
        serde_saphyr::from_str(&text).unwrap()
    }

    fn state(&self) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('-')
    }

    async fn until(&self, states: &[char]) {
        let looking = async {
            while !states.contains(&self.state()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(20), looking).await.is_ok(), "still {}", self.state());
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.pid) {
            let _ended_by_the_test = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

fn world(scenario: &Scenario) -> World {
    let world = Sim::new(scenario).world(Clock::start());
    World { processes: Arc::new(HostProcesses::new(world.services.clone())), ..world }
}

async fn prepare(fault: &impl Fault, world: &World, scenario: &Scenario) -> Result<Vec<Undo>, DriverError> {
    let (run, name): (RunId, Name) = (RunId("run".into()), "it".parse().unwrap());
    fault.prepare(world, FaultContext { run: &run, name: &name, scenario, dir: Path::new("/"), seed: 7 }).await
}

fn kill(signal: Signal) -> ProcessKill {
    ProcessKill { target: "sleeper".parse().unwrap(), signal }
}

fn pause() -> ProcessPause {
    ProcessPause { target: "sleeper".parse().unwrap() }
}

#[tokio::test]
async fn a_pause_stops_what_it_prepared_and_its_undo_continues_it() {
    let sleeper = Sleeper::start();
    let scenario = sleeper.scenario("", "");
    let world = world(&scenario);
    let undo = prepare(&pause(), &world, &scenario).await.unwrap();
    assert_ne!(sleeper.state(), 'T', "prepare changes nothing");
    for time in ["first", "second"] {
        pause().inject(&world, &undo, Licence::for_tests()).await.unwrap();
        sleeper.until(&['T']).await;
        assert_eq!(world.standing(&undo[0]).await, Ok(Standing::InForce { touched: 1 }), "{time}");
    }
    let refused = prepare(&pause(), &world, &scenario).await.unwrap_err().to_string();
    assert!(refused.contains("stopped already"), "{refused}");
    assert_eq!(world.revert(&undo[0]).await, Ok(Reverted::Restored));
    assert_eq!(world.revert(&undo[0]).await, Ok(Reverted::AlreadyBack));
}

#[tokio::test]
async fn a_kill_needs_a_restarter_or_consent_and_says_so() {
    let sleeper = Sleeper::start();
    let scenario = sleeper.scenario("", "");
    let refused = prepare(&kill(Signal::KILL), &world(&scenario), &scenario).await.unwrap_err().to_string();
    assert!(refused.contains("restarted_by") && refused.contains("allow_irreversible"), "{refused}");
    for (restarted_by, guard) in [(", restarted_by: systemd", ""), ("", "guard: { allow_irreversible: true }")] {
        let scenario = sleeper.scenario(restarted_by, guard);
        let undo = prepare(&kill(Signal::KILL), &world(&scenario), &scenario).await.unwrap();
        assert!(matches!(&undo[..], [Undo::Process(ProcessUndo::Killed { process, service: None })]
            if process.pid == sleeper.pid));
    }
}

#[tokio::test]
async fn a_kill_ends_the_process_and_a_second_one_reaches_nobody() {
    let sleeper = Sleeper::start();
    let scenario = sleeper.scenario(", restarted_by: nobody", "");
    let (world, fault) = (world(&scenario), kill(Signal::TERM));
    let undo = prepare(&fault, &world, &scenario).await.unwrap();
    assert_eq!(world.standing(&undo[0]).await, Ok(Standing::Gone));
    fault.inject(&world, &undo, Licence::for_tests()).await.unwrap();
    sleeper.until(&['Z', '-']).await;
    assert_eq!(world.standing(&undo[0]).await, Ok(Standing::InForce { touched: 1 }));
    let again = fault.inject(&world, &undo, Licence::for_tests()).await.unwrap_err();
    assert!(matches!(again, DriverError::NotFound(_)), "{again}");
    assert_eq!(world.revert(&undo[0]).await, Ok(Reverted::TargetGone));
}

#[tokio::test]
async fn signals_that_end_nothing_and_targets_beyond_the_limit_are_refused() {
    let sleeper = Sleeper::start();
    let scenario = sleeper.scenario(", restarted_by: nobody", "guard: { max_targets: 0 }");
    let world = world(&scenario);
    for signal in ["SIGSTOP", "SIGTSTP", "SIGCONT", "21", "22"] {
        let refused = prepare(&kill(signal.parse().unwrap()), &world, &scenario).await.unwrap_err().to_string();
        assert!(refused.contains("process-pause"), "{signal}: {refused}");
    }
    let refused = prepare(&kill(Signal::KILL), &world, &scenario).await.unwrap_err().to_string();
    assert!(refused.contains("means 1 processes") && refused.contains("max_targets"), "{refused}");
    let unknown = ProcessPause { target: "nobody".parse().unwrap() };
    let refused = prepare(&unknown, &world, &scenario).await.unwrap_err().to_string();
    assert!(refused.contains("no process called nobody"), "{refused}");
}

#[tokio::test]
async fn a_process_that_came_after_is_not_hit() {
    let sleeper = Sleeper::start();
    let scenario = sleeper.scenario(", restarted_by: nobody", "");
    let (world, fault) = (world(&scenario), kill(Signal::KILL));
    let mut undo = prepare(&fault, &world, &scenario).await.unwrap();
    if let Undo::Process(ProcessUndo::Killed { process, .. }) = &mut undo[0] {
        process.start -= 1;
    }
    let refused = fault.inject(&world, &undo, Licence::for_tests()).await.unwrap_err();
    assert!(matches!(&refused, DriverError::Identity(why) if why.contains("nothing was signalled")), "{refused}");
    assert!(matches!(sleeper.state(), 'S' | 'R'));
}

#[tokio::test]
async fn a_command_is_undone_by_its_inverse() {
    let text = "name: drill\nfaults: [{ name: it, for: 1s, command: { inject: [harm, it], undo: [heal, it] } }]\n";
    let scenario: Scenario = serde_saphyr::from_str(text).unwrap();
    let FaultSpec::CommandFault(fault) = &scenario.faults[0].spec else { panic!("not a command") };
    let world = Sim::new(&scenario).world(Clock::start());
    let undo = prepare(fault, &world, &scenario).await.unwrap();
    assert_eq!(world.standing(&undo[0]).await, Ok(Standing::Gone));
    Fault::inject(fault, &world, &undo, Licence::for_tests()).await.unwrap();
    assert_eq!(world.standing(&undo[0]).await, Ok(Standing::InForce { touched: 1 }));
    assert_eq!(world.revert(&undo[0]).await, Ok(Reverted::Restored));
    assert_eq!(world.standing(&undo[0]).await, Ok(Standing::Gone));
}
