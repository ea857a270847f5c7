//! Data files and answers that do not hold what a profile needs: said before the first request, or told as not sent.

use std::path::Path;

use crate::drive::{Heard, start};
use crate::server::{Manners, Server};

/// 60 requests, filled from `users`, a data file in `folder`.
fn profile(folder: &Path, data: &str, path: &str) -> String {
    format!(
        "
simulacro_profile: 1
name: steady
constant_arrival_rate: {{ rate: 100, duration: 600ms, max_senders: 100 }}
timeout: 10s
data: {{ users: {{ {} }} }}
requests:
  - {{ name: look, path: '{path}', expect: {{ status: 200 }} }}
",
        data.replace("FOLDER", &folder.display().to_string())
    )
}

async fn drive(profile: &str, server: &Server) -> Heard {
    start(profile, &server.url()).await.hear_all().await
}

/// The worker did not start, and says every word of why.
fn assert_refused(heard: &Heard, server: &Server, words: &[&str]) {
    let why = heard.lost.as_ref().expect("the worker went on");
    for word in words {
        assert!(why.contains(word), "`{word}` is missing from: {why}");
    }
    assert_eq!((heard.lines.len(), server.seen().len()), (0, 0));
}

const TEN: &str = "email,age\na0@x,1\na1@x,2\na2@x,3\na3@x,4\na4@x,5\na5@x,6\na6@x,7\na7@x,8\na8@x,9\na9@x,10\n";

#[tokio::test]
async fn a_data_file_that_is_used_up_stops_the_requests_and_not_the_account() {
    let (server, folder) = (Server::start(Manners::Good).await, tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("users.csv"), TEN).unwrap();
    let once = profile(folder.path(), "csv: 'FOLDER/users.csv', order: once", "/of/${users.email}");
    let heard = drive(&once, &server).await;
    heard.assert_whole();
    assert_eq!((heard.intended(), heard.ok(), heard.err(), heard.not_sent()), (60, 10, 0, 50), "{:?}", heard.reasons());
    assert!(heard.reasons().iter().any(|why| why.contains("no row left")), "{:?}", heard.reasons());
    let mut seen: Vec<String> = server.seen().into_iter().map(|request| request.what).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 10, "each row is used once");
}

#[tokio::test]
async fn a_circular_data_file_is_never_used_up() {
    let (server, folder) = (Server::start(Manners::Good).await, tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("users.csv"), TEN).unwrap();
    let round = profile(folder.path(), "csv: 'FOLDER/users.csv'", "/of/${users.email}");
    let heard = drive(&round, &server).await;
    heard.assert_whole();
    assert_eq!((heard.intended(), heard.err()), (60, 0), "{:?}", heard.reasons());
    assert_eq!(heard.ok() + heard.not_sent(), 60);
}

#[tokio::test]
async fn a_data_file_that_is_missing_empty_or_broken_is_named_before_anything_is_sent() {
    let (server, folder) = (Server::start(Manners::Good).await, tempfile::tempdir().unwrap());
    let missing = profile(folder.path(), "csv: 'FOLDER/nobody.csv'", "/of/${users.email}");
    assert_refused(&drive(&missing, &server).await, &server, &["nobody.csv"]);
    std::fs::write(folder.path().join("empty.csv"), "email,age\n").unwrap();
    let empty = profile(folder.path(), "csv: 'FOLDER/empty.csv'", "/of/${users.email}");
    assert_refused(&drive(&empty, &server).await, &server, &["empty.csv"]);
    std::fs::write(folder.path().join("ragged.csv"), "email,age\na@x,1\nb@x\n").unwrap();
    let ragged = profile(folder.path(), "csv: 'FOLDER/ragged.csv'", "/of/${users.email}");
    assert_refused(&drive(&ragged, &server).await, &server, &["ragged.csv", "3"]);
    std::fs::write(folder.path().join("broken.jsonl"), "{\"email\": \"a@x\"}\n{\"email\": \n").unwrap();
    let broken = profile(folder.path(), "jsonl: 'FOLDER/broken.jsonl'", "/of/${users.email}");
    assert_refused(&drive(&broken, &server).await, &server, &["broken.jsonl", "2"]);
}

#[tokio::test]
async fn a_template_that_names_an_unknown_field_is_refused_with_the_name() {
    let (server, folder) = (Server::start(Manners::Good).await, tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("users.csv"), TEN).unwrap();
    let unknown = profile(folder.path(), "csv: 'FOLDER/users.csv'", "/of/${users.mail}");
    assert_refused(&drive(&unknown, &server).await, &server, &["mail"]);
    let nobody = profile(folder.path(), "csv: 'FOLDER/users.csv'", "/of/${customers.email}");
    assert_refused(&drive(&nobody, &server).await, &server, &["customers"]);
}

/// Twenty requests a second against a server that sends much, with this limit.
fn limited(limit: u64, expect: &str) -> String {
    format!(
        "
simulacro_profile: 1
name: steady
constant_arrival_rate: {{ rate: 20, duration: 1s, max_senders: 20 }}
timeout: 20s
http: {{ response_limit: {limit} }}
requests:
  - {{ name: list, path: /orders, expect: {{ {expect} }} }}
"
    )
}

#[tokio::test]
async fn an_answer_above_the_limit_is_a_failure_and_is_not_read_to_its_end() {
    for (manners, expect) in [
        (Manners::Large(3_000_000), "status: 200"),
        (Manners::Endless, "status: 200"),
        // Here the body must be kept to be looked at: as far as the limit and no further.
        (Manners::Endless, "contains: nothing of the kind"),
    ] {
        let server = Server::start(manners).await;
        let heard = drive(&limited(100_000, expect), &server).await;
        heard.assert_whole();
        assert_eq!((heard.intended(), heard.ok()), (20, 0), "{manners:?}");
        assert!(heard.err() > 0 && heard.hist_err().max() < 20_000_000, "{manners:?}: it was read until the timeout");
        assert!(heard.reasons().iter().any(|why| why.contains("response_limit")), "{manners:?}: {:?}", heard.reasons());
    }
}

#[tokio::test]
async fn an_answer_at_the_limit_is_good() {
    let server = Server::start(Manners::Large(100_000)).await;
    let heard = drive(&limited(100_000, "status: 200"), &server).await;
    heard.assert_whole();
    assert_eq!((heard.intended(), heard.err()), (20, 0), "{:?}", heard.reasons());
    assert!(heard.ok() > 0);
}

#[cfg(feature = "goose")]
#[tokio::test]
async fn a_value_that_is_not_in_the_answer_ends_the_pass_and_nothing_is_sent_with_a_hole_in_it() {
    let server = Server::start(Manners::Good).await;
    let journey = "
simulacro_profile: 1
name: shoppers
per_vu_iterations: { vus: 2, iterations: 3 }
timeout: 10s
journeys:
  - name: buyer
    wait_time: { min: 1ms, max: 2ms }
    steps:
      - { name: login, path: /login, extract: { token: { header: x-token } } }
      - { name: buy, path: '/orders?token=${token}' }
";
    let heard = drive(journey, &server).await;
    heard.assert_whole();
    assert_eq!(heard.ok(), 0, "{:?}", heard.reasons());
    assert!(heard.reasons().iter().any(|why| why.contains("later steps need")), "{:?}", heard.reasons());
    assert!(server.seen().iter().all(|request| request.what == "GET /login"), "{:?}", server.seen());
}
