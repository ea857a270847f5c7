//! `HostProcesses`: whom it finds, and whom it never touches.

use std::sync::Arc;

use rustix::process::Signal;
use simulacro::model::ProcessId;
use simulacro::safety::{ProcessUndo, Reverted, Standing};
use simulacro::scenario::target::{ForeignProcess, ProcessSelector};
use simulacro::world::Processes;
use simulacro::world::process::{HostProcesses, ProcessState};

use crate::support::{Stranger, identity, marker, runs, services, signal, stopped, until};

fn driver() -> HostProcesses {
    HostProcesses::new(Arc::new(services()))
}

fn by_command_line(pattern: &str) -> ProcessSelector {
    let command_line = Some(pattern.to_owned());
    ProcessSelector::Foreign(ForeignProcess { pid_file: None, command_line, restarted_by: None })
}

#[tokio::test]
async fn a_stopped_process_is_seen_continued_and_left_alone_the_second_time() {
    let sleeper = Stranger::sleeping(&marker());
    let (driver, process) = (driver(), identity(sleeper.0));
    let undo = ProcessUndo::Continue { process };
    assert_eq!(driver.state(process).await, Ok(ProcessState::Running));
    assert_eq!(driver.standing(&undo).await, Ok(Standing::Gone));
    assert_eq!(driver.revert(&undo).await, Ok(Reverted::AlreadyBack), "inject never ran");

    signal(sleeper.0, Signal::STOP);
    until("it is stopped", || stopped(sleeper.0)).await;
    assert_eq!(driver.state(process).await, Ok(ProcessState::Stopped));
    assert_eq!(driver.standing(&undo).await, Ok(Standing::InForce { touched: 1 }));
    assert_eq!(driver.revert(&undo).await, Ok(Reverted::Restored));
    assert!(!stopped(sleeper.0));
    assert_eq!(driver.standing(&undo).await, Ok(Standing::Gone));
    assert_eq!(driver.revert(&undo).await, Ok(Reverted::AlreadyBack));
}

#[tokio::test]
async fn a_pid_that_was_used_again_is_not_touched() {
    let sleeper = Stranger::sleeping(&marker());
    signal(sleeper.0, Signal::STOP);
    until("it is stopped", || stopped(sleeper.0)).await;
    let now = identity(sleeper.0);
    let process = ProcessId { start: now.start - 1, ..now };
    let (driver, undo) = (driver(), ProcessUndo::Continue { process });
    assert_eq!(driver.state(process).await, Ok(ProcessState::Gone));
    assert_eq!(driver.standing(&undo).await, Ok(Standing::Foreign));
    assert_eq!(driver.revert(&undo).await, Ok(Reverted::TargetGone));
    assert!(stopped(sleeper.0), "the pid's new owner was continued");
    let killed = ProcessUndo::Killed { process, service: None };
    assert_eq!(driver.standing(&killed).await, Ok(Standing::InForce { touched: 1 }));
    assert_eq!(driver.revert(&killed).await, Ok(Reverted::TargetGone));
    assert!(runs(sleeper.0));
}

#[tokio::test]
async fn a_process_that_ended_needs_no_undo() {
    let sleeper = Stranger::sleeping(&marker());
    let (driver, process) = (driver(), identity(sleeper.0));
    let (paused, killed) = (ProcessUndo::Continue { process }, ProcessUndo::Killed { process, service: None });
    assert_eq!(driver.standing(&killed).await, Ok(Standing::Gone), "it still lives");
    assert_eq!(driver.revert(&killed).await, Ok(Reverted::AlreadyBack));
    signal(sleeper.0, Signal::KILL);
    until("it has ended", || !runs(sleeper.0)).await;
    assert_eq!(driver.state(process).await, Ok(ProcessState::Gone));
    assert_eq!(driver.standing(&killed).await, Ok(Standing::InForce { touched: 1 }));
    assert_eq!(driver.revert(&killed).await, Ok(Reverted::TargetGone));
    assert_eq!(driver.standing(&paused).await, Ok(Standing::Gone));
    assert_eq!(driver.revert(&paused).await, Ok(Reverted::TargetGone));
}

#[tokio::test]
async fn a_child_that_nobody_collects_counts_as_gone() {
    let mut child = std::process::Command::new("sleep").arg(marker()).spawn().unwrap();
    let process = identity(child.id().try_into().unwrap());
    child.kill().unwrap();
    until("it has ended", || !runs(process.pid)).await;
    assert_eq!(driver().state(process).await, Ok(ProcessState::Gone));
    child.wait().unwrap();
}

#[tokio::test]
async fn foreign_processes_are_found_by_command_line_and_by_pid_file() {
    let mark = marker();
    let (one, two) = (Stranger::sleeping(&mark), Stranger::sleeping(&mark));
    let mut child = std::process::Command::new("sleep").arg(&mark).spawn().unwrap();
    let pattern = format!("^sleep {}$", regex::escape(&mark));
    let mut found = driver().resolve(&by_command_line(&pattern)).await.unwrap();
    found.sort();
    let mut expected = vec![identity(one.0), identity(two.0)];
    expected.sort();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(found, expected, "exactly the strangers, and not the child of this process");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sleeper.pid");
    std::fs::write(&file, format!("{}\n", one.0)).unwrap();
    let pid_file = Some(file.display().to_string());
    let selector = ProcessSelector::Foreign(ForeignProcess { pid_file, command_line: None, restarted_by: None });
    assert_eq!(driver().resolve(&selector).await, Ok(vec![identity(one.0)]));
}

#[tokio::test]
async fn a_selector_that_means_nothing_says_what_to_do() {
    let driver = driver();
    let none = driver.resolve(&by_command_line("^no such program anywhere$")).await.unwrap_err().to_string();
    assert!(none.contains("no process has a command line that matches"), "{none}");
    let wrong = driver.resolve(&by_command_line("(")).await.unwrap_err().to_string();
    assert!(wrong.contains("not a regular expression"), "{wrong}");
    let service = ProcessSelector::Service("orders".parse().unwrap());
    let absent = driver.resolve(&service).await.unwrap_err().to_string();
    assert!(absent.contains("service orders has no process now"), "{absent}");
}
