//! Bad targets and bad profiles: each is told for what it is, at the asked rate, and never as a success.
//!
//! What the server counted is the truth. A failure that is the target's counts as failed; one that is ours makes its
//! window blind.

use crate::drive::{Drive, Heard, start, start_with};
use crate::server::{Manners, Server, Unreachable, refusing};

/// One request, `rate` a second for `duration`, on at most `senders` connections.
fn profile(rate: u32, duration: &str, senders: u32, timeout: &str) -> String {
    format!(
        "
simulacro_profile: 1
name: steady
constant_arrival_rate: {{ rate: {rate}, duration: {duration}, max_senders: {senders} }}
timeout: {timeout}
requests:
  - {{ name: list, path: '/orders?n=${{seq}}', expect: {{ status: 200 }} }}
"
    )
}

async fn drive(profile: &str, url: &str) -> Heard {
    let heard = start(profile, url).await.hear_all().await;
    heard.assert_whole();
    heard
}

/// Whether some reason holds `word`.
fn says(heard: &Heard, word: &str) -> bool {
    heard.reasons().iter().any(|why| why.contains(word))
}

#[tokio::test]
async fn an_unreachable_host_fails_by_timeout_at_the_asked_rate() {
    let host = Unreachable::new();
    let heard = drive(&profile(100, "1s", 200, "300ms"), &host.url()).await;
    assert_eq!((heard.intended(), heard.ok(), heard.dropped()), (100, 0, 0));
    assert_eq!(heard.err() + heard.not_sent(), 100);
    assert!(heard.err() > 0 && heard.hist_err().min() >= 299_000, "{}", heard.hist_err().min());
    assert!(says(&heard, "timeout"), "{:?}", heard.reasons());
}

#[tokio::test]
#[ignore = "needs a network namespace: root, user namespaces or sudo"]
async fn a_host_without_a_route_makes_windows_blind_and_not_bad() {
    let folder = tempfile::tempdir().unwrap();
    let mut drive = start_with(cut_off(&folder), &profile(50, "400ms", 50, "2s"), "http://127.0.0.1:9").await;
    let heard = drive.hear_all().await;
    heard.assert_whole();
    assert_eq!((heard.intended(), heard.ok(), heard.err(), heard.not_sent()), (20, 0, 0, 20), "{:?}", heard.reasons());
    assert!(says(&heard, "not sent"), "{:?}", heard.reasons());
}

/// The program in a network of its own in which nothing is up: the machine's own cable is out.
fn cut_off(folder: &tempfile::TempDir) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let program = folder.path().join("cut-off");
    let script = "#!/bin/sh\nunshare -rn true 2>/dev/null && exec unshare -rn PROGRAM \"$@\"\n\
                  exec sudo -n unshare -n PROGRAM \"$@\"\n";
    std::fs::write(&program, script.replace("PROGRAM", env!("CARGO_BIN_EXE_simulacro"))).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[tokio::test]
async fn refused_connections_are_not_tried_again_at_once() {
    // A thousand requests a second on five senders: each rests at least 10 ms after a refusal.
    let heard = drive(&profile(1_000, "1s", 5, "2s"), &refusing().await).await;
    assert_eq!((heard.intended(), heard.ok()), (1_000, 0));
    assert!(heard.err() >= 5 && heard.err() <= 5 * 101, "{} connections in a second", heard.err());
    assert_eq!(heard.err() + heard.dropped() + heard.not_sent(), 1_000, "each is told, none is lost");
    let most = heard.lines.iter().map(|line| line.err).max().unwrap();
    assert!(most <= 5 * 11, "{most} in a tenth of a second");
    assert!(says(&heard, "refused"), "{:?}", heard.reasons());
}

#[tokio::test]
async fn a_server_that_slams_the_door_is_not_stormed() {
    let server = Server::start(Manners::Slam).await;
    let heard = drive(&profile(200, "1s", 100, "2s"), &server.url()).await;
    assert_eq!((heard.intended(), heard.ok()), (200, 0));
    assert!(heard.err() > 0, "{:?}", heard.reasons());
    assert!(server.connections() > 0 && server.connections() <= heard.err(), "{} connections", server.connections());
}

#[tokio::test]
async fn answers_that_never_come_to_an_end_are_timeouts() {
    for manners in [Manners::Stall, Manners::HalfBody, Manners::SlowHead(5)] {
        let server = Server::start(manners).await;
        let heard = drive(&profile(100, "500ms", 100, "400ms"), &server.url()).await;
        assert_eq!((heard.intended(), heard.ok(), heard.dropped()), (50, 0, 0), "{manners:?}");
        assert_eq!(heard.err() + heard.not_sent(), 50, "{manners:?}");
        assert!(heard.hist_err().min() >= 399_000, "{manners:?}: cut off after {} µs", heard.hist_err().min());
        assert!(says(&heard, "timeout"), "{manners:?}: {:?}", heard.reasons());
        assert!(server.seen().len() as u64 <= heard.err(), "{manners:?}: a request was sent twice");
    }
}

#[tokio::test]
async fn a_server_that_comes_back_meets_no_late_answer() {
    let server = Server::start(Manners::HalfBody).await;
    let mut drive: Drive = start(&profile(100, "2s", 300, "300ms"), &server.url()).await;
    server.wait_for(60).await;
    let before = server.seen().len() as u64;
    server.set(Manners::Good);
    let heard = drive.hear_all().await;
    heard.assert_whole();
    // What the second half of a broken answer would be taken for: a good one, or gibberish.
    assert!(heard.ok() > 0 && heard.ok() <= server.seen().len() as u64 - before + 1, "{} good", heard.ok());
    assert!(!says(&heard, "not HTTP"), "{:?}", heard.reasons());
}

#[tokio::test]
async fn a_body_without_an_end_is_a_failure_and_fills_no_memory() {
    let server = Server::start(Manners::Endless).await;
    let mut drive = start(&profile(20, "30s", 40, "500ms"), &server.url()).await;
    let mut heard = Heard::default();
    while heard.hello.is_none() {
        assert!(drive.hear(&mut heard).await);
    }
    // So many bytes would be seen in the worker's memory if it kept them.
    while server.sent() < 200_000_000 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let peak = peak_kib(heard.hello.unwrap().pid);
    assert!(peak < 100_000, "{peak} KiB for answers of {} bytes", server.sent());
    let heard = drive.stop().await;
    assert_eq!(heard.ok(), 0);
}

/// The most memory a process has had, in KiB.
fn peak_kib(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn large_answers_are_read_whole() {
    let server = Server::start(Manners::Large(3_000_000)).await;
    let heard = drive(&profile(10, "500ms", 10, "20s"), &server.url()).await;
    assert_eq!((heard.intended(), heard.ok(), heard.err()), (5, 5, 0), "{:?}", heard.reasons());
}

#[tokio::test]
async fn a_rate_above_what_this_machine_can_send_is_blamed_on_the_machine() {
    let server = Server::start(Manners::Good).await;
    let heard = drive(&profile(400_000, "2s", 2_000, "20s"), &server.url()).await;
    assert_eq!(heard.intended(), 800_000, "the rate that was asked is told whole");
    assert!(heard.not_sent() > 0, "{:?}", heard.reasons());
    assert!(says(&heard, "too busy"), "{:?}", heard.reasons());
}
