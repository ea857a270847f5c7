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

const VISITORS: &str = "
simulacro_profile: 1
name: visitors
per_vu_iterations: { vus: 3, iterations: 4 }
timeout: 20s
journeys:
  - name: member
    wait_time: { min: 0s, max: 2ms }
    on_start:
      - { name: log in, method: POST, path: '/login/${user}' }
    steps:
      - { name: list, path: '/list/${user}/${iteration}', think_time: { min: 0s, max: 1ms } }
      - { name: show, path: '/show/${user}/${iteration}' }
    on_stop:
      - { name: log out, method: POST, path: '/logout/${user}' }
";

/// What each user did, in order, by the second part of the path.
fn by_user(server: &Server) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for request in server.seen() {
        let (_, path) = request.what.split_once(' ').unwrap();
        let mut parts = path.split('/').skip(1);
        let (what, user) = (parts.next().unwrap(), parts.next().unwrap());
        let pass = parts.next().map_or(String::new(), |pass| format!(" {pass}"));
        all.entry(user.to_owned()).or_default().push(format!("{what}{pass}"));
    }
    all
}

#[tokio::test]
async fn users_come_pass_a_fixed_number_of_times_and_go() {
    let server = Server::start(Manners::Good).await;
    let heard = start(VISITORS, &server.url()).await.hear_all().await;
    heard.assert_whole();
    assert_eq!((heard.err(), heard.not_sent(), heard.pending()), (0, 0, 0), "{:?}", heard.reasons());
    let users = by_user(&server);
    assert_eq!(users.len(), 3);
    for (user, did) in users {
        let mut expected = vec!["login".to_owned()];
        expected.extend((0..4).flat_map(|pass| [format!("list {pass}"), format!("show {pass}")]));
        expected.push("logout".to_owned());
        assert_eq!(did, expected, "user {user}");
    }
}

#[tokio::test]
async fn users_follow_the_stages_and_every_visit_begins_and_ends_as_it_should() {
    let server = Server::start(Manners::Good).await;
    let stages = "ramping_vus: { start_vus: 1, graceful_ramp_down: 1s, stages: [ { duration: 400ms, target: 4 }, \
                  { duration: 0s, target: 1 }, { duration: 300ms, target: 1 }, { duration: 0s, target: 2 }, \
                  { duration: 300ms, target: 2 } ] }";
    let profile = VISITORS.replace("per_vu_iterations: { vus: 3, iterations: 4 }", stages);
    let heard = start(&profile, &server.url()).await.hear_all().await;
    heard.assert_whole();
    assert_eq!((heard.err(), heard.not_sent(), heard.pending()), (0, 0, 0), "{:?}", heard.reasons());
    let users = by_user(&server);
    let visits = |user: &str| users[user].iter().filter(|what| *what == "login").count();
    assert_eq!(["0", "1", "2", "3"].map(visits), [1, 2, 1, 1], "{users:?}");
    for did in users.values() {
        assert_eq!(did.first().map(String::as_str), Some("login"));
        assert_eq!(did.last().map(String::as_str), Some("logout"));
        let outs = did.iter().filter(|what| *what == "logout").count();
        assert_eq!(outs, did.iter().filter(|what| *what == "login").count());
    }
    assert_eq!(heard.hello.unwrap().executor, "ramping_vus");
}

#[tokio::test]
async fn journeys_are_given_out_by_weight() {
    let server = Server::start(Manners::Good).await;
    let profile = "
simulacro_profile: 1
name: crowd
per_vu_iterations: { vus: 8, iterations: 1 }
journeys:
  - { name: rare, weight: 1, wait_time: { min: 0s, max: 0s }, steps: [{ name: rare, path: '/rare/${user}' }] }
  - { name: usual, weight: 3, wait_time: { min: 0s, max: 0s }, steps: [{ name: usual, path: '/usual/${user}' }] }
  - { name: never, weight: 0, wait_time: { min: 0s, max: 0s }, steps: [{ name: never, path: '/never/${user}' }] }
";
    let heard = start(profile, &server.url()).await.hear_all().await;
    heard.assert_whole();
    let count = |what: &str| server.seen().iter().filter(|r| r.what.contains(what)).count();
    assert_eq!((count("/rare/"), count("/usual/"), count("/never/")), (2, 6, 0));
}
