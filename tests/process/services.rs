//! `HostServices` and its supervisor: lives, restarts, and above all ends.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use simulacro::clock::Clock;
use simulacro::model::{Name, ProcessId};
use simulacro::world::secrets::Secrets;
use simulacro::world::services::{HostServices, ServiceChange, ServiceLaunch, ServiceNotice};
use simulacro::world::{DriverError, Services};
use tokio::sync::mpsc;

use crate::support::{command_line, identity, marker, program, runs, services, signal, sleepers, stat_field, until};

fn launch(dir: &Path, name: &str, command: &[&str]) -> ServiceLaunch {
    ServiceLaunch {
        name: name.parse().unwrap(),
        command: command.iter().map(ToString::to_string).collect(),
        env: Vec::new(),
        dir: dir.to_owned(),
        restart_after: None,
        log: dir.join(format!("{name}.log")),
    }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

async fn next(notices: &mut mpsc::Receiver<ServiceNotice>) -> ServiceNotice {
    tokio::time::timeout(Duration::from_secs(20), notices.recv()).await.expect("a notice in time").expect("a notice")
}

async fn started(notices: &mut mpsc::Receiver<ServiceNotice>) -> (ProcessId, simulacro::model::Offset) {
    match next(notices).await {
        ServiceNotice { change: ServiceChange::Started(process), at, .. } => (process, at),
        other => panic!("not started but {other:?}"),
    }
}

fn supervisor_of(process: ProcessId) -> i32 {
    stat_field(process.pid, 4).unwrap().parse().unwrap()
}

/// A shell script whose children do what they can to get out of sight; all of them `sleep` for `mark`.
fn fugitives(mark: &str) -> String {
    format!(
        "sleep {mark} & (sleep {mark} &) ; setsid sleep {mark} & \
         (setsid sh -c '(sleep {mark} &) ; exec sleep {mark}' &) ; trap '' TERM; exec sleep {mark}"
    )
}

const FUGITIVES: usize = 6;

#[tokio::test]
async fn a_killed_service_is_restarted_after_its_time_and_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let (services, (sender, mut notices)) = (services(), mpsc::channel(64));
    let after = Duration::from_millis(150);
    let mark = marker();
    let launch = ServiceLaunch { restart_after: Some(after), ..launch(folder.path(), "orders", &["sleep", &mark]) };
    services.start(launch, sender).await.unwrap();
    let (first, _) = started(&mut notices).await;
    assert_eq!(services.current(&name("orders")), Some(first));
    assert_eq!(first, identity(first.pid));

    signal(first.pid, Signal::KILL);
    let exited = next(&mut notices).await;
    assert_eq!(exited.change, ServiceChange::Exited { process: first, code: None, signal: Some(9) });
    let (second, at) = started(&mut notices).await;
    assert!(second.pid != first.pid || second.start != first.start);
    assert!(at >= exited.at + after, "restarted {} after its end", at.since(exited.at));
    assert_eq!(services.current(&name("orders")), Some(second));

    services.stop_all(Duration::from_secs(5)).await;
    assert_eq!(services.current(&name("orders")), None);
    assert!(!runs(second.pid));
    let last = next(&mut notices).await;
    assert_eq!(last.change, ServiceChange::Exited { process: second, code: None, signal: Some(15) });
    assert!(notices.recv().await.is_none(), "an orderly end is not a loss");
}

#[tokio::test]
async fn exit_codes_are_told_and_an_end_without_restart_is_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let (services, (sender, mut notices)) = (services(), mpsc::channel(64));
    services.start(launch(folder.path(), "brief", &["sh", "-c", "echo said; exit 7"]), sender).await.unwrap();
    let (process, _) = started(&mut notices).await;
    assert_eq!(next(&mut notices).await.change, ServiceChange::Exited { process, code: Some(7), signal: None });
    assert_eq!(services.current(&name("brief")), None);
    assert_eq!(std::fs::read_to_string(folder.path().join("brief.log")).unwrap(), "said\n");
    services.stop_all(Duration::ZERO).await;
}

#[tokio::test]
async fn what_cannot_start_says_why_and_leaves_no_supervisor() {
    let folder = tempfile::tempdir().unwrap();
    let services = services();
    let refuse = async |launch: ServiceLaunch| {
        let (sender, mut notices) = mpsc::channel(4);
        let refused = services.start(launch, sender).await.unwrap_err();
        assert!(notices.recv().await.is_none(), "no notice, and nobody left to send one");
        refused
    };
    let missing = refuse(launch(folder.path(), "a", &["simulacro-no-such-program"])).await;
    assert!(matches!(&missing, DriverError::NotFound(why) if why.contains("install it")), "{missing}");
    let nowhere = folder.path().join("nowhere");
    let nowhere = ServiceLaunch { dir: nowhere, ..launch(folder.path(), "b", &["sleep", "1"]) };
    let nowhere = refuse(nowhere).await;
    assert!(matches!(&nowhere, DriverError::NotFound(why) if why.contains("does not exist")), "{nowhere}");
    let empty = refuse(launch(folder.path(), "c", &[])).await;
    assert!(empty.to_string().contains("empty"), "{empty}");
    let shown = refuse(launch(folder.path(), "d", &["sleep", "${env:PATH}"])).await;
    assert!(matches!(&shown, DriverError::Refused(why) if why.contains("put it into `env`")), "{shown}");
}

#[tokio::test]
async fn the_whole_tree_ends_when_the_lease_breaks_however_it_hides() {
    let folder = tempfile::tempdir().unwrap();
    let mark = marker();
    let (services, (sender, mut notices)) = (services(), mpsc::channel(64));
    services.start(launch(folder.path(), "tree", &["sh", "-c", &fugitives(&mark)]), sender).await.unwrap();
    let (process, _) = started(&mut notices).await;
    until("all are there", || sleepers(&mark).len() == FUGITIVES).await;
    let supervisor = supervisor_of(process);
    for pid in sleepers(&mark).into_iter().step_by(2) {
        signal(pid, Signal::STOP);
    }
    drop(services);
    until("the tree has ended", || sleepers(&mark).is_empty() && !runs(supervisor)).await;
}

#[tokio::test]
async fn an_orderly_stop_lets_a_service_say_goodbye_and_ends_one_that_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let mark = marker();
    let (services, (sender, mut notices)) = (services(), mpsc::channel(64));
    let polite = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    services.start(launch(folder.path(), "polite", &["sh", "-c", polite]), sender.clone()).await.unwrap();
    let (process, _) = started(&mut notices).await;
    services.start(launch(folder.path(), "stubborn", &["sh", "-c", &fugitives(&mark)]), sender).await.unwrap();
    until("all are there", || sleepers(&mark).len() == FUGITIVES).await;
    let log = folder.path().join("polite.log");
    until("it is ready", || std::fs::read_to_string(&log).unwrap() == "ready\n").await;
    signal(process.pid, Signal::STOP);

    services.stop_all(Duration::from_millis(300)).await;
    assert_eq!(sleepers(&mark), Vec::<i32>::new());
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.ends_with("bye\n"), "even though it was stopped: {said}");
}

#[tokio::test]
async fn what_a_service_left_running_is_ended_before_its_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mark = marker();
    let (services, (sender, mut notices)) = (services(), mpsc::channel(64));
    let script = format!("sleep {mark} & echo up; wait");
    let restart_after = Some(Duration::from_millis(20));
    let launch = ServiceLaunch { restart_after, ..launch(folder.path(), "leaky", &["sh", "-c", &script]) };
    services.start(launch, sender).await.unwrap();
    let (first, _) = started(&mut notices).await;
    until("its child is there", || sleepers(&mark).len() == 1).await;
    let child = sleepers(&mark)[0];
    signal(first.pid, Signal::KILL);
    assert!(matches!(next(&mut notices).await.change, ServiceChange::Exited { .. }));
    started(&mut notices).await;
    assert!(!runs(child), "the restarted service would find its port taken");
    services.stop_all(Duration::ZERO).await;
    assert_eq!(sleepers(&mark), Vec::<i32>::new());
}

#[tokio::test]
async fn a_lost_supervisor_is_told_and_its_service_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mark = marker();
    let (services, (sender, mut notices)) = (services(), mpsc::channel(64));
    let script = format!("(sleep {mark} &) ; exec sleep {mark}");
    services.start(launch(folder.path(), "orphan", &["sh", "-c", &script]), sender).await.unwrap();
    let (process, _) = started(&mut notices).await;
    until("both are there", || sleepers(&mark).len() == 2).await;
    signal(supervisor_of(process), Signal::KILL);
    let lost = next(&mut notices).await.change;
    assert!(matches!(&lost, ServiceChange::Lost(why) if why.contains("signal: 9")), "{lost:?}");
    assert_eq!(sleepers(&mark), Vec::<i32>::new());
    assert_eq!(services.current(&name("orphan")), None);
    services.stop_all(Duration::ZERO).await;
}

#[tokio::test]
async fn secrets_reach_the_environment_and_no_process_list() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "open-sesame\n").unwrap();
    let mark = marker();
    let services = HostServices::new(Clock::start(), program(), Secrets::new());
    let script = format!("echo token=$TOKEN; exec sleep {mark}");
    let launch = ServiceLaunch {
        env: vec![("TOKEN".into(), format!("${{file:{}}}", file.display()))],
        ..launch(folder.path(), "secretive", &["sh", "-c", &script])
    };
    let log = launch.log.clone();
    let (sender, mut notices) = mpsc::channel(64);
    services.start(launch, sender).await.unwrap();
    let (process, _) = started(&mut notices).await;
    until("it runs", || command_line(process.pid) == ["sleep", &mark]).await;
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "token=open-sesame\n");
    let supervisor = command_line(supervisor_of(process));
    assert_eq!(supervisor[1..], ["service-shim"], "nothing else is in its arguments");
    services.stop_all(Duration::ZERO).await;
}

#[tokio::test]
async fn the_word_simulacro_means_this_binary() {
    let folder = tempfile::tempdir().unwrap();
    let (services, (sender, mut notices)) = (services(), mpsc::channel(64));
    // A supervisor as service: it waits for an assignment that never comes, so it can be looked at; its end of file is
    // immediate, because services read nothing.
    services.start(launch(folder.path(), "self", &["simulacro", "service-shim"]), sender).await.unwrap();
    let (process, _) = started(&mut notices).await;
    let exited = next(&mut notices).await.change;
    assert!(matches!(exited, ServiceChange::Exited { process: p, code: Some(1), .. } if p == process), "{exited:?}");
    services.stop_all(Duration::ZERO).await;
}

const PARK: &str = "SIMULACRO_TEST_PARK";

/// A runner with two services and a child that outlives it. By itself it checks that both services end with the
/// driver; with `PARK` set it waits to be killed instead, for the test below.
#[tokio::test]
async fn two_services_end_with_their_driver() {
    let folder = tempfile::tempdir().unwrap();
    let (services, (sender, mut notices)) = (services(), mpsc::channel(64));
    let park = std::env::var(PARK).ok();
    let mark = park.clone().unwrap_or_else(marker);
    for service in ["one", "two"] {
        services.start(launch(folder.path(), service, &["sleep", &mark]), sender.clone()).await.unwrap();
        started(&mut notices).await;
    }
    if park.is_some() {
        // Would hold the leases open if it inherited them.
        let mut bystander = Command::new("sleep").arg(format!("1{mark}")).stdin(Stdio::null()).spawn().unwrap();
        bystander.wait().unwrap();
    }
    drop(services);
    until("both have ended", || sleepers(&mark).is_empty()).await;
}

#[tokio::test]
async fn nothing_outlives_a_runner_that_is_killed() {
    let mark = marker();
    let mut runner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "services::two_services_end_with_their_driver", "--nocapture"])
        .env(PARK, &mark)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let bystander = format!("1{mark}");
    until("all run", || sleepers(&mark).len() == 2 && sleepers(&bystander).len() == 1).await;
    let supervisors: Vec<i32> =
        sleepers(&mark).into_iter().map(|pid| stat_field(pid, 4).unwrap().parse().unwrap()).collect();
    assert_ne!(supervisors[0], supervisors[1]);

    runner.kill().unwrap();
    runner.wait().unwrap();
    until("services and supervisors have ended", || {
        sleepers(&mark).is_empty() && !supervisors.iter().any(|pid| runs(*pid))
    })
    .await;
    let left = sleepers(&bystander);
    assert_eq!(left.len(), 1, "the bystander lives, and held no lease");
    signal(left[0], Signal::KILL);
}
