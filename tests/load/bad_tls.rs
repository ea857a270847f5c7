//! TLS that goes wrong: nothing is sent to a server that cannot say who it is, and the failure says that it was TLS.

use crate::drive::{Heard, start};
use crate::server::{Manners, Server};
use crate::tls::{Authority, Papers, TlsServer};

/// 50 requests in half a second, with these TLS options.
fn profile(tls: &str, timeout: &str) -> String {
    format!(
        "
simulacro_profile: 1
name: steady
constant_arrival_rate: {{ rate: 100, duration: 500ms, max_senders: 100 }}
timeout: {timeout}
http: {{ version: '1.1', tls: {{ {tls} }} }}
requests:
  - {{ name: list, path: /orders, expect: {{ status: 200 }} }}
"
    )
}

fn trusting(authority: &Authority) -> String {
    format!("ca: '{}'", authority.file("ca.pem").display())
}

async fn drive(tls: &str, url: &str) -> Heard {
    // Long enough for any machine: what hangs is a test of its own.
    drive_within(tls, url, "20s").await
}

async fn drive_within(tls: &str, url: &str, timeout: &str) -> Heard {
    let heard = start(&profile(tls, timeout), url).await.hear_all().await;
    heard.assert_whole();
    assert_eq!(heard.intended(), 50);
    heard
}

/// All failed, because of TLS; nothing was sent, and nobody was stormed.
async fn assert_refused(server: &TlsServer, tls: &str) {
    let before = server.connections();
    let heard = drive(tls, &server.url()).await;
    assert_eq!(heard.ok(), 0, "an answer was taken for good");
    assert!(heard.err() > 0, "{:?}", heard.reasons());
    assert!(heard.reasons().iter().any(|why| why.contains("TLS")), "{:?}", heard.reasons());
    assert_eq!(server.requests(), 0, "a request was sent to a server that could not say who it is");
    let connections = server.connections() - before;
    assert!(connections <= heard.err(), "{connections} connections for {} failures", heard.err());
}

#[tokio::test]
async fn a_trusted_server_is_answered() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority, Papers::Good).await;
    let heard = drive(&trusting(&authority), &server.url()).await;
    assert_eq!((heard.err(), heard.dropped()), (0, 0), "{:?}", heard.reasons());
    assert!(heard.ok() > 0 && heard.ok() == server.requests());
}

#[tokio::test]
async fn an_authority_that_nobody_knows_is_not_trusted() {
    let server = TlsServer::start(&Authority::new(), Papers::Good).await;
    assert_refused(&server, "").await;
    assert_refused(&server, &trusting(&Authority::new())).await;
}

#[tokio::test]
async fn a_certificate_of_another_host_or_of_another_year_is_not_trusted() {
    let authority = Authority::new();
    for papers in [Papers::OtherHost, Papers::Expired] {
        let server = TlsServer::start(&authority, papers).await;
        assert_refused(&server, &trusting(&authority)).await;
    }
}

#[tokio::test]
async fn what_is_wrong_can_be_allowed_by_name() {
    let authority = Authority::new();
    let other = TlsServer::start(&authority, Papers::OtherHost).await;
    let named = format!("{}, server_name: other.example", trusting(&authority));
    let heard = drive(&named, &other.url()).await;
    assert!(heard.ok() > 0 && heard.err() == 0, "{:?}", heard.reasons());
    let expired = TlsServer::start(&authority, Papers::Expired).await;
    let heard = drive("insecure: true", &expired.url()).await;
    assert!(heard.ok() > 0 && heard.err() == 0, "{:?}", heard.reasons());
}

#[tokio::test]
async fn a_server_that_asks_for_our_certificate_gets_it_or_refuses() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority, Papers::AsksForOurs).await;
    let heard = drive(&trusting(&authority), &server.url()).await;
    assert!(heard.ok() == 0 && heard.err() > 0, "{:?}", heard.reasons());
    assert_eq!(server.requests(), 0);
    let file = |name: &str| authority.file(name).display().to_string();
    let ours = format!("{}, cert: '{}', key: '{}'", trusting(&authority), file("client.pem"), file("client.key"));
    let heard = drive(&ours, &server.url()).await;
    assert!(heard.ok() > 0 && heard.err() == 0, "{:?}", heard.reasons());
}

#[tokio::test]
async fn a_handshake_that_hangs_is_a_timeout_and_one_that_is_cut_a_failure() {
    let authority = Authority::new();
    let silent = TlsServer::start(&authority, Papers::Silent).await;
    let heard = drive_within(&trusting(&authority), &silent.url(), "500ms").await;
    assert!(heard.ok() == 0 && heard.hist_err().min() >= 499_000, "{:?}", heard.reasons());
    assert!(heard.reasons().iter().any(|why| why.contains("timeout")), "{:?}", heard.reasons());
    let closes = TlsServer::start(&authority, Papers::Closes).await;
    let heard = drive(&trusting(&authority), &closes.url()).await;
    assert!(heard.ok() == 0 && heard.err() > 0, "{:?}", heard.reasons());
    assert!(closes.connections() <= heard.err(), "{} connections", closes.connections());
}

#[tokio::test]
async fn the_wrong_language_on_the_port_is_a_failure_on_either_side() {
    let plain = Server::start(Manners::Good).await;
    let https = plain.url().replace("http:", "https:");
    // A server that waits for the end of a line that does not come says nothing at all.
    let heard = drive_within("insecure: true", &https, "1s").await;
    assert!(heard.ok() == 0 && heard.err() > 0, "{:?}", heard.reasons());
    assert!(heard.reasons().iter().any(|why| why.contains("TLS") || why.contains("timeout")), "{:?}", heard.reasons());
    let authority = Authority::new();
    let tls = TlsServer::start(&authority, Papers::Good).await;
    let heard = drive("", &tls.plain_url()).await;
    assert!(heard.ok() == 0 && heard.err() > 0, "{:?}", heard.reasons());
    assert_eq!(tls.requests(), 0);
}

#[tokio::test]
async fn papers_of_our_own_that_are_missing_or_broken_are_named_before_anything_is_sent() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority, Papers::Good).await;
    let broken = authority.file("broken.pem");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n")
        .unwrap();
    let missing = authority.file("missing.pem");
    for file in [&broken, &missing] {
        let heard = start(&profile(&format!("ca: '{}'", file.display()), "20s"), &server.url()).await.hear_all().await;
        let why = heard.lost.expect("the worker went on without its papers");
        assert!(why.contains(file.file_name().unwrap().to_str().unwrap()), "{why}");
        assert_eq!((heard.lines.len(), server.connections()), (0, 0));
    }
}
