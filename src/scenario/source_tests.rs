use proptest::prelude::*;

use super::*;
use crate::scenario::Scenario;

const WHOLE: &str = r#"simulacro: 1
name: orders-outage
vars: { app: "http://127.0.0.1:18080", rate: 5 }
services:
  orders:
    command: [simulacro, demo-service, "${run_dir}/orders.db"]
    ready: { http: "${app}/ready", within: 10s }
    restart: { after: 300ms }
proxies:
  front.v1: { listen: 127.0.0.1:18081, upstream: 127.0.0.1:18080 }
targets:
  app: { process: orders }
probes:
  - name: checkout
    http: { url: "${app}/ready", status: 200 }
    every: 20ms
recovery_signal: { streams: [checkout], latency: "<= 400ms" }
steady_state: ["error_rate < 1%", checkout.ok]
phases: { warmup: 2s, recovery: { deadline: 60s, hold: 3s } }
faults:
  - name: crash
    at: 0s
    process-kill: { target: app, signal: SIGKILL }
  - name: crawl
    after: { fault: crash, is: recovered }
    for: 6s
    proxy-latency: { proxy: front.v1, latency: 250ms }
    impact: tolerated
objectives:
  rto: { max: 5s, fault: crash, from: act }
  slo: { baseline: { p95: "< 200ms" } }
guard: { stop_when: ["error_rate > 95% for 30s"], max_hold: 5m }
"#;

fn load_here(text: &str) -> Result<(Scenario, Source), Problems> {
    load(Path::new("a.yaml"), text, &[])
}

#[test]
fn a_whole_scenario_is_read_and_its_paths_have_places() {
    let (scenario, source) = load_here(WHOLE).map_err(|e| e.to_string()).unwrap();
    assert_eq!(scenario.faults.len(), 2);
    assert_eq!(scenario.probes[0].http.as_ref().unwrap().url, "http://127.0.0.1:18080/ready");
    let place = |span: Span| (span.line, span.column);
    assert_eq!(place(source.at("faults[0].process-kill.target")), (23, 29));
    assert_eq!(place(source.key_at("faults[0].process-kill.target")), (23, 21));
    assert_eq!(place(source.at("faults[1]")), (24, 5));
    assert_eq!(place(source.at("proxies.front.v1.listen")), (10, 23));
    // What is missing is shown at its nearest ancestor.
    assert_eq!(place(source.at("guard.max_targets")), (32, 1));
    assert_eq!(place(source.at("faults[7].name")), (20, 1));
    assert_eq!(place(source.at("nothing.here")), (1, 1));
    let problem = source.error("faults[0].process-kill.target", "no").hint("h").warning();
    assert_eq!(problem.to_string(), "a.yaml:23:29: warning: no (h)");
}

#[test]
fn syntax_variables_types_and_repeats_come_in_one_pass() {
    let kinds = crate::scenario::fault::FaultSpec::KINDS.join(", ");
    let several = format!("a.yaml:22:5: more than one is given: give exactly one of {kinds}");
    let text = WHOLE
        .replace("${app}/ready\", status", "${ap}/ready\", status")
        .replace("every: 20ms", "every: 20\n    every: 5s")
        .replace("impact: tolerated", "impact: tolerable")
        .replace("at: 0s", "at: 0s\n    process-pause: { target: app }")
        .replace("max_hold: 5m", "maxHold: 5m");
    let problems = load_here(&text).unwrap_err();
    assert_eq!(
        problems.to_string().lines().collect::<Vec<_>>(),
        [
            "a.yaml:15:19: there is no variable `ap` (did you mean `${app}`?)",
            "a.yaml:16:12: `20` has no unit: write `20s` or `20ms`",
            "a.yaml:17:5: the key `every` is given twice (the first is on line 16; keep one of them)",
            &*several,
            "a.yaml:30:13: `tolerable` is not a choice here (did you mean `tolerated`?)",
            "a.yaml:34:51: unknown key `maxHold` (did you mean `max_hold`?)",
        ]
    );
    let json = serde_json::to_value(&problems).unwrap();
    assert_eq!((&json[5]["line"], &json[5]["path"]), (&34.into(), &"guard.maxHold".into()));
}

#[test]
fn overrides_reach_the_typed_value() {
    let overrides = [("app".to_owned(), "http://other".to_owned())];
    let (scenario, _) = load::<Scenario>(Path::new("a.yaml"), WHOLE, &overrides).unwrap();
    assert_eq!(scenario.probes[0].http.as_ref().unwrap().url, "http://other/ready");
}

#[test]
fn unreadable_files_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let told = |name: &str| read_file(&dir.path().join(name)).unwrap_err().to_string();
    std::fs::write(dir.path().join("latin"), b"name: x\ntitle: caf\xe9\n").unwrap();
    std::fs::write(dir.path().join("big"), vec![b'#'; MAX_BYTES as usize + 1]).unwrap();
    assert!(told("none").contains("no such file"));
    assert!(told("").contains("directory"));
    assert!(told("latin").contains("not UTF-8 text (line 2)"));
    assert!(told("big").contains("1 MiB"));
    assert!(load_here("").unwrap_err().to_string().starts_with("a.yaml:1:1: the file is empty"));
}

fn corrupted() -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0usize..40, prop::option::of("[a-z\\[\\]{}:,\"'&*!|> \n\t$é-]{0,6}"));
    prop::collection::vec(edit, 1..6).prop_map(|edits| {
        let mut chars: Vec<char> = WHOLE.chars().collect();
        for (at, cut, insert) in edits {
            if chars.is_empty() {
                break;
            }
            let at = at.index(chars.len());
            let end = (at + cut).min(chars.len());
            chars.splice(at..end, insert.unwrap_or_default().chars());
        }
        chars.into_iter().collect()
    })
}

proptest! {
    #[test]
    fn a_corrupted_file_loads_or_has_a_problem_inside_it(text in corrupted()) {
        if let Err(problems) = load_here(&text) {
            prop_assert!(problems.has_errors());
            let lines = text.lines().count().max(1);
            for problem in problems.iter() {
                let Span { start, end, line, .. } = problem.span;
                prop_assert!(start <= end && end <= text.len() && text.is_char_boundary(start), "{problem:?}");
                prop_assert!(line >= 1 && line <= lines + 1, "{problem:?}");
            }
            let look = crate::scenario::render::Look { color: false, unicode: true, width: 80 };
            prop_assert!(!crate::scenario::render::graphical(&problems, look).is_empty());
        }
    }
}
