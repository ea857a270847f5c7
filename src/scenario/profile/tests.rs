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
        let profile = read(&std::fs::read_to_string(&path).unwrap());
        assert_eq!(messages(&profile), [], "{}: {:?}", path.display(), profile.problems());
        assert_eq!(path.file_stem().unwrap().to_str(), Some(profile.name.as_str()));
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} profiles");
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
