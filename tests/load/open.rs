//! The open-model executor against servers that behave and servers that do not. The server's own log is the truth.

use std::collections::BTreeSet;

use crate::drive::{start, start_with};
use crate::server::{Manners, Server, refusing};

fn profile(rate: u32, duration: &str, senders: u32, timeout: &str) -> String {
    format!(
        "
simulacro_profile: 1
name: steady
constant_arrival_rate: {{ rate: {rate}, duration: {duration}, max_senders: {senders} }}
timeout: {timeout}
requests:
  - {{ name: create, method: PUT, path: '/orders/load-${{seq}}', body: '{{\"n\": ${{seq}}}}', expect: {{ status: [200, 201] }} }}
  - {{ name: list, path: '/orders?limit=20', expect: {{ status: 200 }} }}
"
    )
}

#[tokio::test]
async fn a_good_server_sees_exactly_what_is_reported() {
    let server = Server::start(Manners::Good).await;
    let heard = start(&profile(200, "1s", 50, "20s"), &server.url()).await.hear_all().await;
    heard.assert_whole();
    assert_eq!(heard.intended(), 200);
    // A machine that stood still for a second does not send what is overdue, and says so.
    assert_eq!(heard.ok() + heard.not_sent(), 200, "{:?}", heard.reasons());
    let seen = server.seen();
    assert_eq!(seen.len() as u64, heard.ok());
    let created: BTreeSet<&str> = seen.iter().filter(|s| s.what.starts_with("PUT")).map(|s| s.what.as_str()).collect();
    let reported: u64 = heard.lines.iter().filter(|line| line.name == "create").map(|line| line.ok).sum();
    assert_eq!(created.len() as u64, reported, "every number is used once");
    assert!(reported > 0 && reported < heard.ok(), "both requests are picked: {reported} of {}", heard.ok());
    let order = seen.iter().find(|s| s.what.starts_with("PUT")).unwrap();
    let number = order.what.rsplit_once('-').unwrap().1;
    assert_eq!(order.body, format!("{{\"n\": {number}}}"));
    let hello = heard.hello.unwrap();
    assert_eq!((hello.asked_rate, hello.executor.as_str()), (Some(200.0), "constant_arrival_rate"));
}

#[tokio::test]
async fn latency_of_a_stall_counts_from_the_intended_start() {
    let server = Server::start(Manners::Good).await;
    let mut drive = start(&profile(100, "4s", 1000, "30s"), &server.url()).await;
    server.wait_for(50).await;
    server.set(Manners::Stall);
    let stalled = simulacro::clock::raw_now();
    // A request that was read before may still be answered; the stall is sure once others have piled up behind it.
    server.wait_for(server.seen().len() + 150).await;
    let released = simulacro::clock::raw_now();
    server.set(Manners::Good);
    let heard = drive.hear_all().await;
    heard.assert_whole();
    assert_eq!((heard.intended(), heard.ok() + heard.not_sent()), (400, 400), "{:?}", heard.reasons());
    // Truth: whatever was meant to start during the stall was answered after its end.
    let mut inside = 0;
    for line in &heard.lines {
        for slot in &line.slots {
            let begin = drive.epoch + line.window as i64 * 100_000_000 + i64::from(slot.slot) * 10_000_000;
            let end = begin + 10_000_000;
            if begin > stalled + 20_000_000 && end < released {
                let least = (released - end) / 1000;
                assert!(i64::from(slot.max_us) >= least, "slot {slot:?} of {}: at least {least} µs", line.window);
                inside += slot.ok;
            }
        }
    }
    assert!(inside >= 50, "only {inside} requests lay inside the stall");
    // Half of the stall's requests waited for longer than half of it, in spite of the client's own patience.
    let long = heard.hist_ok().count_between((released - stalled) as u64 / 2000, u64::MAX);
    assert!(long >= u64::from(inside) / 3, "{long} of {inside}");
}

#[tokio::test]
async fn a_hanging_server_costs_timeouts_and_drops_at_the_asked_rate() {
    let server = Server::start(Manners::Stall).await;
    let heard = start(&profile(100, "2s", 10, "500ms"), &server.url()).await.hear_all().await;
    heard.assert_whole();
    assert_eq!((heard.intended(), heard.ok(), heard.pending()), (200, 0, 0));
    assert!(heard.err() >= 10 && heard.dropped() > 0, "{} failed, {} dropped", heard.err(), heard.dropped());
    assert!(heard.hist_err().min() >= 499_000, "a timeout is censored at its end: {}", heard.hist_err().min());
    assert!(heard.reasons().iter().any(|why| why.contains("timeout")), "{:?}", heard.reasons());
    assert!(heard.reasons().iter().any(|why| why.contains("max_senders")), "{:?}", heard.reasons());
    assert!(server.seen().len() as u64 <= heard.err());
}

#[tokio::test]
async fn refused_connections_fail_at_the_asked_rate_and_no_faster() {
    let heard = start(&profile(300, "1s", 100, "20s"), &refusing().await).await.hear_all().await;
    heard.assert_whole();
    assert_eq!((heard.intended(), heard.ok()), (300, 0));
    assert_eq!(heard.err() + heard.dropped() + heard.not_sent(), 300);
    assert!(heard.err() > 0);
    assert!(heard.reasons().iter().any(|why| why.contains("refused")), "{:?}", heard.reasons());
}

#[tokio::test]
async fn every_kind_of_bad_answer_is_a_failure_with_its_reason() {
    for (manners, reason) in [
        (Manners::Reset, "connection closed"),
        (Manners::MidBody, "connection closed"),
        (Manners::Status(503), "status 503"),
        (Manners::Gibberish, "not HTTP"),
    ] {
        let server = Server::start(manners).await;
        let heard = start(&profile(100, "200ms", 100, "20s"), &server.url()).await.hear_all().await;
        heard.assert_whole();
        assert_eq!((heard.intended(), heard.ok()), (20, 0), "{manners:?}");
        assert!(heard.err() > 0 && heard.err() >= server.seen().len() as u64, "{manners:?}: {}", heard.err());
        assert!(heard.reasons().iter().any(|why| why.contains(reason)), "{manners:?}: {:?}", heard.reasons());
    }
}

#[tokio::test]
async fn a_server_that_closes_after_each_answer_is_no_failure() {
    let server = Server::start(Manners::OneEach).await;
    let heard = start(&profile(100, "500ms", 100, "20s"), &server.url()).await.hear_all().await;
    heard.assert_whole();
    assert_eq!((heard.intended(), heard.err()), (50, 0), "{:?}", heard.reasons());
    assert!(heard.ok() > 1);
    assert_eq!(server.seen().len() as u64, heard.ok());
}

#[tokio::test]
async fn a_slow_server_is_measured_as_slow() {
    let server = Server::start(Manners::Slow(60)).await;
    let heard = start(&profile(100, "500ms", 100, "20s"), &server.url()).await.hear_all().await;
    heard.assert_whole();
    assert!(heard.ok() > 0 && heard.err() == 0);
    assert!(heard.hist_ok().min() >= 59_000, "{}", heard.hist_ok().min());
}

#[tokio::test]
async fn a_name_that_cannot_be_resolved_makes_windows_blind_and_not_bad() {
    // Longer than a label may be: the resolver refuses it without asking anybody.
    let url = format!("http://{}:80", "x".repeat(70));
    let heard = start(&profile(50, "200ms", 100, "20s"), &url).await.hear_all().await;
    heard.assert_whole();
    assert_eq!((heard.intended(), heard.err(), heard.dropped(), heard.not_sent()), (10, 0, 0, 10));
    assert!(heard.reasons()[0].contains("resolved"), "{:?}", heard.reasons());
}

#[tokio::test]
async fn a_machine_without_files_makes_windows_blind_and_not_bad() {
    use std::os::unix::fs::PermissionsExt;
    let server = Server::start(Manners::Stall).await;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("few-files");
    let script = format!("#!/bin/sh\nulimit -n 30\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_simulacro"));
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let heard = start_with(program, &profile(200, "1s", 500, "700ms"), &server.url()).await.hear_all().await;
    heard.assert_whole();
    assert_eq!((heard.intended(), heard.ok()), (200, 0));
    assert!(heard.not_sent() > 50, "{} not sent, {} failed", heard.not_sent(), heard.err());
    assert!(heard.err() >= 1, "those that were sent did fail");
    assert!(heard.reasons().iter().any(|why| why.contains("open files")), "{:?}", heard.reasons());
}
