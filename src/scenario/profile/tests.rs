use super::*;

const OPEN: &str = "
simulacro_profile: 1
name: steady
constantArrivalRate: { rate: 500, timeUnit: 1s, maxVUs: 600, preAllocatedVUs: 20 }
timeout: 1s
requests:
  - { name: create, method: PUT, path: '/orders/load-${seq}', body: '{\"n\": ${seq}}', expect: { status: [200, 201] } }
  - { name: list, path: '/orders?limit=20', expect: { status: 200 }, weight: 2 }
";

fn read(text: &str) -> Profile {
    Profile::from_yaml(text).unwrap()
}

fn messages(profile: &Profile) -> Vec<(String, Severity)> {
    profile.problems().into_iter().map(|p| (p.path, p.severity)).collect()
}

#[test]
fn k6_spelling_is_accepted_and_read_back_in_ours() {
    let profile = read(OPEN);
    let Some(Executor::ConstantArrivalRate(rate)) = profile.executor() else { panic!("{profile:?}") };
    assert_eq!((rate.rate, rate.max_senders, rate.pre_allocated_senders), (500, Some(600), Some(20)));
    assert_eq!(profile.executor().unwrap().model(), LoadModel::Open);
    assert!(messages(&profile).is_empty(), "{:?}", profile.problems());
    let written = serde_json::to_string(&profile).unwrap();
    assert!(written.contains("max_senders") && !written.contains("maxVUs"), "{written}");
    assert_eq!(serde_json::from_str::<Profile>(&written).unwrap(), profile);
}

#[test]
fn unknown_keys_and_wrong_statuses_are_errors_that_say_so() {
    let wrong = |from: &str, to: &str| Profile::from_yaml(&OPEN.replace(from, to)).unwrap_err().to_string();
    assert!(wrong("timeout: 1s", "time_out: 1s").contains("time_out"));
    assert!(wrong("timeout: 1s", "timeout: 1").contains("no unit"));
    assert!(wrong("status: 200 }", "status: 900 }").contains("not an HTTP status"));
    assert!(wrong("method: PUT", "method: FETCH").contains("FETCH"));
}

#[test]
fn senders_default_to_rate_times_timeout() {
    let mut profile = read(OPEN);
    let timeout = profile.timeout;
    let rate = profile.constant_arrival_rate.as_mut().unwrap();
    (rate.max_senders, rate.pre_allocated_senders) = (None, None);
    assert_eq!(rate.senders(timeout), 500);
    assert_eq!(rate.senders(HumanDuration::from_secs(600)), 5000);
}

#[test]
fn a_cap_that_closes_the_model_is_warned_about_with_the_arithmetic() {
    let profile = read(&OPEN.replace("timeout: 1s", "timeout: 10s"));
    let problems = profile.problems();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].severity, Severity::Warning);
    assert!(problems[0].message.contains("1.2 s") && problems[0].message.contains("5000"), "{}", problems[0].message);
}

#[test]
fn every_problem_is_found_in_one_pass() {
    let profile = read(
        "
simulacro_profile: 2
name: wrong
constant_arrival_rate: { rate: 0, time_unit: 1s }
constant_vus: { vus: 0 }
timeout: 0s
requests:
  - { name: a, path: 'orders/${sek}', headers: { 'x y': \"a\\nb\" } }
journeys:
  - { name: j, steps: [], wait_time: { min: 2s, max: 1s } }
",
    );
    let paths: Vec<String> = profile.problems().into_iter().map(|p| p.path).collect();
    for path in [
        "simulacro_profile",
        "timeout",
        "",
        "requests[0].path",
        "requests[0].headers",
        "requests[0].headers.x y",
        "journeys[0].steps",
        "journeys[0].wait_time",
    ] {
        assert!(paths.iter().any(|p| p == path), "`{path}` is missing from {paths:?}");
    }
}

#[test]
fn a_path_that_http_refuses_is_found_before_anything_is_sent() {
    let wrong = read(&OPEN.replace("/orders?limit=20", "/my orders?x=${seq}"));
    let problems = wrong.problems();
    assert_eq!(problems[0].path, "requests[1].path");
    assert!(problems[0].message.contains("`%20`"), "{}", problems[0].message);
}

#[test]
fn names_are_listed_once_in_order() {
    let profile = read(&OPEN.replace("name: list", "name: create"));
    assert_eq!(profile.request_names().len(), 1);
    assert_eq!(profile.all_requests().count(), 2);
}

#[test]
fn the_committed_profiles_are_valid() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("loadprofiles");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "yaml") {
            continue;
        }
        let profile = read(&std::fs::read_to_string(&path).unwrap()).resolved(path.parent().unwrap());
        assert_eq!(messages(&profile), [], "{}: {:?}", path.display(), profile.problems());
        assert_eq!(profile.file_problems(), [], "{}", path.display());
        assert_eq!(path.file_stem().unwrap().to_str(), Some(profile.name.as_str()));
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} profiles");
}

const USERS: &str = "
simulacro_profile: 1
name: users
constant_vus: { vus: 2 }
vars: { id: 'o-${uuid}', host: shop }
data: { users: { csv: users.csv } }
journeys:
  - name: buyer
    wait_time: { min: 1s, max: 2s }
    on_start:
      - { name: login, path: /login, body: '${users.name}', extract: { token: { json: $.token } } }
    steps:
      - { name: buy, path: '/${id}', headers: { x: '${token}' }, extract: { order: { header: location } } }
      - { name: look, path: '${raw:order}' }
";

/// Paths and messages after replacing a text of `USERS`.
fn found(from: &str, to: &str) -> Vec<(String, String)> {
    assert!(USERS.contains(from), "{from}");
    read(&USERS.replace(from, to)).problems().into_iter().map(|p| (p.path, p.message)).collect()
}

#[test]
fn names_in_templates_are_known_and_there_by_then() {
    assert_eq!(read(USERS).problems(), []);
    let one = |from: &str, to: &str, path: &str, says: &[&str]| {
        let all = found(from, to);
        assert_eq!(all.len(), 1, "{to}: {all:?}");
        assert_eq!(all[0].0, path, "{all:?}");
        says.iter().for_each(|says| assert!(all[0].1.contains(says), "{says}: {}", all[0].1));
    };
    let (buy, look) = ("journeys[0].steps[0]", "journeys[0].steps[1].path");
    let known = ["did you mean `${token}`", "${seq}", "${id}", "${users.…}", "${random:1-1000}"];
    one("'${token}'", "'${tokn}'", &format!("{buy}.headers.x"), &known);
    one("'${token}'", "'${order}'", &format!("{buy}.headers.x"), &["not there yet", "`buy`"]);
    one("'${users.name}'", "'${users}'", "journeys[0].on_start[0].body", &["which field", "${users.email}"]);
    one("'${users.name}'", "'${random:9-1}'", "journeys[0].on_start[0].body", &["smaller first"]);
    one("'${raw:order}'", "'/x y'", look, &["`%20`"]);
    one("host: shop", "host: '${host}'", "vars.host", &["stands for itself"]);
    one("host: shop", "seq: shop", "vars.seq", &["choose another name"]);
    one("host: shop", "host: '${id'", "vars.host", &["without its `}`"]);
    one("host: shop", "order: /shop", "journeys[0].steps[0].extract.order", &["a variable as well"]);
    // A variable's own mistake is shown where it is used, and one in a path as well.
    one("'/${id}'", "'/${host}${none}'", &format!("{buy}.path"), &["`${none}` is not known"]);
    assert_eq!(found("host: shop", "host: 'a b'").len(), 0, "a variable that no path uses");
    assert!(found("o-${uuid}", "o ${uuid}")[0].1.contains("`%20`"));
    let other = format!(
        "{}  - {{ name: other, steps: [{{ name: x, path: '/${{token}}', think_time: {{ min: 1s, max: 1s }} }}] }}\n",
        USERS
    );
    let problems = read(&other).problems();
    assert!(problems.len() == 1 && problems[0].message.contains("the journey `buyer`"), "{problems:?}");
}

#[test]
fn an_arrival_rate_takes_no_values_and_does_not_think() {
    let open = read(&OPEN.replace(
        "name: list,",
        "name: list, extract: { a: { json: $.a } }, think_time: { min: 1s, max: 1s }, headers: { x: '${a}' },",
    ));
    let problems = open.problems();
    let paths: Vec<&str> = problems.iter().map(|p| p.path.as_str()).collect();
    assert_eq!(paths, ["requests[1].headers.x", "requests[1].think_time", "requests[1].extract"], "{problems:?}");
    assert!(problems[0].message.contains("wait for no answer"), "{}", problems[0].message);
}

#[test]
fn checks_and_sources_are_read_before_anything_is_sent() {
    let profile = read(&OPEN.replace(
        "expect: { status: 200 }",
        "expect: { matches: 'a(', json: { 'items[0]': 1 }, headers: { 'a b': x, y: '[' }, latency: 2s, grpc_status: OK }, \
         body: x, body_file: y, timeout: 0s",
    ));
    let problems = profile.problems();
    for (path, says) in [
        ("requests[1].expect.matches", "`a(` is not a regular expression: unclosed group"),
        ("requests[1].expect.json", "`items[0]` is not a JSON path"),
        ("requests[1].expect.headers", "`a b` is not a header name"),
        ("requests[1].expect.headers.y", "unclosed character class"),
        ("requests[1].expect.latency", "no answer is that late"),
        ("requests[1].expect.grpc_status", "use `status`"),
        ("requests[1].body_file", "one body"),
        ("requests[1].timeout", "more than 0s"),
    ] {
        let found = problems.iter().any(|p| p.path == path && p.message.contains(says));
        assert!(found, "{path}: {says} is missing from {problems:#?}");
    }
    let sources = [
        ("{ json: $.a, header: b }", "one of `json`, `header` and `regex`"),
        ("{}", "one of `json`, `header` and `regex`"),
        ("{ json: a.b }", "not a JSON path"),
        ("{ header: 'a b' }", "not a header name"),
        ("{ header: a, regex: '(' }", "not a regular expression"),
    ];
    for (source, says) in sources {
        let all = found("{ json: $.token }", source);
        assert!(all.len() == 1 && all[0].1.contains(says), "{source}: {all:?}");
    }
}

#[test]
fn grpc_calls_have_parts_of_their_own() {
    let call = |more: &str| {
        let call = format!("name: list, grpc: {{ {more} }}, expect: {{ grpc_status: NOT_FOUND }}, weight: 2 }}");
        read(&OPEN.replace("name: list, path: '/orders?limit=20', expect: { status: 200 }, weight: 2 }", &call))
            .problems()
    };
    assert_eq!(call("method: grpc.health.v1.Health/Check"), []);
    assert!(call("method: a.B/C")[0].message.contains("`descriptors`"));
    let mixed = call("method: grpc.health.v1.Health/Check }, path: /x, body: y, headers: { X-A: b, grpc-timeout: 1S");
    let paths: Vec<&str> = mixed.iter().map(|p| p.path.as_str()).collect();
    let all = ["requests[1].path", "requests[1].body", "requests[1].headers.X-A", "requests[1].headers.grpc-timeout"];
    assert_eq!(paths, all, "{mixed:?}");
}

#[test]
fn travelling_is_checked() {
    let with = |http: &str| read(&OPEN.replace("timeout: 1s", &format!("timeout: 1s\nhttp: {http}"))).problems();
    let one = |http: &str, path: &str, says: &str| {
        let problems = with(http);
        assert!(problems.len() == 1 && problems[0].path == path && problems[0].message.contains(says), "{problems:?}");
    };
    one("{ tls: { cert: a.pem } }", "http.tls.cert", "its `key`");
    one("{ tls: { key: a.pem } }", "http.tls.key", "`cert`");
    one("{ tls: { ca: a.pem, insecure: true } }", "http.tls.insecure", "has no say");
    one("{ response_limit: 0 }", "http.response_limit", "no answer would fit");
    one("{ connect_timeout: 0s }", "http.connect_timeout", "more than 0s");
    one("{ auth: { bearer: '${token}' } }", "http.auth.bearer", "not known");
    one("{ auth: { bearer: plain } }", "http.auth.bearer", "for all to read");
    one("{ auth: { basic: { user: 'a:b', password: '${env:P}' } } }", "http.auth.basic.user", "no `:`");
    assert_eq!(with("{ auth: { bearer: '${env:TOKEN}' }, tls: { cert: a.pem, key: b.pem } }"), []);
}

#[test]
fn rows_that_would_be_passed_over_are_warned_about() {
    let profile =
        read(&format!("{}data: {{ u: {{ csv: u.csv, order: once }} }}\n", OPEN.replace("limit=20", "u=${u.id}")));
    let problems = profile.problems();
    assert!(problems.len() == 1 && problems[0].message.contains("takes a row of `u`"), "{problems:?}");
    assert_eq!(problems[0].severity, Severity::Warning);
    let both = read(&OPEN.replace("timeout: 1s", "timeout: 1s\ndata: { u: { csv: a, jsonl: b }, v: {} }"));
    assert_eq!(messages(&both), [("data.u".to_owned(), Severity::Error), ("data.v".to_owned(), Severity::Error)]);
}

#[test]
fn files_are_read_by_a_check() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("users.csv", "name,email\nann,a@x\n");
    write("cert.pem", "not one");
    let files = |text: &str| read(text).resolved(folder.path()).file_problems();
    assert_eq!(files(USERS), []);
    let wrong = files(&USERS.replace("users.name", "users.emial"));
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert_eq!(wrong[0].path, "journeys[0].on_start[0].body");
    assert!(wrong[0].message.contains("did you mean `email`"), "{}", wrong[0].message);
    write("users.csv", "name,email\nann,a@x\nbob\n");
    let wrong = files(USERS);
    assert!(wrong.len() == 1 && wrong[0].path == "data.users.csv" && wrong[0].message.contains("line 3"), "{wrong:?}");
    let wrong = files(&OPEN.replace(
        "timeout: 1s",
        "timeout: 1s\nhttp: { tls: { ca: cert.pem, cert: gone.pem } }\ndata: { u: { jsonl: gone.jsonl } }",
    ));
    let paths: Vec<&str> = wrong.iter().map(|p| p.path.as_str()).collect();
    assert_eq!(paths, ["http.tls.ca", "http.tls.cert", "data.u.jsonl"], "{wrong:?}");
    let call = "name: list, grpc: { method: grpc.health.v1.Health/Look }, body_file: gone }";
    let wrong =
        files(&OPEN.replace("name: list, path: '/orders?limit=20', expect: { status: 200 }, weight: 2 }", call));
    assert!(wrong.len() == 2 && wrong[1].message.contains("no method `Look`"), "{wrong:?}");
}

#[test]
fn a_search_can_reach_what_is_asked_for() {
    let profile = |rest: &str| {
        read(&format!(
            "{{simulacro_profile: 1, name: s, timeout: 1s, requests: [{{name: a, path: /a}}], \
             breakpoint: {{start_rate: 10, max_rate: 100, step: 10, until: ['p95 < 1s'], {rest}}}"
        ))
    };
    assert_eq!(messages(&profile("at_least: 100}")), []);
    assert_eq!(messages(&profile("at_least: 101}")), [("breakpoint.at_least".into(), Severity::Error)]);
    assert_eq!(messages(&profile("hold: 0s}")), [("breakpoint".into(), Severity::Error)]);
    let beside = profile("at_least: 50}, thresholds: ['p95 < 1s']");
    assert_eq!(messages(&beside), [("thresholds".into(), Severity::Warning)]);
}
