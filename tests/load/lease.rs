//! How a worker ends: told to, with its lease, by itself, killed, or never having started.

use std::path::Path;
use std::time::Duration;

use simulacro::clock::raw_now;

use crate::drive::{Heard, LIMIT, start};
use crate::server::{Manners, Server};

const ENDLESS: &str = "
simulacro_profile: 1
name: steady
constant_arrival_rate: { rate: 200, max_senders: 400 }
timeout: 30s
requests:
  - { name: list, path: /orders }
";

async fn gone(pid: i32) {
    let wait = async {
        while Path::new(&format!("/proc/{pid}")).exists() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("the worker is still there");
}

#[tokio::test]
async fn stop_ends_the_load_and_everything_is_told() {
    let server = Server::start(Manners::Good).await;
    let drive = start(ENDLESS, &server.url()).await;
    server.wait_for(60).await;
    let heard = drive.stop().await;
    let stopped = raw_now();
    heard.assert_whole();
    gone(heard.hello.as_ref().unwrap().pid).await;
    let seen = server.seen();
    assert_eq!(seen.len() as u64, heard.ok() + heard.pending());
    assert!(seen.iter().all(|request| request.at < stopped), "a request came after the stop");
}

#[tokio::test]
async fn stop_does_not_wait_for_a_hanging_server_and_leaves_its_requests_pending() {
    let server = Server::start(Manners::Stall).await;
    let drive = start(ENDLESS, &server.url()).await;
    server.wait_for(40).await;
    let heard = drive.stop().await;
    heard.assert_whole();
    assert_eq!((heard.ok(), heard.err()), (0, 0), "{:?}", heard.reasons());
    assert!(heard.pending() >= 40);
    assert!(heard.lines.iter().filter(|line| line.pending > 0).all(|line| !line.is_final && line.oldest > 0));
    gone(heard.hello.unwrap().pid).await;
}

#[tokio::test]
async fn a_worker_ends_with_its_lease_even_while_the_server_hangs() {
    let server = Server::start(Manners::Stall).await;
    let mut drive = start(ENDLESS, &server.url()).await;
    let mut heard = Heard::default();
    while heard.hello.is_none() {
        assert!(drive.hear(&mut heard).await);
    }
    server.wait_for(20).await;
    drop(drive);
    gone(heard.hello.unwrap().pid).await;
}

#[tokio::test]
async fn a_killed_worker_is_lost() {
    let server = Server::start(Manners::Good).await;
    let mut drive = start(ENDLESS, &server.url()).await;
    let mut heard = Heard::default();
    while heard.hello.is_none() {
        assert!(drive.hear(&mut heard).await);
    }
    let pid = rustix::process::Pid::from_raw(heard.hello.as_ref().unwrap().pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let rest = drive.hear_all().await;
    assert!(rest.end.is_none());
    let why = rest.lost.unwrap();
    assert!(why.contains("without its last line") && why.contains("9"), "{why}");
}

#[tokio::test]
async fn a_worker_that_cannot_start_says_why() {
    for (profile, url, says) in [
        (ENDLESS.replace("path: /orders", "path: '/orders/${sek}'"), "http://127.0.0.1:9", "${sek}"),
        (ENDLESS.to_owned(), "127.0.0.1:9", "http://"),
        (
            ENDLESS.replace("/orders }", "/orders, headers: { A: '${env:NOT_SET_HERE}' } }"),
            "http://127.0.0.1:9",
            "NOT_SET_HERE",
        ),
    ] {
        let heard = start(&profile, url).await.hear_all().await;
        let why = heard.lost.unwrap();
        assert!(why.contains(says), "`{says}` is missing from: {why}");
        assert!(heard.lines.is_empty() && heard.end.is_none());
    }
}

#[tokio::test]
async fn a_program_that_is_no_worker_is_lost_and_not_waited_for() {
    let drive = crate::drive::start_with("/bin/echo".into(), ENDLESS, "http://127.0.0.1:9").await.hear_all().await;
    assert!(drive.lost.unwrap().contains("not understood"));
}
