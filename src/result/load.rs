//! What only a load alone has: the search for the highest rate; and the error budget.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Latency;
use crate::model::{Delta, Name, Offset};

/// A load alone, without faults (`simulacro load`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadInfo {
    /// The load profile.
    pub profile: Name,
    /// The stages of its ramps, stream by stream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageInfo>,
    /// Its searches for the highest rate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub searches: Vec<Search>,
}

/// A stage of a ramp.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageInfo {
    /// The stream.
    pub stream: Name,
    /// The stage.
    pub name: String,
    /// Its start.
    pub from: Offset,
    /// Its end, as planned.
    pub to: Offset,
}

/// A search for the highest rate at which every condition holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Search {
    /// The stream.
    pub stream: Name,
    /// What had to hold, as written.
    pub until: Vec<String>,
    /// The steps, in order.
    pub steps: Vec<SearchStep>,
    /// The highest rate that held, per second: the one that was confirmed, where one was.
    pub highest_held: Option<u32>,
    /// Whether it held again when it was held longer; none: that was not tried, or could not be told.
    pub confirmed: Option<bool>,
    /// Why the search ended.
    pub over: String,
    /// Counts and quantiles at the rate that was found.
    pub latency: Option<Latency>,
}

/// One step of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SearchStep {
    /// The rate asked for, per second.
    pub rate: u32,
    /// Its start.
    pub from: Offset,
    /// Its end.
    pub to: Offset,
    /// Whether it is the long hold that confirms what was found.
    pub confirm: bool,
    /// Whether every condition held; none: it could not be told.
    pub held: Option<bool>,
    /// What was measured, or why it could not be told.
    pub why: String,
    /// Requests started per second.
    pub achieved: f64,
    /// Share of failures.
    pub error_rate: f64,
    /// Median, microseconds.
    pub p50_us: Option<u64>,
    /// 95 %.
    pub p95_us: Option<u64>,
    /// 99 %.
    pub p99_us: Option<u64>,
}

/// An error budget, and how much of it the run used (Google SRE workbook, "Alerting on SLOs").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetInfo {
    /// The service level, a share.
    pub slo: f64,
    /// The period that the budget is for.
    pub period: Delta,
    /// Requests expected in the period; the run's own number where the budget does not say.
    pub expected_requests: u64,
    /// Requests of the run whose fate is known.
    pub seen: u64,
    /// Of those, failed or dropped.
    pub bad: u64,
    /// Share of the period's budget that the run used: bad / (expected × (1 - SLO)). None: the level leaves no budget.
    pub used: Option<f64>,
    /// How many times faster than the level allows failures came: error rate / (1 - SLO).
    pub burn: Option<f64>,
}
