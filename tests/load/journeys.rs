//! The closed-model executor, goose and all, in the real worker process.

use std::collections::BTreeMap;

use crate::drive::start;
use crate::server::{Manners, Server};

const SHOPPERS: &str = "
simulacro_profile: 1
name: shoppers
constant_vus: { vus: 4, start_per_second: 50, DURATION }
timeout: 20s
journeys:
  - name: buyer
    wait_time: { min: 5ms, max: 15ms }
    steps:
      - { name: buy, method: PUT, path: '/orders/user-${user}-${iteration}', body: '{\"n\": ${random:1-9}}', expect: { status: 201 } }
      - { name: look, path: '/orders/user-${user}-${iteration}', expect: { status: 200 } }
";

fn profile(duration: &str) -> String {
    SHOPPERS.replace(", DURATION", duration)
}

#[tokio::test]
async fn users_take_their_steps_in_order_and_the_counts_agree_with_the_server() {
    let server = Server::start(Manners::Good).await;
    let drive = start(&profile(""), &server.url()).await;
    server.wait_for(60).await;
    let log = drive.folder.path().join("load-steady.log");
    assert!(log.exists(), "whatever goose prints is kept");
    let heard = drive.stop().await;
    heard.assert_whole();
    assert_eq!((heard.err(), heard.dropped(), heard.not_sent()), (0, 0, 0), "{:?}", heard.reasons());
    let seen = server.seen();
    assert_eq!(seen.len() as u64, heard.ok() + heard.pending());
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    for request in &seen {
        let (method, path) = request.what.split_once(' ').unwrap();
        let user = path.rsplit_once('-').unwrap().0.to_owned();
        let before = last.insert(user, request.what.clone());
        if method == "GET" {
            assert_eq!(before, Some(format!("PUT {path}")), "a look without its order");
        }
    }
    assert_eq!(last.len(), 4, "all users went: {last:?}");
    let hello = heard.hello.unwrap();
    assert_eq!((hello.executor.as_str(), hello.asked_rate), ("constant_vus", None));
}

#[tokio::test]
async fn a_profile_with_a_duration_ends_by_itself() {
    let server = Server::start(Manners::Good).await;
    let heard = start(&profile(", duration: 1s"), &server.url()).await.hear_all().await;
    heard.assert_whole();
    assert_eq!(heard.pending(), 0);
    assert_eq!(server.seen().len() as u64, heard.ok());
}

#[tokio::test]
async fn a_hanging_server_does_not_hold_up_the_stop() {
    let server = Server::start(Manners::Stall).await;
    let drive = start(&profile(""), &server.url()).await;
    server.wait_for(4).await;
    let heard = drive.stop().await;
    heard.assert_whole();
    assert_eq!((heard.ok(), heard.pending()), (0, 4));
    assert_eq!(server.seen().len(), 4, "nothing was sent after the stop");
}

#[tokio::test]
async fn refused_connections_make_no_storm() {
    let server = Server::start(Manners::Good).await;
    let url = server.url();
    drop(server);
    // Without think time, users try again at once but for their rest: at most 100 times a second each.
    let eager =
        profile(", duration: 1s").replace("wait_time: { min: 5ms, max: 15ms }", "wait_time: { min: 0s, max: 0s }");
    let heard = start(&eager, &url).await.hear_all().await;
    heard.assert_whole();
    assert_eq!(heard.ok(), 0);
    let windows = heard.lines.iter().map(|line| line.window).max().unwrap() - heard.lines[0].window + 1;
    assert!(heard.err() >= 4 && heard.err() <= 4 * 10 * (windows + 1), "{} in {windows} windows", heard.err());
    assert!(heard.reasons().iter().all(|why| why.contains("refused")), "{:?}", heard.reasons());
}

#[tokio::test]
async fn broken_answers_are_failures_with_their_reason() {
    for (manners, reason) in [
        (Manners::Reset, "connection closed"),
        (Manners::MidBody, "connection closed"),
        (Manners::Status(500), "status 500"),
    ] {
        let server = Server::start(manners).await;
        let drive = start(&profile(""), &server.url()).await;
        server.wait_for(8).await;
        let heard = drive.stop().await;
        heard.assert_whole();
        assert_eq!(heard.ok(), 0);
        assert!(heard.reasons().iter().any(|why| why.contains(reason)), "{manners:?}: {:?}", heard.reasons());
    }
}
