//! `simulacro compare` on saved runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::common::Home;
use serde_json::Value;

/// Copies of the sample run, each a run of its own, below `dir`; `change` edits their results.
fn runs(dir: &Path, names: &[&str], change: impl Fn(&mut Value)) -> PathBuf {
    let text = fs::read_to_string("reports/sample/result.json").unwrap();
    for name in names {
        let mut result: Value = serde_json::from_str(&text).unwrap();
        result["run"]["id"] = (*name).into();
        change(&mut result);
        fs::create_dir_all(dir.join(name)).unwrap();
        fs::write(dir.join(name).join("result.json"), result.to_string()).unwrap();
        fs::copy("reports/sample/latency.hlog", dir.join(name).join("latency.hlog")).unwrap();
    }
    dir.to_owned()
}

fn compare(home: &Home, args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = home.simulacro().arg("compare").args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// All failures of the stream `steady`, in place of as many successes.
fn failing(result: &mut Value) {
    for row in result["latency"]["rows"].as_array_mut().unwrap() {
        if row["stream"] == "steady" {
            row["latency"]["err"] = 3_000.into();
        }
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn equal_runs_are_the_same_and_failing_ones_are_worse() {
    let home = Home::new("compare");
    let base = runs(&home.path().join("base"), &["b1", "b2", "b3"], |_| ());
    let same = runs(&home.path().join("same"), &["s1", "s2", "s3"], |_| ());
    let worse = runs(&home.path().join("worse"), &["w1", "w2", "w3"], failing);
    // The sample is short: its p99 says little.
    let quantiles = ["--quantile", "p50", "--quantile", "p95"];
    let (code, out, err) = compare(&home, &[&[path(&base), path(&same)], &quantiles[..]].concat());
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("SAME") && out.contains("span baseline") && out.contains("seed 1"), "{out}");
    let (code, out, _) = compare(&home, &[path(&base), path(&worse), "--json"]);
    let comparison: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &comparison["verdict"], &comparison["exit_code"]), (Some(15), &"worse".into(), &15.into()));
    // Several bases one by one, and single files, are the same runs.
    let files = ["b1", "b2", "b3"].map(|name| base.join(name).join("result.json"));
    let [b1, b2, b3] = files.each_ref().map(|file| path(file));
    let (code, one_by_one, _) = compare(&home, &["--base", b1, "--base", b2, "--base", b3, path(&worse), "--json"]);
    assert_eq!((code, one_by_one == out), (Some(15), true), "the seed is fixed, and so is the outcome");
}

#[test]
fn reports_are_written_for_ci() {
    let home = Home::new("compare-ci");
    let base = runs(&home.path().join("base"), &["b1", "b2", "b3"], |_| ());
    let worse = runs(&home.path().join("worse"), &["w1", "w2", "w3"], failing);
    let out = home.path().join("out");
    let formats = ["-f", "json", "-f", "junit", "-f", "markdown", "-o", path(&out)];
    let (code, said, _) = compare(&home, &[&[path(&base), path(&worse)], &formats[..]].concat());
    assert_eq!(code, Some(15));
    assert!(said.contains("WORSE"), "the log of a job says it, too: {said}");
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    assert!(read("comparison.md").starts_with("## ❌ Compared: quickstart"));
    assert!(read("comparison.xml").contains("<failure") && read("comparison.xml").contains("steady error_rate"));
    let json: simulacro::compare::Comparison = serde_json::from_str(&read("comparison.json")).unwrap();
    assert_eq!(json.exit_code, 15);
}

#[test]
fn a_baseline_file_stands_for_its_runs() {
    let home = Home::new("compare-baseline");
    let base = runs(&home.path().join("base"), &["b1", "b2", "b3"], |_| ());
    let worse = runs(&home.path().join("worse"), &["w1", "w2"], failing);
    let file = home.path().join("baseline.json");
    let (code, _, said) = compare(&home, &["--save-baseline", path(&file), path(&base)]);
    assert_eq!(code, Some(0), "{said}");
    assert!(fs::metadata(&file).unwrap().len() < 100_000, "{said}");
    let with_runs = compare(&home, &[path(&base), path(&worse), "--json"]);
    let with_file = compare(&home, &[path(&file), path(&worse), "--json"]);
    assert_eq!((with_file.0, with_file.1 == with_runs.1), (Some(15), true), "{}", with_file.2);
    let (code, _, why) = compare(&home, &[path(&file), path(&worse), "--span", "after"]);
    assert!(code == Some(2) && why.contains("save one with --span after"), "{why}");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, &text[..text.len() / 2]).unwrap();
    let (code, _, why) = compare(&home, &[path(&file), path(&worse)]);
    assert!(code == Some(2) && why.contains("baseline.json: damaged baseline"), "{why}");
}

#[test]
fn what_cannot_be_compared_is_refused_and_says_what_to_do() {
    let home = Home::new("compare-refused");
    let base = runs(&home.path().join("base"), &["b1"], |_| ());
    let other = runs(&home.path().join("other"), &["o1"], |result| {
        result["run"]["digest"] = "0".repeat(64).into();
        result["run"]["host"] = "elsewhere".into();
        result["run"]["machine"] = serde_json::Value::Null;
    });
    let (base, other) = (path(&base), path(&other));
    let (code, _, why) = compare(&home, &[base, other]);
    assert!(code == Some(2) && why.contains("elsewhere") && why.contains("--allow-different scenario"), "{why}");
    let allowed = ["--allow-different", "scenario", "--allow-different", "host"];
    let (code, out, _) = compare(&home, &[&[base, other], &allowed[..]].concat());
    assert_eq!(code, Some(20), "one run a side, and nothing changed: {out}");
    assert!(out.contains("differs: machine") && out.contains("assumed to be"), "{out}");
    let (_, known, _) = compare(&home, &[&[base, other, "--noise", "1%"], &allowed[..]].concat());
    assert!(known.contains("(given)"), "{known}");
    for (args, part) in [
        (&[base][..], "at least one RUN"),
        (&[base, base], "given twice"),
        (&[base, "nowhere"], "cannot be read"),
        (&[base, other, "--span", "nowhen"], "it has"),
        (&[base, other, "--quantile", "95"], "write it as p50"),
        (&[base, other, "--effect", "0%"], "more than nothing"),
        (&[path(home.path()), base], "holds no runs"),
    ] {
        let (code, _, why) = compare(&home, args);
        assert!(code == Some(2) && why.contains(part), "{args:?}: {why}");
    }
}
