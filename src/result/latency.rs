//! Latency and counts, by window and by span.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Name, Offset};

/// Latency by phase, by fault, by stage and in total.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LatencyTable {
    /// One row for each span, stream and request name; the row of all request names of a stream has no name.
    pub rows: Vec<LatencyRow>,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyRow {
    /// `warmup`, `baseline`, `fault`, `recovery`, `after`, the name of a fault or of a stage, or `total`.
    pub span: String,
    /// What the span is; results of old do not tell stages and have none.
    #[serde(default)]
    pub kind: SpanKind,
    /// The stream.
    pub stream: Name,
    /// The request name; none: all of the stream.
    pub request: Option<String>,
    /// What was measured.
    pub latency: Latency,
    /// The histogram of successes, HDR V2 compressed and base64, microseconds.
    pub ok_histogram: String,
    /// The histogram of failures, likewise.
    pub err_histogram: String,
}

/// What a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// A phase.
    #[default]
    Phase,
    /// A fault's own time.
    Fault,
    /// A stage of the stream's ramp.
    Stage,
    /// The whole run.
    Total,
}

/// Counts and quantiles of a span or a window. Quantiles rank failures as the slowest; in microseconds.
///
/// A quantile is absent when failures reach into it (then it is at least as long as the timeout), or when there are
/// fewer than 10 / (1 - q) samples in a span.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Answered as they should be.
    pub ok: u64,
    /// Failed.
    pub err: u64,
    /// Could not start because every sender waited for the target; failed, too.
    pub dropped: u64,
    /// Could not start for reasons on our side.
    pub not_sent: u64,
    /// Still unanswered when the span ended, or the load stopped.
    pub pending: u64,
    /// Successful requests per second.
    pub rate: f64,
    /// Share of failures: (err + dropped) / (ok + err + dropped).
    pub error_rate: f64,
    /// Median.
    pub p50_us: Option<u64>,
    /// 95 %.
    pub p95_us: Option<u64>,
    /// 99 %.
    pub p99_us: Option<u64>,
    /// Mean of successes.
    pub mean_us: Option<u64>,
    /// Largest of successes.
    pub max_us: Option<u64>,
    /// Requests under way at the span's end, whatever became of them later; they are counted as what they became. Not
    /// of windows; none: the worker did not say when requests ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub censored: Option<u64>,
    /// Starts more than 10 ms behind their intended time. Latency counts from the intended time all the same.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late: u64,
    /// Median of the service time: from the actual start of a request, not its intended one, so without what it waited
    /// for a sender. Successes only; not of windows and closed models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_p50_us: Option<u64>,
    /// 95 % of the service time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_p95_us: Option<u64>,
    /// 99 % of the service time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_p99_us: Option<u64>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// One second of one stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Its start.
    pub from: Offset,
    /// Counts and quantiles.
    pub latency: Latency,
    /// Requests that should have started, per second; of load only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<f64>,
    /// Whether our side could not send or see.
    pub blind: bool,
}
