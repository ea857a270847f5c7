//! Compares runs with runs: a gate against regressions that knows noise. What it decides and why stands in
//! `docs/comparing.md`. A pure function of what was recorded: same runs, same seed, same numbers.

pub mod baseline;
mod blocks;
mod decide;
mod differ;
mod interval;
pub mod sample;
mod side;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Name, RunId};
use crate::timeline::latency::HistError;
use crate::timeline::sample::needed;
use sample::{RowSample, RunSample, StreamSample};
use side::Side;

pub use differ::{Difference, Differs};

/// A change in words: `+12 %`, of the share of failures `+0.4 points`.
pub fn signed(metric: Metric, change: f64) -> String {
    // Nothing has no sign.
    let percent = if change.abs() < 5e-5 { 0.0 } else { change * 100.0 };
    let digits = if percent.abs() < 9.95 { 1 } else { 0 };
    match metric {
        Metric::ErrorRate => format!("{percent:+.2} points"),
        _ if change >= 9.995 => format!("×{:.0}", 1.0 + change),
        _ => format!("{percent:+.digits$} %"),
    }
}

/// The version of the format of a comparison.
pub const VERSION: u32 = 1;

/// Share of intervals that hold the truth.
pub const CONFIDENCE: f64 = 0.95;

/// How likely it may be that anything is called worse where nothing changed at all, all rows together.
pub const FALSE_ALARM: f64 = 0.05;

/// What is taken for the noise between runs where one run a side cannot show it and nobody said: the standard deviation
/// of a latency, as a share of it.
pub const ASSUMED_NOISE: f64 = 0.10;

/// Draws of a bootstrap: the standard error is then within 4 % of that of endless draws, 19 times in 20.
const RESAMPLES: u32 = 1_000;

/// What is compared, and from when on it matters.
#[derive(Debug, Clone)]
pub struct Options {
    /// Quantiles, such as 0.95.
    pub quantiles: Vec<f64>,
    /// Whether a quantile with too few requests counts as `cannot tell`, because it was asked for; else it is left out.
    pub asked: bool,
    /// Whether a single request name that cannot be told makes all of it so.
    pub requests: bool,
    /// Only these streams; empty: all.
    pub streams: Vec<Name>,
    /// The smallest relative change of a latency or a rate that matters.
    pub effect: f64,
    /// The smallest change of the share of failures that matters.
    pub error_effect: f64,
    /// The standard deviation of a latency from run to run, as a share of it, where the caller knows it.
    pub noise: Option<f64>,
    /// Where every random draw comes from.
    pub seed: u64,
    /// What may differ between the sides.
    pub allowed: Vec<Differs>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            quantiles: vec![0.5, 0.95, 0.99],
            asked: false,
            requests: false,
            streams: Vec::new(),
            effect: 0.10,
            error_effect: 0.005,
            noise: None,
            seed: 1,
            allowed: Vec::new(),
        }
    }
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    /// A quantile of the latency, in microseconds: lower is better.
    Quantile(f64),
    /// Share of failures: lower is better. Its change is a difference, not a ratio.
    ErrorRate,
    /// Successful requests per second: higher is better.
    Throughput,
}

impl Metric {
    /// Whether its change is a ratio.
    pub const fn is_ratio(self) -> bool {
        !matches!(self, Metric::ErrorRate)
    }

    /// 1 where a rise is worse, -1 where a fall is.
    pub const fn sign(self) -> f64 {
        if matches!(self, Metric::Throughput) { -1.0 } else { 1.0 }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Rounded far below anything that can be told apart: 0.999 is 99.9 %, not 99.90000000000001 %.
            Metric::Quantile(q) => f.pad(&format!("p{}", (q * 1e8).round() / 1e6)),
            Metric::ErrorRate => f.pad("error_rate"),
            Metric::Throughput => f.pad("throughput"),
        }
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "error_rate" => return Ok(Metric::ErrorRate),
            "throughput" => return Ok(Metric::Throughput),
            _ => {}
        }
        let percent = text.strip_prefix('p').and_then(|number| number.parse::<f64>().ok());
        match percent {
            Some(percent) if percent > 0.0 && percent < 100.0 => Ok(Metric::Quantile(percent / 100.0)),
            _ => Err(format!("`{text}` is not a quantile: write it as p50, p95 or p99.9")),
        }
    }
}

impl Serialize for Metric {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Metric {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Metric".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": r"^(p[0-9.]+|error_rate|throughput)$",
            "description": "A quantile (microseconds), the share of failures, or successful requests per second."
        })
    }
}

/// How a row, or all of them, came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Better by more than the smallest effect that matters.
    Better,
    /// The change, if any, is smaller than the smallest effect that matters.
    Same,
    /// What was measured allows for more than one of the others.
    CannotTell,
    /// Worse by more than the smallest effect that matters.
    Worse,
}

impl Change {
    /// The words used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Change::Better => "better",
            Change::Same => "same",
            Change::CannotTell => "cannot tell",
            Change::Worse => "worse",
        }
    }

    /// The exit code (docs/exit-codes.md).
    pub const fn exit_code(self) -> u8 {
        match self {
            Change::Better | Change::Same => 0,
            Change::CannotTell => 20,
            Change::Worse => 15,
        }
    }
}

/// Where the noise between runs comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoiseFrom {
    /// Both sides have several runs, which show it.
    Both,
    /// The runs of BASE show it; RUN is one run, taken to be as noisy.
    Base,
    /// The runs of RUN show it; BASE is one run, taken to be as noisy.
    Run,
    /// One run a side; the caller said how noisy runs are.
    Given,
    /// One run a side, and nobody said: an assumption.
    Assumed,
    /// One run a side; only the noise of their requests is known.
    Requests,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SideInfo {
    /// Its runs, in the order given.
    pub runs: Vec<RunId>,
    /// The machines they ran on.
    pub hosts: Vec<String>,
    /// When the first of them started, RFC 3339 in UTC.
    pub started: String,
}

/// One metric of one stream or request name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// The stream.
    pub stream: Name,
    /// The request name; none: all of the stream.
    pub request: Option<String>,
    /// What was compared.
    pub metric: Metric,
    /// How it came out.
    pub verdict: Change,
    /// The value of all runs of BASE together: microseconds, a share, or requests per second. Where failures reach into
    /// a quantile it is 600 s.
    pub base: f64,
    /// Of RUN, likewise.
    pub run: f64,
    /// RUN / BASE - 1; of the share of failures RUN - BASE.
    pub change: f64,
    /// The 95 % confidence interval of the change.
    pub interval: (f64, f64),
    /// Standard deviation of a single run that was reckoned with: as a share of the value; of the share of failures in
    /// its own unit.
    pub noise: f64,
    /// Where that comes from.
    pub noise_from: NoiseFrom,
    /// Runs of BASE and of RUN.
    pub runs: (usize, usize),
    /// Requests of BASE and of RUN.
    pub samples: (u64, u64),
    /// How likely a worsening as large as this is where nothing changed.
    pub chance: f64,
    /// Why it came out so, in words.
    pub why: String,
}

/// Something that was not compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Skipped {
    /// The stream.
    pub stream: Name,
    /// The request name; none: all of the stream.
    pub request: Option<String>,
    /// What was not compared; none: nothing of it was.
    pub metric: Option<Metric>,
    /// Why not.
    pub why: String,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// Version of this format.
    pub version: u32,
    /// Version of the program that wrote it.
    pub program: String,
    /// Worse when any row is; else cannot tell when any row of a whole stream is; else better when any is; else same.
    pub verdict: Change,
    /// The exit code that says so.
    pub exit_code: u8,
    /// In a sentence.
    pub summary: String,
    /// The scenario or load profile of RUN.
    pub scenario: Name,
    /// The span that was compared.
    pub span: String,
    /// The smallest relative change that matters.
    pub effect: f64,
    /// The smallest change of the share of failures that matters.
    pub error_effect: f64,
    /// How often the intervals hold the truth.
    pub confidence: f64,
    /// Where every random draw came from.
    pub seed: u64,
    /// What is compared with.
    pub base: SideInfo,
    /// What is compared.
    pub run: SideInfo,
    /// The rows: the worst first within a stream and name.
    pub rows: Vec<Row>,
    /// What was not compared.
    pub skipped: Vec<Skipped>,
    /// What differs between the sides beside what was measured.
    pub differences: Vec<Difference>,
    /// Things a reader should know.
    pub notes: Vec<String>,
}

/// Why runs cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A side has no run.
    #[error("{0} has no run")]
    Empty(&'static str),
    /// A run stands there twice: noise would seem smaller than it is.
    #[error("run {0} is given twice; give each run once")]
    Twice(RunId),
    /// The sides are not alike.
    #[error("{}", differ::refusal(.0))]
    Different(Vec<Difference>),
    /// Nothing that both sides have.
    #[error("BASE and RUN have no load stream in common: {0}")]
    NothingInCommon(String),
    /// A histogram is damaged.
    #[error("run {run}, {stream}: {why}; the file is damaged")]
    Damaged {
        /// The run.
        run: RunId,
        /// The stream.
        stream: Name,
        /// What is wrong.
        why: HistError,
    },
}

/// Compares the runs of two sides, all cut to `span`.
///
/// # Errors
/// When they cannot be compared; the message says what to do.
pub fn compare(base: &[RunSample], run: &[RunSample], span: &str, options: &Options) -> Result<Comparison, Refusal> {
    if base.is_empty() || run.is_empty() {
        return Err(Refusal::Empty(if base.is_empty() { "BASE" } else { "RUN" }));
    }
    once_each(base.iter().chain(run))?;
    let differences = differ::differences(base, run);
    if differences.iter().any(|d| d.differs.is_refused() && !options.allowed.contains(&d.differs)) {
        return Err(Refusal::Different(differences));
    }
    let mut found = Found::default();
    let wanted = |side| names(side).into_iter().filter(|name| options.wants(name)).collect::<Vec<_>>();
    let (of_base, of_run) = (wanted(base), wanted(run));
    if !of_base.iter().any(|name| of_run.contains(name)) {
        let list = |side| names(side).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(Refusal::NothingInCommon(format!("BASE has {}; RUN has {}", list(base), list(run))));
    }
    for name in &of_base {
        stream(name, base, run, options, &mut found)?;
    }
    for name in of_run.into_iter().filter(|name| !of_base.contains(name)) {
        found.skip(name, None, None, "BASE does not have it".into());
    }
    Ok(decide::conclude(base, run, span, options, found, differences))
}

/// Checks that runs may stand on one side: each once, and all alike.
///
/// # Errors
/// When they may not; the message says what differs.
pub fn alike(runs: &[RunSample], allowed: &[Differs]) -> Result<(), Refusal> {
    once_each(runs.iter())?;
    let differences = differ::differences(runs, runs);
    match differences.iter().any(|d| d.differs.is_refused() && !allowed.contains(&d.differs)) {
        true => Err(Refusal::Different(differences)),
        false => Ok(()),
    }
}

/// Rows before they are decided together.
#[derive(Default)]
struct Found {
    rows: Vec<Row>,
    /// By row: how likely an improvement as large is where nothing changed.
    lower: Vec<f64>,
    skipped: Vec<Skipped>,
    /// Whether a whole stream of BASE could not be compared.
    unseen: bool,
}

impl Found {
    fn skip(&mut self, stream: &Name, request: Option<&String>, metric: Option<Metric>, why: String) {
        self.skipped.push(Skipped { stream: stream.clone(), request: request.cloned(), metric, why });
    }
}

impl Options {
    fn wants(&self, stream: &Name) -> bool {
        self.streams.is_empty() || self.streams.contains(stream)
    }

    /// The metrics of a row. How often a single name is asked for is the load's own choice: no throughput for it.
    fn metrics(&self, request: Option<&String>) -> Vec<Metric> {
        let mut metrics: Vec<Metric> = self.quantiles.iter().map(|q| Metric::Quantile(*q)).collect();
        metrics.push(Metric::ErrorRate);
        metrics.extend(request.is_none().then_some(Metric::Throughput));
        metrics
    }
}

fn once_each<'s>(runs: impl Iterator<Item = &'s RunSample>) -> Result<(), Refusal> {
    let all: Vec<&RunId> = runs.map(|run| &run.id).collect();
    match all.iter().enumerate().find(|(n, id)| all[..*n].contains(id)) {
        Some((_, id)) => Err(Refusal::Twice((*id).clone())),
        None => Ok(()),
    }
}

/// The names of all streams of a side, in order.
fn names(side: &[RunSample]) -> Vec<&Name> {
    let mut names: Vec<&Name> = side.iter().flat_map(|run| &run.streams).map(|stream| &stream.name).collect();
    names.sort();
    names.dedup();
    names
}

/// The rows of a stream and name, of every run of a side that has it.
fn rows_of<'s>(
    side: &'s [RunSample],
    stream: &Name,
    request: Option<&String>,
) -> Vec<(&'s StreamSample, &'s RowSample)> {
    let streams = side.iter().flat_map(|run| &run.streams).filter(|s| s.name == *stream);
    streams.filter_map(|s| Some((s, s.rows.iter().find(|row| row.request.as_ref() == request)?))).collect()
}

fn stream(
    name: &Name,
    base: &[RunSample],
    run: &[RunSample],
    options: &Options,
    found: &mut Found,
) -> Result<(), Refusal> {
    let requests = |side: &[RunSample]| -> Vec<String> {
        let streams = side.iter().flat_map(|run| &run.streams).filter(|s| s.name == *name);
        let mut names: Vec<String> = streams.flat_map(|s| &s.rows).filter_map(|row| row.request.clone()).collect();
        names.sort();
        names.dedup();
        names
    };
    let (of_base, of_run) = (requests(base), requests(run));
    let mut all: Vec<Option<&String>> = vec![None];
    // The only name of a stream is all of the stream.
    if of_base.len() > 1 || of_run.len() > 1 {
        all.extend(of_base.iter().map(Some));
    }
    for request in of_run.iter().filter(|name| all.len() > 1 && !of_base.contains(name)) {
        found.skip(name, Some(request), None, "BASE does not have it".into());
    }
    for request in all {
        let (b, r) = (rows_of(base, name, request), rows_of(run, name, request));
        if b.len() < base.len() || r.len() < run.len() {
            let side = if b.len() < base.len() { "BASE" } else { "RUN" };
            found.unseen |= request.is_none();
            found.skip(name, request, None, format!("not every run of {side} has it"));
            continue;
        }
        let damaged = |side: &[RunSample], why| {
            let bad = side.iter().find(|run| rows_of(std::slice::from_ref(run), name, request)[0].1.hist().is_err());
            Refusal::Damaged { run: bad.unwrap_or(&side[0]).id.clone(), stream: name.clone(), why }
        };
        let (b, r) = (Side::new(b).map_err(|why| damaged(base, why))?, Side::new(r).map_err(|why| damaged(run, why))?);
        for metric in options.metrics(request) {
            row(name, request, metric, (&b, &r), options, found);
        }
    }
    Ok(())
}

/// Works one row out, or says why not.
fn row(
    stream: &Name,
    request: Option<&String>,
    metric: Metric,
    (base, run): (&Side<'_>, &Side<'_>),
    options: &Options,
    found: &mut Found,
) {
    if let Metric::Quantile(q) = metric
        && base.samples().min(run.samples()) < needed(q)
        && !options.asked
    {
        let why = format!("too few requests for {metric}: {} and {} of {}", base.samples(), run.samples(), needed(q));
        return found.skip(stream, request, Some(metric), why);
    }
    // Each row draws for itself, so that what else is compared changes nothing.
    let known = |side: &Side<'_>, salt| side.known(metric, RESAMPLES, options.seed.wrapping_mul(2).wrapping_add(salt));
    let (b, r) = (known(base, 0), known(run, 1));
    if metric == Metric::Throughput && Side::natural(metric, b.value) < 1e-3 {
        return found.skip(stream, request, Some(metric), "no request of BASE succeeded".into());
    }
    let (given, assumed) = match metric {
        Metric::Quantile(_) => (options.noise, ASSUMED_NOISE),
        // On schedule a rate has no noise but that of failures; nor is a share measured in percent of itself.
        Metric::Throughput if !(base.is_open() && run.is_open()) => (options.noise, ASSUMED_NOISE),
        Metric::Throughput | Metric::ErrorRate => (None, 0.0),
    };
    let estimate = interval::Estimate::new(b, r, given, assumed);
    let back = |change: f64| if metric.is_ratio() { change.exp_m1() } else { change };
    let row = Row {
        stream: stream.clone(),
        request: request.cloned(),
        metric,
        verdict: Change::CannotTell,
        base: Side::natural(metric, b.value),
        run: Side::natural(metric, r.value),
        change: back(estimate.change),
        interval: (back(estimate.low), back(estimate.high)),
        noise: estimate.noise,
        noise_from: estimate.from,
        runs: (b.runs, r.runs),
        samples: (base.samples(), run.samples()),
        chance: estimate.chance(metric.sign()),
        why: String::new(),
    };
    found.lower.push(estimate.chance(-metric.sign()));
    found.rows.push(row);
}
