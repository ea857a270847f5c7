//! `simulacro run --retry-inconclusive`: at most one retry, only of what is inconclusive, and never a silent one.

use std::fs;
use std::path::PathBuf;

use crate::common::{Home, free_port};
use crate::door;
use simulacro::result::RunResult;

/// A quick drill that looks at a port which answers; `objectives` decide how it ends.
fn scenario(home: &Home, port: u16, more: &str) -> PathBuf {
    let file = home.path().join("drill.yaml");
    let text = format!(
        "name: quick\nprobes: [{{ name: p, tcp: {{ address: '127.0.0.1:{port}' }}, every: 50ms }}]\n\
         phases: {{ warmup: 200ms, baseline: 600ms, after: 200ms }}\n{more}\n"
    );
    fs::write(&file, text).unwrap();
    file
}

/// Runs it; the exit code, what was said, and the results in the order they were made.
fn run(home: &Home, file: &PathBuf, args: &[&str]) -> (Option<i32>, String, Vec<(PathBuf, RunResult)>) {
    let out = home.simulacro().arg("run").arg(file).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    let folders = fs::read_dir(home.reports()).unwrap().map(|entry| entry.unwrap().path());
    let read = |folder: PathBuf| {
        let result: RunResult = serde_json::from_slice(&fs::read(folder.join("result.json")).unwrap()).unwrap();
        (folder, result)
    };
    let mut results: Vec<_> = folders.map(read).collect();
    results.sort_by(|a, b| a.1.run.started.cmp(&b.1.run.started));
    (out.status.code(), said, results)
}

/// p99 of a dozen looks: too few, so it cannot be judged.
const INCONCLUSIVE: &str = "steady_state: ['p.ok']\nobjectives: { slo: { baseline: { 'p99': '< 1s' } } }";

#[test]
fn an_inconclusive_run_is_tried_once_more_and_the_second_names_the_first_everywhere() {
    let home = Home::new("retry");
    let file = scenario(&home, door(), INCONCLUSIVE);
    let (code, said, runs) = run(&home, &file, &["--retry-inconclusive", "--seed", "7"]);
    assert_eq!((code, runs.len()), (Some(20), 2), "one retry, no more: {said}");
    let [(_, first), (folder, second)] = runs.as_slice() else { panic!("{said}") };
    assert_eq!(first.run.retry_of, None);
    let retry = second.run.retry_of.as_ref().expect("the second names the first");
    assert_eq!((&retry.run, &retry.why), (&first.run.id, &first.end.summary));
    assert_ne!(first.run.id, second.run.id);
    assert!(said.contains("second and last attempt") && said.contains("Second attempt; the first"), "{said}");
    for file in ["report.md", "report.html", "junit.xml"] {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        assert!(text.contains("Second attempt; the first") && text.contains(&first.run.id.0), "{file}: {text}");
    }
    // Judged again from its folder, it still says so.
    let judged = home.simulacro().arg("judge").arg(folder).arg(&file).arg("--json").output().unwrap();
    let judged: RunResult = serde_json::from_slice(&judged.stdout).unwrap();
    assert_eq!(judged.run.retry_of.as_ref(), Some(retry));
}

#[test]
fn what_is_not_inconclusive_is_not_tried_again() {
    let (open, closed) = (door(), free_port());
    for (port, code) in [(open, 0), (closed, 21)] {
        let home = Home::new("no-retry");
        let file = scenario(&home, port, "steady_state: ['p.ok']");
        let (exit, said, runs) = run(&home, &file, &["--retry-inconclusive"]);
        assert_eq!((exit, runs.len()), (Some(code), 1), "{said}");
        assert!(!said.contains("attempt"), "{said}");
    }
    let home = Home::new("no-flag");
    let file = scenario(&home, open, INCONCLUSIVE);
    let (exit, said, runs) = run(&home, &file, &[]);
    assert_eq!((exit, runs.len()), (Some(20), 1), "without the flag there is no retry: {said}");
}

/// A load of a dozen requests cannot be judged on p99.9: once more, and no more.
#[test]
fn an_inconclusive_load_is_tried_once_more_too() {
    let home = Home::new("retry-load");
    let profile = home.path().join("few.yaml");
    let text = "simulacro_profile: 1\nname: few\nrequests: [{ name: r, path: / }]\ntimeout: 300ms\n\
                constant_arrival_rate: { rate: 20, duration: 600ms }\nthresholds: ['p99.9 < 10s']\n";
    fs::write(&profile, text).unwrap();
    let url = format!("http://127.0.0.1:{}", door());
    let mut command = home.simulacro();
    let out = command.arg("load").arg(&profile).args(["--base-url", &url, "--retry-inconclusive"]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let folders: Vec<_> = fs::read_dir(home.reports()).unwrap().collect();
    assert_eq!((out.status.code(), folders.len()), (Some(20), 2), "{said}");
    assert!(said.contains("second and last attempt"), "{said}");
}
