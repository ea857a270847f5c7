use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName};
use proptest::prelude::*;

use super::*;
use crate::observe::load::answer::{Answer, Wants};
use crate::observe::load::reason::Check;
use crate::scenario::profile::Profile;

struct Known;

impl Secrets for Known {
    fn env(&self, name: &str) -> Option<String> {
        (name == "TOKEN").then(|| "s3 cret".into())
    }
    fn file(&self, path: &str) -> Option<String> {
        (path == "/run/pass").then(|| "pä:ss".into())
    }
}

fn assignment(profile: &str) -> Assignment {
    let profile = format!("{{simulacro_profile: 1, name: p, {profile}}}");
    Assignment {
        stream: "my stream".parse().unwrap(),
        base_url: String::new(),
        profile: Profile::from_yaml(&profile).unwrap(),
        seed: 7,
        epoch: 0,
        not_before: 0,
        log: "log".into(),
    }
}

fn plan_of(profile: &str, base: &str) -> Result<Plan, PlanError> {
    let assignment = assignment(profile);
    Plan::new(&assignment, assignment.profile.all_requests(), &Target::parse(base).unwrap(), &Known)
}

fn open(requests: &str, more: &str) -> Plan {
    plan_of(&format!("constant_arrival_rate: {{rate: 1}}, requests: [{requests}] {more}"), "http://shop:1/base")
        .unwrap()
}

fn journey(steps: &str, more: &str) -> Plan {
    let steps = format!("constant_vus: {{vus: 1}}, journeys: [{{name: j, steps: [{steps}]}}] {more}");
    plan_of(&steps, "http://shop:1").unwrap()
}

/// Path, headers and body of arrival `n`.
fn sent(plan: &Plan, place: usize, n: u64) -> (String, HeaderMap, String) {
    let rendered = plan.rendered(plan.request(place), Turn::of_arrival(n, 2), &mut plan.session()).unwrap();
    (rendered.path.to_string(), rendered.headers, String::from_utf8(rendered.body.to_vec()).unwrap())
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers =
        headers.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect();
    Answer { status, headers, body: Bytes::copy_from_slice(body.as_bytes()), ..Answer::default() }
}

#[test]
fn a_request_is_rendered_with_prefix_headers_and_body() {
    let plan = open(
        "{name: a, method: PUT, path: '/${stream}/${seq}', headers: {X-User: 'u${user}'}, body: '{\"n\": ${iteration}}'}",
        "",
    );
    let (path, headers, body) = sent(&plan, 0, 4);
    assert_eq!((path.as_str(), body.as_str()), ("/base/my%20stream/4", "{\"n\": 4}"));
    assert_eq!(
        (&headers["x-user"], &headers["content-type"]),
        (&"u2".parse().unwrap(), &"application/json".parse().unwrap())
    );
    assert_eq!(plan.request(0).method, hyper::Method::PUT);
    assert_eq!(plan.request(0).wants(), Wants::default());
    let own = open("{name: a, path: /, headers: {Content-Type: text/plain}, body: '{}'}", "");
    assert_eq!(sent(&own, 0, 0).1.get_all("content-type").iter().collect::<Vec<_>>(), ["text/plain"]);
}

#[test]
fn values_are_encoded_where_they_would_break_a_path() {
    // A variable is written by the profile's author, in a path as a path and in a query as plain text.
    let vars = ", vars: {base: /v1, who: 'a b/c', both: '${who}&'}";
    let wrong = plan_of(
        "constant_arrival_rate: {rate: 1}, vars: {who: 'a b'}, requests: [{name: a, path: '/${who}'}]",
        "http://x",
    );
    assert!(wrong.unwrap_err().to_string().contains("request `a`"), "a space in a path");
    let plan = open("{name: a, path: '${base}/x?a=${env:TOKEN}', query: {q: '${both}', 'x y': 'a+b'}}", vars);
    assert_eq!(sent(&plan, 0, 0).0, "/base/v1/x?a=s3%20cret&q=a%20b%2Fc%26&x%20y=a%2Bb");
    let json = open(
        "{name: a, path: /, body: '{\"w\": \"${json:quoted}\", \"raw\": \"${quoted}\"}'}",
        ", vars: {quoted: 'say \"hi\"'}",
    );
    assert_eq!(sent(&json, 0, 0).2, r#"{"w": "say \"hi\"", "raw": "say "hi""}"#);
}

#[test]
fn what_is_random_repeats_and_a_variable_is_one_value() {
    let request = "{name: a, path: '/${id}/${random:1-6}/${choice:x|y}', headers: {X-Id: '${id}', X-Other: '${hex:8}'}, body: '${hex:8} ${hex:8}'}";
    let plan = open(request, ", vars: {id: '${uuid}-${text:5}'}");
    let (path, headers, body) = sent(&plan, 0, 3);
    let id = path.split('/').nth(2).unwrap();
    assert_eq!((id.len(), headers["x-id"].to_str().unwrap()), (36 + 6, id));
    let (one, two) = body.split_once(' ').unwrap();
    assert!(one != two && headers["x-other"] != one, "each has chances of its own");
    assert_eq!(sent(&plan, 0, 3).0, path);
    assert_ne!(sent(&plan, 0, 4).0, path);
    // A user's values follow from user and pass, whatever the numbers of its requests are.
    let step = |seq, user, pass, row| {
        let turn = Turn::of_user(seq, user, pass, row);
        plan.rendered(plan.request(0), turn, &mut plan.session()).unwrap().path
    };
    assert_eq!(step(1, 5, 2, 9), step(77, 5, 2, 8));
    assert_ne!(step(1, 5, 2, 9), step(1, 6, 2, 9));
}

#[test]
fn secrets_are_marked_and_auth_is_a_header_unless_there_is_one() {
    let own = "{name: a, path: /, headers: {Authorization: mine}}, {name: b, path: /}";
    let bearer = open(own, ", http: {auth: {bearer: '${env:TOKEN}'}}");
    assert_eq!(sent(&bearer, 0, 0).1["authorization"], "mine");
    let headers = sent(&bearer, 1, 0).1;
    assert_eq!(headers["authorization"], "Bearer s3 cret");
    assert!(headers["authorization"].is_sensitive() && !format!("{headers:?} {bearer:?}").contains("s3 cret"));
    let basic = open("{name: a, path: /}", ", http: {auth: {basic: {user: me, password: '${file:/run/pass}'}}}");
    // "me:pä:ss"
    assert_eq!(sent(&basic, 0, 0).1["authorization"], "Basic bWU6cMOkOnNz");
    let each = open("{name: a, path: /}", ", http: {auth: {basic: {user: 'u${seq}', password: p}}}");
    // "u12:p"
    assert_eq!(sent(&each, 0, 12).1["authorization"], "Basic dTEyOnA=");
    let missing = "constant_arrival_rate: {rate: 1}, requests: [{name: a, path: /, headers: {X: '${env:NONE}'}}]";
    let why = plan_of(missing, "http://x").unwrap_err().to_string();
    assert!(why.contains("request `a`: the secret `${env:NONE}` cannot be read"), "{why}");
}

#[test]
fn rows_fill_requests_until_there_are_no_more() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "name,mail\nann b,a&b@x\nbob,").unwrap();
    let data = |order: &str| {
        let more = format!(", data: {{users: {{csv: {:?}, order: {order}}}}}", file.path());
        open("{name: a, path: '/${users.name}?m=${users.mail}'}, {name: b, path: /b}", &more)
    };
    let circular = data("circular");
    assert_eq!(sent(&circular, 0, 0).0, "/base/ann%20b?m=a%26b%40x");
    assert_eq!(sent(&circular, 0, 3).0, "/base/bob?m=");
    let once = data("once");
    assert_eq!(sent(&once, 0, 1).0, "/base/bob?m=");
    let mut session = once.session();
    let late = Turn::of_arrival(2, 0);
    assert_eq!(once.rendered(once.request(0), late, &mut session).unwrap_err(), Reason::Exhausted);
    // What was half written is not in the next one, and a request without data needs no row.
    assert_eq!(once.rendered(once.request(1), late, &mut session).unwrap().path, "/base/b");
    let gone = "constant_arrival_rate: {rate: 1}, data: {d: {csv: /no/such}}, requests: [{name: a, path: '/${d.x}'}]";
    assert!(plan_of(gone, "http://x").unwrap_err().to_string().contains("/no/such: there is no such file"));
}

#[test]
fn values_go_from_answers_to_later_steps_and_never_stale() {
    let plan = journey(
        "{name: login, path: /login, extract: {token: {json: $.token}, where: {header: location}, part: {header: location, regex: '/o/(\\d+)'}}}, \
         {name: look, path: '${raw:where}', headers: {X-Token: '${token}'}, body: '${part}'}",
        "",
    );
    let (login, look, turn) = (plan.request(0), plan.request(1), Turn::of_user(0, 0, 0, 0));
    assert_eq!(login.wants(), Wants { headers: true, body: true, trailers: false });
    let mut session = plan.session();
    assert!(look.lacks(&session) && !login.lacks(&session));
    assert_eq!(plan.rendered(look, turn, &mut session).unwrap_err(), Reason::NoValue);
    plan.rendered(login, turn, &mut session).unwrap();
    let good = answer(200, &[("location", "/o/17?x=1")], r#"{"token": "t-1", "more": [1]}"#);
    login.judge(&good, Duration::ZERO, &mut session).unwrap();
    let rendered = plan.rendered(look, turn, &mut session).unwrap();
    assert_eq!((rendered.path.as_str(), &rendered.headers["x-token"]), ("/o/17?x=1", &"t-1".parse().unwrap()));
    assert_eq!(&rendered.body[..], b"17");
    // Another user has nothing of it, and a login that fails leaves nothing of the one before.
    assert!(look.lacks(&plan.session()));
    plan.rendered(login, turn, &mut session).unwrap();
    let without = answer(200, &[], r#"{"token": null}"#);
    assert_eq!(login.judge(&without, Duration::ZERO, &mut session), Err(Reason::Check(Check::Extract)));
    assert!(look.lacks(&session));
    // A path that leads nowhere is ours to blame, not the target's.
    login
        .judge(&answer(200, &[("location", "elsewhere /o/1")], r#"{"token": 5}"#), Duration::ZERO, &mut session)
        .unwrap();
    assert_eq!(plan.rendered(look, turn, &mut session).unwrap_err(), Reason::NotHttp);
}

#[test]
fn a_token_that_its_holder_renews_is_kept_until_then() {
    let token = "extract: {token: {regex: '[a-z]+'}}";
    let plan = journey(&format!("{{name: a, path: /, {token}}}, {{name: b, path: '/${{token}}', {token}}}"), "");
    let mut session = plan.session();
    plan.request(0).judge(&answer(200, &[], "12 one 3"), Duration::ZERO, &mut session).unwrap();
    let mut renew = |said: &Answer| {
        let path = plan.rendered(plan.request(1), Turn::of_user(0, 0, 0, 0), &mut session).unwrap().path;
        let _ = plan.request(1).judge(said, Duration::ZERO, &mut session);
        path
    };
    assert_eq!(renew(&answer(500, &[], "lost")), "/one");
    assert_eq!(renew(&answer(200, &[], "two")), "/one");
    assert_eq!(renew(&answer(200, &[], "two")), "/two");
}

#[test]
fn every_check_has_its_reason() {
    let expect = "{status: [200, 201], headers: {content-type: '^application/(json|xml)'}, contains: 'a.b', matches: '(?i)N\\s*1', \
                   json: {'$.n': 1.0, '$.l[1].x': [1, 'é'], '$.none': null}, latency: 50ms}";
    let plan = open(&format!("{{name: a, path: /, expect: {expect}}}"), "");
    let judge =
        |answer: &Answer, ms: u64| plan.request(0).judge(answer, Duration::from_millis(ms), &mut plan.session());
    let json = r#"{"n": 1, "t": "a.b n1", "l": [0, {"x": [1.0, "é"]}], "none": null}"#;
    let kind = [("content-type", "application/json; charset=utf-8")];
    assert_eq!(judge(&answer(201, &kind, json), 50), Ok(()));
    assert_eq!(judge(&answer(202, &kind, json), 0), Err(Reason::Status(202)));
    assert_eq!(judge(&answer(200, &[("content-type", "text/html")], json), 0), Err(Reason::Check(Check::Header)));
    assert_eq!(judge(&answer(200, &[], json), 0), Err(Reason::Check(Check::Header)));
    assert_eq!(judge(&answer(200, &kind, &json.replace("a.b", "aXb")), 0), Err(Reason::Check(Check::Body)));
    assert_eq!(judge(&answer(200, &kind, &json.replace("n1", "n2")), 0), Err(Reason::Check(Check::Body)));
    for (from, to) in [("\"n\": 1", "\"n\": \"1\""), ("1.0,", "2,"), (", \"none\": null", ""), ("{\"n\"", "[{\"n\"")] {
        let wrong = answer(200, &kind, &json.replace(from, to));
        assert_eq!(judge(&wrong, 0), Err(Reason::Check(Check::Json)), "{from} -> {to}");
    }
    assert_eq!(judge(&answer(200, &kind, json), 51), Err(Reason::Check(Check::Latency)));
    assert_eq!(plan.request(0).wants(), Wants { headers: true, body: true, trailers: false });
}

#[test]
fn cookies_are_kept_by_each_user_for_itself() {
    let own = "{name: a, path: /a}, {name: own, path: /own, headers: {cookie: mine=1}}";
    let plan = open(own, ", http: {cookies: true}");
    assert!(plan.request(0).wants().headers);
    let turn = Turn::of_arrival(0, 0);
    let (mut one, mut other) = (plan.session(), plan.session());
    plan.rendered(plan.request(0), turn, &mut one).unwrap();
    let failed = answer(503, &[("set-cookie", "id=7; Path=/base"), ("set-cookie", "b=2")], "");
    assert!(plan.request(0).judge(&failed, Duration::ZERO, &mut one).is_err());
    assert_eq!(plan.rendered(plan.request(0), turn, &mut one).unwrap().headers["cookie"], "b=2; id=7");
    assert_eq!(plan.rendered(plan.request(1), turn, &mut one).unwrap().headers["cookie"], "mine=1");
    assert!(plan.rendered(plan.request(0), turn, &mut other).unwrap().headers.get("cookie").is_none());
}

#[test]
fn bodies_come_from_files_as_they_are() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b" {\"raw\": \"${seq}\"}\xff").unwrap();
    let plan = open(&format!("{{name: a, method: POST, path: /, body_file: {:?}, timeout: 3s}}", file.path()), "");
    let rendered = plan.rendered(plan.request(0), Turn::of_arrival(0, 0), &mut plan.session()).unwrap();
    assert_eq!(&rendered.body[..], b" {\"raw\": \"${seq}\"}\xff");
    assert_eq!(rendered.headers["content-type"], "application/json");
    assert_eq!(plan.request(0).timeout, Some(Duration::from_secs(3)));
}

#[test]
fn a_grpc_call_is_a_framed_message_and_its_status_is_judged() {
    let health = "{name: h, grpc: {method: grpc.health.v1.Health/Check, message: '{\"service\": \"${name}\"}'}, timeout: 2s, \
                  expect: {json: {'$.status': SERVING}}}";
    let plan = open(health, ", vars: {name: o1}");
    assert!(plan.needs_http2() && plan.request(0).is_grpc());
    let rendered = plan.rendered(plan.request(0), Turn::of_arrival(0, 0), &mut plan.session()).unwrap();
    assert_eq!(
        (rendered.path.as_str(), &rendered.body[..]),
        ("/base/grpc.health.v1.Health/Check", &b"\0\0\0\0\x04\x0a\x02o1"[..])
    );
    assert_eq!(
        (&rendered.headers["te"], &rendered.headers["grpc-timeout"]),
        (&"trailers".parse().unwrap(), &"2000000u".parse().unwrap())
    );
    assert_eq!(plan.request(0).wants(), Wants { headers: true, body: true, trailers: true });
    let judge = |status: &str, body: &'static [u8]| {
        let mut said = answer(200, &[("content-type", "application/grpc")], "");
        said.body = Bytes::from_static(body);
        said.trailers.insert("grpc-status", status.parse().unwrap());
        plan.request(0).judge(&said, Duration::ZERO, &mut plan.session())
    };
    assert_eq!(judge("0", b"\0\0\0\0\x02\x08\x01"), Ok(()));
    assert_eq!(judge("0", b"\0\0\0\0\x02\x08\x02"), Err(Reason::Check(Check::Json)));
    assert_eq!(judge("5", b""), Err(Reason::Grpc(5)));
    assert_eq!(judge("0", b""), Err(Reason::Protocol));
}

proptest! {
    #[test]
    fn requests_are_picked_by_weight_and_the_same_ones_again(heavy in 1u32..20, seed: u64) {
        let mut assignment = assignment(&format!(
            "constant_arrival_rate: {{rate: 1}}, requests: [{{name: a, path: /a, weight: {heavy}}}, {{name: never, path: /n, weight: 0}}, {{name: b, path: /b}}]"
        ));
        assignment.seed = seed;
        let target = Target::parse("http://x").unwrap();
        let plan = Plan::new(&assignment, assignment.profile.requests.iter(), &target, &Known).unwrap();
        let picks: Vec<usize> = (0..4000).map(|n| plan.pick(n)).collect();
        prop_assert_eq!(&picks, &(0..4000).map(|n| plan.pick(n)).collect::<Vec<_>>());
        let share = picks.iter().filter(|place| **place == 0).count() as f64 / 4000.0;
        let wanted = f64::from(heavy) / f64::from(heavy + 1);
        // Six standard deviations of 4,000 picks are below 5 %.
        prop_assert!((share - wanted).abs() < 0.05, "{share} instead of {wanted}");
        prop_assert!(!picks.contains(&1));
    }

    #[test]
    fn rendering_is_a_function_of_seed_and_number(seed: u64, n: u64) {
        let mut assignment = assignment(
            "constant_arrival_rate: {rate: 1}, requests: [{name: a, path: '/${random:3-9}/${random:0-18446744073709551615}/${uuid}/${text:3}/${seq}'}]",
        );
        assignment.seed = seed;
        let target = Target::parse("http://x").unwrap();
        let plan = || Plan::new(&assignment, assignment.profile.requests.iter(), &target, &Known).unwrap();
        let (path, _, _) = sent(&plan(), 0, n);
        prop_assert_eq!(&path, &sent(&plan(), 0, n).0);
        let parts: Vec<&str> = path.split('/').collect();
        prop_assert!((3..=9).contains(&parts[1].parse::<u64>().unwrap()));
        prop_assert!(parts[2].parse::<u64>().is_ok());
        prop_assert_eq!(parts[5].parse::<u64>().unwrap(), n);
    }

    #[test]
    fn any_answer_makes_a_path_that_http_accepts(value in "\\PC{1,20}") {
        let plan = journey("{name: a, path: /, extract: {v: {json: $}}}, {name: b, path: '/o/${v}?q=${v}'}", "");
        let mut session = plan.session();
        let said = answer(200, &[], &serde_json::Value::from(value).to_string());
        plan.request(0).judge(&said, Duration::ZERO, &mut session).unwrap();
        let rendered = plan.rendered(plan.request(1), Turn::of_user(0, 0, 0, 0), &mut session).unwrap();
        prop_assert_eq!(rendered.path.path().split('/').count(), 3);
        prop_assert_eq!(rendered.path.query().unwrap().split(['&', '=']).count(), 2);
    }
}
