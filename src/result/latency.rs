//! Latency and counts, by window and by span.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Name, Offset};

/// Latency by phase, by fault and in total.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LatencyTable {
    /// One row for each span, stream and request name; the row of all request names of a stream has no name.
    pub rows: Vec<LatencyRow>,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyRow {
    /// `warmup`, `baseline`, `fault`, `recovery`, `after`, the name of a fault, or `total`.
    pub span: String,
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
}

/// One second of one stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Its start.
    pub from: Offset,
    /// Counts and quantiles.
    pub latency: Latency,
    /// Whether our side could not send or see.
    pub blind: bool,
}
