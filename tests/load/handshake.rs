//! TLS and HTTP/2 on real connections: what is agreed on, what is refused, and that a person is told why.

use hyper::Version;

use crate::drive::{Heard, start};
use crate::secure::{Authority, Secure};

fn profile(http: &str, path: &str) -> String {
    format!(
        "{{ simulacro_profile: 1, name: steady, timeout: 20s, http: {{ {http} }}, \
           constant_arrival_rate: {{ rate: 100, duration: 300ms, max_senders: 30 }}, \
           requests: [{{ name: put, method: PUT, path: '{path}', body: 'n=${{seq}}' }}] }}"
    )
}

async fn run(server: &Secure, scheme: &str, http: &str) -> Heard {
    let heard = start(&profile(http, "/echo?n=${seq}"), &server.url(scheme)).await.hear_all().await;
    heard.assert_whole();
    assert_eq!(heard.intended(), 30);
    heard
}

/// All were good, by this version.
fn assert_good(heard: &Heard, server: &Secure, version: Version) {
    assert_eq!((heard.err(), heard.dropped()), (0, 0), "{:?}", heard.reasons());
    assert!(heard.ok() > 0);
    let came = server.came();
    assert_eq!(came.len() as u64, heard.ok());
    assert!(came.iter().all(|(by, _, _)| *by == version), "{came:?}");
    assert!(came.iter().all(|(_, what, host)| what.starts_with("PUT /echo?n=") && *host == server.address.to_string()));
}

/// All failed, and the first of the reasons has these words.
fn assert_bad(heard: &Heard, server: &Secure, words: &[&str]) {
    assert_eq!((heard.ok(), heard.not_sent(), server.came().len()), (0, 0, 0), "{:?}", heard.reasons());
    let why = heard.reasons().join("; ");
    for word in words {
        assert!(why.contains(word), "`{word}` is missing from: {why}");
    }
}

#[tokio::test]
async fn the_version_is_the_best_that_both_speak() {
    let ours = Authority::new();
    ours.certify("shop", &["127.0.0.1"], false);
    let ca = format!("tls: {{ ca: '{}' }}", ours.file("ca.pem"));
    let both: &[&str] = &["h2", "http/1.1"];
    for (offered, asked, version) in [
        (both, "", Version::HTTP_2),
        (&["http/1.1"], "", Version::HTTP_11),
        (&[], "", Version::HTTP_11),
        (both, "version: '1.1', ", Version::HTTP_11),
        (both, "version: '2', ", Version::HTTP_2),
    ] {
        let server = Secure::start(Some(ours.server("shop", offered, false))).await;
        let heard = run(&server, "https", &format!("{asked}{ca}")).await;
        assert_good(&heard, &server, version);
        assert!(server.connections() <= 30, "no sender has more than one connection: {}", server.connections());
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_to_be_trusted_fails_and_says_why() {
    let (ours, other) = (Authority::new(), Authority::new());
    ours.certify("shop", &["127.0.0.1"], false);
    ours.certify("elsewhere", &["elsewhere.test"], false);
    ours.certify("old", &["127.0.0.1"], true);
    let ca = |authority: &Authority, more: &str| format!("tls: {{ ca: '{}'{more} }}", authority.file("ca.pem"));
    for (who, http, words) in [
        ("shop", ca(&other, ""), ["TLS", "http.tls.ca"]),
        ("elsewhere", ca(&ours, ""), ["TLS", "http.tls.server_name"]),
        ("old", ca(&ours, ""), ["TLS", "expired"]),
    ] {
        let server = Secure::start(Some(ours.server(who, &["h2"], false))).await;
        assert_bad(&run(&server, "https", &http).await, &server, &words);
    }
    for (who, http) in
        [("elsewhere", ca(&ours, ", server_name: elsewhere.test")), ("old", "tls: { insecure: true }".to_owned())]
    {
        let server = Secure::start(Some(ours.server(who, &["h2"], false))).await;
        assert_good(&run(&server, "https", &http).await, &server, Version::HTTP_2);
    }
}

#[tokio::test]
async fn a_server_that_asks_for_our_certificate_gets_it_or_says_no() {
    let ours = Authority::new();
    ours.certify("shop", &["127.0.0.1"], false);
    ours.certify("me", &["me"], false);
    let ca = ours.file("ca.pem");
    for offered in ["h2", "http/1.1"] {
        let server = Secure::start(Some(ours.server("shop", &[offered], true))).await;
        let heard = run(&server, "https", &format!("tls: {{ ca: '{ca}' }}")).await;
        assert_bad(&heard, &server, &["TLS", "http.tls.cert"]);
        let own = format!("tls: {{ ca: '{ca}', cert: '{}', key: '{}' }}", ours.file("me.pem"), ours.file("me.key"));
        let heard = run(&server, "https", &own).await;
        let version = if offered == "h2" { Version::HTTP_2 } else { Version::HTTP_11 };
        assert_good(&heard, &server, version);
    }
}

#[tokio::test]
async fn http2_goes_without_tls_where_it_is_known_and_nowhere_else() {
    let server = Secure::start(None).await;
    assert_good(&run(&server, "http", "version: '2'").await, &server, Version::HTTP_2);

    let old = crate::server::Server::start(crate::server::Manners::Good).await;
    let heard = start(&profile("version: '2'", "/"), &old.url()).await.hear_all().await;
    heard.assert_whole();
    assert_eq!((heard.ok(), heard.err() + heard.dropped()), (0, 30), "{:?}", heard.reasons());

    // The other side speaks no TLS, or not the version that is asked for.
    let heard = start(&profile("", "/"), &old.url().replace("http:", "https:")).await.hear_all().await;
    heard.assert_whole();
    assert_eq!(heard.ok(), 0);
    assert!(heard.reasons().join("; ").contains("TLS"), "{:?}", heard.reasons());
    let ours = Authority::new();
    ours.certify("shop", &["127.0.0.1"], false);
    for offered in [&["http/1.1"] as &[&str], &[]] {
        let server = Secure::start(Some(ours.server("shop", offered, false))).await;
        let http = format!("version: '2', tls: {{ ca: '{}' }}", ours.file("ca.pem"));
        assert_bad(&run(&server, "https", &http).await, &server, &["TLS", "http.version"]);
    }
}

#[tokio::test]
async fn answers_that_are_too_large_or_never_come_fail_by_http2_as_well() {
    let server = Secure::start(None).await;
    let big = profile("version: '2', response_limit: 99999", "/big");
    let heard = start(&big, &server.url("http")).await.hear_all().await;
    heard.assert_whole();
    assert_eq!(heard.ok(), 0);
    assert!(heard.reasons().join("; ").contains("http.response_limit"), "{:?}", heard.reasons());
    let fits = profile("version: '2', response_limit: 100000", "/big");
    let heard = start(&fits, &server.url("http")).await.hear_all().await;
    assert_eq!((heard.err(), heard.dropped()), (0, 0), "{:?}", heard.reasons());

    let never = profile("version: '2'", "/never").replace("timeout: 20s", "timeout: 400ms");
    let heard = start(&never, &server.url("http")).await.hear_all().await;
    heard.assert_whole();
    assert_eq!((heard.ok(), heard.pending()), (0, 0));
    assert!(heard.hist_err().min() >= 399_000, "{}", heard.hist_err().min());
    assert!(heard.reasons().join("; ").contains("timeout"), "{:?}", heard.reasons());
}

#[tokio::test]
async fn a_tls_file_that_is_missing_or_wrong_is_named_before_anything_is_sent() {
    let ours = Authority::new();
    ours.certify("me", &["me"], false);
    let server = Secure::start(None).await;
    let key = ours.file("me.key");
    for (tls, says) in [
        ("ca: /no/such.pem".to_owned(), "http.tls.ca: /no/such.pem"),
        (format!("ca: '{key}'"), "no certificate in it"),
        (format!("cert: '{}', key: /no/such.key", ours.file("me.pem")), "http.tls.key: /no/such.key"),
        (format!("cert: '{}', key: '{key}'", ours.file("ca.pem")), "not a certificate for the key"),
    ] {
        let heard = start(&profile(&format!("tls: {{ {tls} }}"), "/"), &server.url("https")).await.hear_all().await;
        let why = heard.lost.unwrap();
        assert!(why.contains(says), "`{says}` is missing from: {why}");
        assert!(heard.lines.is_empty() && !why.contains("PRIVATE"));
    }
}
