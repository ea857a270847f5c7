//! What is sent and what counts as a good answer, by real workers. The server's own log is the truth.

use std::collections::BTreeSet;
use std::io::Write;

use tempfile::NamedTempFile;

use crate::drive::{Heard, start};
use crate::echo::{Echo, Reply};

fn file(content: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file
}

fn fine(body: &str) -> Reply {
    (200, Vec::new(), body.to_owned())
}

/// Twenty requests within a second, by one sender: in order.
fn open(rest: &str) -> String {
    format!(
        "{{simulacro_profile: 1, name: p, timeout: 20s, \
          constant_arrival_rate: {{rate: 20, duration: 1s, max_senders: 1}}, {rest}}}"
    )
}

async fn drive(profile: &str, server: &Echo) -> Heard {
    start(profile, &server.url()).await.hear_all().await
}

#[tokio::test]
async fn cookies_come_back_to_who_set_them() {
    let server = Echo::start(|got| match got.header("cookie") {
        Some(_) => fine(""),
        None => (200, vec![("set-cookie", "id=7; Path=/shop; HttpOnly".into())], String::new()),
    })
    .await;
    let request = "requests: [{name: a, path: '/shop/${seq}'}, {name: other, path: /elsewhere, weight: 0}]";
    let heard = drive(&open(&format!("http: {{cookies: true}}, {request}")), &server).await;
    heard.assert_whole();
    let got = server.got();
    assert_eq!(got[0].header("cookie"), None);
    assert!(got.len() >= 2 && got[1..].iter().all(|got| got.header("cookie") == Some("id=7")), "{got:?}");
    let without = Echo::start(|_| (200, vec![("set-cookie", "id=7".into())], String::new())).await;
    drive(&open(request), &without).await.assert_whole();
    assert!(without.got().iter().all(|got| got.header("cookie").is_none()), "nobody asked for cookies");
}

#[tokio::test]
async fn who_we_say_that_we_are_arrives_and_is_told_to_nobody_else() {
    let server = Echo::start(|_| fine("")).await;
    let secret = file("s3cret-t0ken\n");
    let auth = format!("http: {{auth: {{bearer: '${{file:{}}}'}}}}", secret.path().display());
    let requests = "requests: [{name: a, path: /a}, {name: b, path: /b, headers: {authorization: 'mine ${seq}'}}]";
    let mut drive = start(&open(&format!("{auth}, {requests}")), &server.url()).await;
    let heard = drive.hear_all().await;
    heard.assert_whole();
    for got in server.got() {
        let authorization = got.header("authorization").unwrap();
        match got.what.as_str() {
            "GET /a" => assert_eq!(authorization, "Bearer s3cret-t0ken"),
            _ => assert!(authorization.starts_with("mine "), "{authorization}"),
        }
    }
    let told = format!("{:?}{:?}", heard.lines, heard.hello);
    assert!(!told.contains("s3cret-t0ken"));
    let basic = "http: {auth: {basic: {user: Aladdin, password: 'open sesame'}}}, requests: [{name: a, path: /a}]";
    let server = Echo::start(|_| fine("")).await;
    start(&open(basic), &server.url()).await.hear_all().await.assert_whole();
    // The example of RFC 7617.
    assert_eq!(server.got()[0].header("authorization"), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
}

#[tokio::test]
async fn rows_are_given_out_in_their_order_and_once_is_once() {
    let rows = file("name,mail\nann b,a&b@x\nbob,b@x\ncy,c@x\n");
    let profile = |order: &str| {
        let request = "requests: [{name: a, method: PUT, path: '/${u.name}', query: {m: '${u.mail}'}, body: '${seq}'}]";
        open(&format!("data: {{u: {{csv: {:?}, order: {order}}}}}, {request}", rows.path()))
    };
    let paths = ["PUT /ann%20b?m=a%26b%40x", "PUT /bob?m=b%40x", "PUT /cy?m=c%40x"];
    let server = Echo::start(|_| fine("")).await;
    drive(&profile("circular"), &server).await.assert_whole();
    let got = server.got();
    assert!(got.len() > 3);
    for got in got {
        let number: usize = got.body.parse().unwrap();
        assert_eq!(got.what, paths[number % 3]);
    }
    let server = Echo::start(|_| fine("")).await;
    let heard = drive(&profile("once"), &server).await;
    heard.assert_whole();
    assert_eq!(heard.err() + heard.dropped() + heard.ok() + heard.not_sent(), 20);
    assert!(heard.ok() <= 3 && heard.not_sent() >= 17, "{} ok, {} not sent", heard.ok(), heard.not_sent());
    assert!(heard.reasons().iter().any(|why| why.contains("no row left")), "{:?}", heard.reasons());
    let seen: Vec<String> = server.got().into_iter().map(|got| got.what).collect();
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "each once: {seen:?}");
    let mut chosen = Vec::new();
    for _ in 0..2 {
        let server = Echo::start(|_| fine("")).await;
        drive(&profile("random"), &server).await.assert_whole();
        chosen
            .push(server.got().into_iter().map(|got| (got.body.parse().unwrap(), got.what)).collect::<Vec<(u8, _)>>());
    }
    // The same seed, the same rows; what one of the two runs could not send is missing there.
    for (number, path) in &chosen[0] {
        assert!(chosen[1].iter().all(|(other, what)| other != number || what == path));
        assert!(paths.contains(&path.as_str()));
    }
}

#[tokio::test]
async fn answers_that_fail_a_check_count_as_failed_with_its_reason() {
    let checks = [
        ("{latency: 1us}", "slower than `expect.latency`"),
        ("{json: {'$.n': 2}}", "JSON value"),
        ("{contains: nothing}", "body is not as expected"),
        ("{headers: {x-kind: ^b}}", "header of the answer"),
    ];
    for (expect, reason) in checks {
        let server = Echo::start(|_| (200, vec![("x-kind", "ab".into())], "{\"n\": 1}".into())).await;
        let heard = drive(&open(&format!("requests: [{{name: a, path: /, expect: {expect}}}]")), &server).await;
        heard.assert_whole();
        assert!(heard.ok() == 0 && heard.err() > 0, "{expect}: {} ok", heard.ok());
        assert!(heard.reasons().iter().any(|why| why.contains(reason)), "{expect}: {:?}", heard.reasons());
    }
    let server = Echo::start(|_| (200, vec![("x-kind", "ab".into())], "{\"n\": 1}".into())).await;
    let all = "{latency: 20s, json: {'$.n': 1.0}, contains: '\"n\"', headers: {x-kind: ^ab$}}";
    let heard = drive(&open(&format!("requests: [{{name: a, path: /, expect: {all}}}]")), &server).await;
    heard.assert_whole();
    assert!(heard.ok() > 0 && heard.err() == 0, "{:?}", heard.reasons());
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_anything_is() {
    let broken = file("name,mail\nann\n");
    let ragged = format!("data: {{u: {{csv: {:?}}}}}, requests: [{{name: a, path: '/${{u.name}}'}}]", broken.path());
    let wrong = [
        (
            "data: {u: {csv: /no/such.csv}}, requests: [{name: a, path: '/${u.name}'}]",
            "/no/such.csv: there is no such file",
        ),
        (ragged.as_str(), "line 2 has 1 fields"),
        ("vars: {token: x}, requests: [{name: a, path: '/${tokn}'}]", "did you mean `${token}`"),
        ("requests: [{name: a, path: '/', headers: {x: '${env:SIMULACRO_NO_SUCH}'}}]", "${env:SIMULACRO_NO_SUCH}"),
        ("requests: [{name: a, path: '/', expect: {json: {'items[0]': 1}}}]", "is not a JSON path"),
    ];
    for (rest, says) in wrong {
        let server = Echo::start(|_| fine("")).await;
        let heard = drive(&open(rest), &server).await;
        let why = heard.lost.unwrap_or_default();
        assert!(why.contains(says), "{rest}: {why}");
        assert!(server.got().is_empty());
    }
}

#[cfg(feature = "goose")]
mod journeys {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const STEPS: &str = "
simulacro_profile: 1
name: p
timeout: 20s
http: { auth: { bearer: '${token}' } }
per_vu_iterations: { vus: 2, iterations: 3 }
journeys:
  - name: buyer
    wait_time: { min: 1ms, max: 5ms }
    on_start:
      - name: login
        method: POST
        path: /login
        headers: { authorization: none }
        body: '{\"name\": \"${json:users.name}\"}'
        extract: { token: { json: $.token } }
    steps:
      - { name: buy, method: POST, path: /orders, body: '${users.name}', extract: { where: { header: location } } }
      - { name: look, path: '${raw:where}', expect: { json: { $.by: ann } } }
";

    fn shop(refusals: u32) -> impl Fn(&crate::echo::Got) -> Reply + Send + Sync + 'static {
        let (orders, logins) = (AtomicU32::new(0), AtomicU32::new(0));
        move |got| match got.what.as_str() {
            "POST /login" if logins.fetch_add(1, Ordering::SeqCst) < refusals => (503, Vec::new(), String::new()),
            "POST /login" => fine(&format!("{{\"token\": \"t-{}\"}}", got.body.len())),
            _ if got.header("authorization").is_none_or(|token| !token.starts_with("Bearer t-")) => {
                (401, Vec::new(), String::new())
            }
            "POST /orders" => {
                let number = orders.fetch_add(1, Ordering::SeqCst);
                (201, vec![("location", format!("/orders/{number}?by={}", got.body))], String::new())
            }
            path => fine(&format!("{{\"by\": \"{}\"}}", path.rsplit_once("by=").unwrap().1)),
        }
    }

    fn profile(rows: &NamedTempFile, order: &str) -> String {
        format!("{STEPS}data: {{ users: {{ jsonl: {:?}, order: {order} }} }}\n", rows.path())
    }

    #[tokio::test]
    async fn values_of_one_answer_are_in_the_next_request() {
        let server = Echo::start(shop(0)).await;
        let rows = file("{\"name\": \"ann\"}\n{\"name\": \"ann\"}\n");
        let heard = drive(&profile(&rows, "circular"), &server).await;
        heard.assert_whole();
        assert_eq!((heard.ok(), heard.err(), heard.not_sent()), (2 + 6 + 6, 0, 0), "{:?}", heard.reasons());
        let looked: BTreeSet<String> =
            server.got().into_iter().map(|got| got.what).filter(|what| what.starts_with("GET")).collect();
        assert_eq!(looked, (0..6).map(|n| format!("GET /orders/{n}?by=ann")).collect());
    }

    #[tokio::test]
    async fn a_login_that_fails_is_tried_again_and_nothing_is_sent_without_it() {
        let server = Echo::start(shop(3)).await;
        let rows = file("{\"name\": \"ann\"}\n");
        let heard = drive(&profile(&rows, "circular"), &server).await;
        heard.assert_whole();
        assert_eq!((heard.err(), heard.not_sent()), (3, 0), "{:?}", heard.reasons());
        assert_eq!(heard.reasons(), ["status 503"]);
        assert!(
            server.got().iter().all(|got| got.what == "POST /login" || got.header("authorization") != Some("Bearer "))
        );
        // A pass that never came past its login is a pass: three each, in which three logins failed.
        assert_eq!(server.got().iter().filter(|got| got.what == "POST /orders").count(), 6 - 3);
    }

    #[tokio::test]
    async fn each_pass_has_a_row_and_users_go_when_there_is_none() {
        let server = Echo::start(shop(0)).await;
        let rows = file("{\"name\": \"ann\"}\n{\"name\": \"ann\"}\n{\"name\": \"ann\"}\n{\"name\": \"ann\"}\n");
        let heard = drive(&profile(&rows, "once"), &server).await;
        heard.assert_whole();
        let bought = server.got().iter().filter(|got| got.what == "POST /orders").count();
        assert_eq!((bought, heard.err()), (4, 0), "{:?}", heard.reasons());
        // One of the two may have done its three passes before.
        assert!((1..=2).contains(&heard.not_sent()), "{}", heard.not_sent());
        assert!(heard.reasons().iter().any(|why| why.contains("no row left")), "{:?}", heard.reasons());
    }
}

/// The example that the documentation shows, against the service that it is made for.
#[cfg(all(feature = "goose", feature = "demo"))]
#[tokio::test]
async fn the_example_is_answered_as_it_expects() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use simulacro::model::HumanDuration;
    use simulacro::scenario::bundle;

    let folder = tempfile::tempdir().unwrap();
    let mut service = Command::new(env!("CARGO_BIN_EXE_simulacro"))
        .args(["demo-service", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path().join("orders.db"))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(service.stderr.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    let base = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("loadprofiles/orders-checkout.yaml");
    let (mut profile, _) = bundle::profile(&file).unwrap_or_else(|problems| panic!("{problems}"));
    profile.timeout = HumanDuration::from_secs(30);
    profile.constant_vus.as_mut().unwrap().duration = Some(HumanDuration::from_secs(2));
    profile.journeys[0].steps[0].expect.latency = None;
    let heard = start(&serde_json::to_string(&profile).unwrap(), &base).await.hear_all().await;
    service.kill().unwrap();
    service.wait().unwrap();
    heard.assert_whole();
    assert!(heard.ok() >= 4 && heard.err() + heard.not_sent() == 0, "{} ok, {:?}", heard.ok(), heard.reasons());
}
