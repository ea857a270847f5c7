//! The verdict and its parts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Delta, Offset};

/// How an objective came out. The order is the order of badness: the worst of the parts is the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was looked at, and met.
    Pass,
    /// It could not be told.
    Inconclusive,
    /// It was looked at, and missed.
    Breach,
}

impl Outcome {
    /// The worst of several; a check that looked at nothing does not pass.
    pub fn worst(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
        outcomes.into_iter().max().unwrap_or(Outcome::Inconclusive)
    }

    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Inconclusive => "inconclusive",
            Outcome::Breach => "breach",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// The verdict on a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The worst of the parts.
    pub outcome: Outcome,
    /// One part for each objective.
    pub parts: Vec<Part>,
    /// SHA-256 of the objectives judged against, hex.
    pub objectives_digest: String,
    /// Whether these are other objectives than the run was made for.
    pub rejudged: bool,
}

/// One objective, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// Which kind of objective; decides the exit code of a breach.
    pub objective: Objective,
    /// What it is about: a fault, a phase, a backup, a stream, with the metric: `crash`, `baseline p95 (steady)`.
    pub subject: String,
    /// What was asked, as written: `<= 5s from act`.
    pub asked: String,
    /// What was measured, with unit and bounds, for people: `0.512 s [0.491, 0.540]`; empty when nothing was.
    pub measured: String,
    /// The measured value in seconds, a share, or a number; none when nothing was measured.
    pub value: Option<f64>,
    /// The bounds of the measured value, in the same unit.
    pub bounds: Option<(f64, Option<f64>)>,
    /// How it came out.
    pub outcome: Outcome,
    /// Why, in words.
    pub why: String,
    /// Where in the timeline to look.
    pub evidence: Vec<Offset>,
}

/// Kinds of objectives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// A service level.
    Slo,
    /// Recovery time, and bad time.
    Rto,
    /// Data loss, and foreign or altered data.
    Rpo,
    /// A backup's restore.
    Restore,
    /// Alerts.
    Detection,
    /// Another run.
    Regression,
    /// The drill itself: each fault took effect, held, had its declared impact, and was undone.
    Drill,
    /// The steady state before the faults.
    SteadyState,
    /// A threshold of a load alone.
    Threshold,
    /// A load alone: its rate was reached, its search came to an end.
    Load,
}

impl Objective {
    /// The exit code of a breach of this kind (docs/exit-codes.md). A breach of the drill's own declarations, such as
    /// an impact where none was declared, counts as a breach of a service level.
    pub const fn breach_code(self) -> u8 {
        match self {
            Objective::Slo | Objective::Drill | Objective::SteadyState | Objective::Threshold | Objective::Load => 10,
            Objective::Rto => 11,
            Objective::Rpo => 12,
            Objective::Restore => 13,
            Objective::Detection => 14,
            Objective::Regression => 15,
        }
    }

    /// The word used in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Objective::Slo => "SLO",
            Objective::Rto => "RTO",
            Objective::Rpo => "RPO",
            Objective::Restore => "restore",
            Objective::Detection => "detection",
            Objective::Regression => "regression",
            Objective::Drill => "drill",
            Objective::SteadyState => "steady state",
            Objective::Threshold => "threshold",
            Objective::Load => "load",
        }
    }
}

/// A value that lies somewhere in an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bounds<T> {
    /// The best single reading.
    pub value: T,
    /// It is no less than this.
    pub lower: T,
    /// It is no more than this; none: no upper bound is known.
    pub upper: Option<T>,
}

impl Bounds<Delta> {
    /// For people: `0.512 s [0.491 s, 0.540 s]`, or `> 60 s` without an upper bound.
    pub fn display(&self) -> String {
        match self.upper {
            Some(upper) if upper == self.lower => self.value.to_string(),
            Some(upper) => format!("{} [{}, {}]", self.value, self.lower, upper),
            None => format!("> {}", self.lower),
        }
    }
}

impl Bounds<Offset> {
    /// For people.
    pub fn display(&self) -> String {
        match self.upper {
            Some(upper) => format!("{} [{}, {}]", self.value, self.lower, upper),
            None => format!("after {}", self.lower),
        }
    }
}
