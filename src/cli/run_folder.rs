//! A run's folder: what is written before a run, while it is on, and after it.

use std::fs;
use std::io::{self, IsTerminal};

use indicatif::ProgressDrawTarget;

use super::drill::Show;
use super::{report, terminal};
use crate::clock::Clock;
use crate::engine::Recorder;
use crate::engine::recorder::EventFile;
use crate::report::hlog::{Interval, hlog};
use crate::report::live::Live;
use crate::result::RunResult;
use crate::safety::RunDir;
use crate::scenario::plan::Plan;
use crate::timeline::Timeline;
use crate::timeline::event::EventSink;

/// Makes the folder, with the plan in it: the first file of every run.
pub(super) fn create(plan: &Plan) -> Result<(), String> {
    let dir = &plan.dir;
    fs::create_dir_all(dir).map_err(|e| format!("the run's folder {} cannot be made: {e}", dir.display()))?;
    let json = serde_json::to_vec_pretty(plan).map_err(|e| format!("the plan cannot be written: {e}"))?;
    let file = dir.join("plan.json");
    fs::write(&file, json).map_err(|e| format!("{} cannot be written: {e}", file.display()))
}

/// A recorder that keeps events in the folder, and shows them.
pub(super) fn recorder(plan: &Plan, clock: Clock, show: Show) -> Result<Recorder, String> {
    let keep = EventFile::create(&plan.dir.join("events.jsonl"))
        .map_err(|e| format!("events cannot be kept in {}: {e}", plan.dir.display()))?;
    Ok(Recorder::new(clock, Timeline::new(plan), Box::new(keep), live(plan, show)))
}

fn live(plan: &Plan, show: Show) -> Box<dyn EventSink> {
    if io::stderr().is_terminal() && !show.plain {
        return Box::new(Live::terminal(plan, ProgressDrawTarget::stderr(), terminal::colour()));
    }
    Box::new(Live::log(plan, Box::new(io::stderr())))
}

/// Writes everything that is made after a run: the result first, because every report can be made from it again; the
/// sums last. A load has no journal.
pub(super) fn write(
    plan: &Plan,
    result: &RunResult,
    timeline: &Timeline,
    journal: Option<&RunDir>,
) -> Result<(), String> {
    let dir = &plan.dir;
    let reports = report::write_all(dir, result).map_err(|e| e.to_string());
    let log = latency_log(timeline)
        .and_then(|text| fs::write(dir.join("latency.hlog"), text).map_err(|e| format!("latency.hlog: {e}")));
    let journal = journal.map_or(Ok(()), |folder| folder.copy_journal(dir).map_err(|e| format!("undo.jsonl: {e}")));
    let sums = report::seal(dir).map_err(|e| e.to_string());
    reports.and(log).and(journal).and(sums)
}

fn latency_log(timeline: &Timeline) -> Result<String, String> {
    let intervals = timeline.interval_histograms().map(|(stream, start, length, histogram)| Interval {
        tag: stream.as_str(),
        start,
        length,
        histogram: histogram.encode().into(),
    });
    let started = timeline.started_epoch_seconds().unwrap_or_default();
    hlog(intervals, started).map_err(|e| e.to_string())
}
