//! Baseline files, and what is cut from a result.

use super::super::baseline::Baseline;
use super::super::sample::{sample as cut, usual_span};
use super::*;
use crate::report::json;

fn saved() -> Baseline {
    Baseline::new("total", World::new(1).runs(3, 1.0), "2026-11-03T05:00:00Z".into())
}

#[test]
fn a_baseline_is_read_as_it_was_written() {
    let text = saved().text().unwrap();
    assert!(Baseline::is_one(text.as_bytes()));
    assert_eq!(Baseline::read(text.as_bytes()).unwrap(), saved());
}

#[test]
fn the_sample_in_the_repository_is_read() {
    let bytes = std::fs::read("reports/sample-baseline.json").unwrap();
    assert!(bytes.len() < 100_000);
    let sample = Baseline::read(&bytes).unwrap();
    assert_eq!((sample.runs.len(), sample.text().unwrap().as_bytes() == bytes), (6, true));
}

#[test]
fn a_damaged_baseline_is_refused_and_says_what_to_do() {
    let text = saved().text().unwrap();
    for cut in (0..text.len() - 2).step_by(97) {
        assert!(Baseline::read(&text.as_bytes()[..cut]).is_err(), "cut at {cut}");
    }
    let half = Baseline::read(&text.as_bytes()[..text.len() / 2]).unwrap_err().to_string();
    assert!(half.contains("from version control"), "{half}");
    let newer = text.replacen("\"simulacro_baseline\": 1", "\"simulacro_baseline\": 7", 1);
    let newer = Baseline::read(newer.as_bytes()).unwrap_err().to_string();
    assert!(newer.contains("version 7") && newer.contains("use a newer one"), "{newer}");
    let mut edited = saved();
    edited.runs[0].streams[0].rows[0].ok += 1;
    let edited = Baseline::read(edited.text().unwrap().as_bytes()).unwrap_err().to_string();
    assert!(edited.contains("run-1, steady") && edited.contains("latencies of"), "{edited}");
    let mut twice = saved();
    twice.runs.push(twice.runs[0].clone());
    assert!(Baseline::read(twice.text().unwrap().as_bytes()).unwrap_err().to_string().contains("twice"));
}

#[test]
fn a_result_is_cut_to_one_span() {
    let text = std::fs::read("reports/sample/result.json").unwrap();
    let log = std::fs::read_to_string("reports/sample/latency.hlog").unwrap();
    let result = json::read(&text).unwrap();
    assert_eq!(usual_span(&result), "baseline", "a drill's faults are meant to hurt");
    let run = cut(&result, "baseline", Some(&log)).unwrap();
    assert_eq!(run.streams.len(), 2);
    for stream in &run.streams {
        let whole = &stream.rows[0];
        assert_eq!((&whole.request, whole.hist().unwrap().total()), (&None, whole.ok));
    }
    let steady = run.streams.iter().find(|s| s.name.as_str() == "steady").unwrap();
    assert!(steady.design_effects.values().all(|effect| *effect > 1.0), "{:?}", steady.design_effects);
    let total = cut(&result, "total", Some(&log)).unwrap();
    let steady = total.streams.iter().find(|s| s.name.as_str() == "steady").unwrap();
    assert!(steady.design_effects["errors"] > 10.0, "failures come in outages: {:?}", steady.design_effects);
    let why = cut(&result, "bogus", None).unwrap_err();
    assert!(why.contains("it has") && why.contains("crawl") && why.contains("--span"), "{why}");
}
