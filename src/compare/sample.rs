//! What is compared of one run: a small part of its result. A baseline file holds the same.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::blocks;
use crate::model::{Machine, Name, RunId};
use crate::result::latency::LatencyRow;
use crate::result::{RunResult, StreamInfo, StreamKind};
use crate::timeline::event::EndReason;
use crate::timeline::latency::{Hist, HistError, Sparse};

/// Share of the requests that may fail to be sent by us before the numbers of a stream are doubted.
const NOT_SENT: f64 = 0.01;

/// One run, cut down to one span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunSample {
    /// The run.
    pub id: RunId,
    /// The scenario's name, or the load profile's.
    pub scenario: Name,
    /// SHA-256 of the scenario with its load profiles, hex.
    pub digest: String,
    /// Version of the program that measured.
    pub program: String,
    /// The machine it ran on.
    pub host: String,
    /// What kind of machine that is. Absent in runs of older versions: then the name counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// Wall-clock time of its start, RFC 3339 in UTC.
    pub started: String,
    /// Whether the world was simulated.
    pub simulated: bool,
    /// How it ended (docs/exit-codes.md).
    pub exit_code: u8,
    /// Why none of its numbers may decide anything; none: they may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
    /// Its load streams.
    pub streams: Vec<StreamSample>,
}

/// One load stream of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamSample {
    /// Its name.
    pub name: Name,
    /// Open or closed.
    pub kind: StreamKind,
    /// Asked rate per second, where there is one.
    pub asked_rate: Option<f64>,
    /// Why its numbers may not decide anything; none: they may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
    /// How much less a request tells than an independent one would (Kish's design effect), by `errors`, `p50`, `p95`,
    /// and so on; at least 1. What is not here is taken as 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub design_effects: BTreeMap<String, f64>,
    /// All of the stream first, then each request name.
    pub rows: Vec<RowSample>,
}

/// One request name of a stream, or all of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowSample {
    /// The request name; none: all of the stream.
    pub request: Option<String>,
    /// Answered as they should be.
    pub ok: u64,
    /// Failed, dropped, or still unanswered at the end: they rank as the slowest.
    pub failed: u64,
    /// Successful requests per second.
    pub rate: f64,
    /// Median in microseconds, for people who read differences of baselines; programs use the histogram.
    pub p50_us: Option<u64>,
    /// 95 %, likewise.
    pub p95_us: Option<u64>,
    /// 99 %, likewise.
    pub p99_us: Option<u64>,
    /// Latencies of successes: HDR V2 compressed and base64, microseconds.
    pub ok_histogram: String,
}

impl RowSample {
    /// Its histogram.
    ///
    /// # Errors
    /// When the text is none.
    pub fn hist(&self) -> Result<Hist, HistError> {
        let mut hist = Hist::default();
        hist.merge_sparse(&Sparse::decode(&self.ok_histogram)?);
        Ok(hist)
    }
}

/// The span that is compared when none is named: the baseline of a drill, because its faults are meant to hurt; else
/// everything.
pub fn usual_span(result: &RunResult) -> &'static str {
    if result.faults.is_empty() { "total" } else { "baseline" }
}

/// Cuts a result down to a span. `log`: the run's `latency.hlog`, from which the design effects come; without it
/// requests are taken as independent.
///
/// # Errors
/// When the run has no such span; the message lists those that it has.
pub fn sample(result: &RunResult, span: &str, log: Option<&str>) -> Result<RunSample, String> {
    let rows: Vec<&LatencyRow> = result.latency.rows.iter().filter(|row| row.span == span).collect();
    if rows.is_empty() {
        return Err(no_such_span(result, span));
    }
    let log = log.map(blocks::read).unwrap_or_default();
    let streams = result.streams.iter().filter(|s| rows.iter().any(|row| row.stream == s.name));
    let run = &result.run;
    Ok(RunSample {
        id: run.id.clone(),
        scenario: run.scenario.clone(),
        digest: run.digest.clone(),
        program: result.program.clone(),
        host: run.host.clone(),
        machine: run.machine.clone(),
        started: run.started.clone(),
        simulated: run.simulated,
        exit_code: result.end.exit_code,
        doubt: ended_early(result),
        streams: streams.map(|info| stream(result, info, span, &rows, &log)).collect(),
    })
}

fn no_such_span(result: &RunResult, span: &str) -> String {
    let mut spans: Vec<&str> = result.latency.rows.iter().map(|row| row.span.as_str()).collect();
    spans.dedup();
    if spans.is_empty() {
        return format!("run {} has no load, so there is nothing to compare: {}", result.run.id, result.end.summary);
    }
    format!("run {} has no span `{span}`; it has {}: choose one with --span", result.run.id, spans.join(", "))
}

fn ended_early(result: &RunResult) -> Option<String> {
    match result.end.reason {
        EndReason::Completed => None,
        _ => Some(format!("run {} did not run to its end (exit code {})", result.run.id, result.end.exit_code)),
    }
}

fn stream(result: &RunResult, info: &StreamInfo, span: &str, rows: &[&LatencyRow], log: &blocks::Log) -> StreamSample {
    let mine = rows.iter().filter(|row| row.stream == info.name);
    let rows: Vec<RowSample> = mine.clone().map(|row| cut(row)).collect();
    let not_sent: u64 = mine.filter(|row| row.request.is_none()).map(|row| row.latency.not_sent).sum();
    let whole = rows.iter().find(|row| row.request.is_none());
    let asked = whole.map_or(0, |row| row.ok + row.failed) + not_sent;
    let lost =
        info.lost.as_ref().map(|why| format!("part of {} is missing in run {}: {why}", info.name, result.run.id));
    let starved = (not_sent as f64 > NOT_SENT * asked as f64).then(|| {
        format!("{not_sent} requests of {} were not sent in run {}, for reasons on our side", info.name, result.run.id)
    });
    let told = |row: &RowSample| row.hist().map_or(0, |hist| hist.total());
    let missing = rows.iter().find(|row| told(row) != row.ok).map(|row| {
        let (told, ok) = (told(row), row.ok);
        format!("{} has {told} latencies of {ok} successes in run {}", info.name, result.run.id)
    });
    let mut design_effects =
        whole.map_or_else(BTreeMap::new, |row| blocks::design_effects(result, info, span, row, log));
    design_effects.retain(|_, effect| *effect > 1.0);
    StreamSample {
        name: info.name.clone(),
        kind: info.kind,
        asked_rate: info.asked_rate,
        doubt: lost.or(starved).or(missing),
        design_effects,
        rows,
    }
}

fn cut(row: &LatencyRow) -> RowSample {
    let l = &row.latency;
    RowSample {
        request: row.request.clone(),
        ok: l.ok,
        failed: l.err + l.dropped + l.pending,
        rate: l.rate,
        p50_us: l.p50_us,
        p95_us: l.p95_us,
        p99_us: l.p99_us,
        ok_histogram: row.ok_histogram.clone(),
    }
}
