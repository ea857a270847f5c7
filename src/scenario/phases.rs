//! `phases:`: how long each phase lasts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::HumanDuration;

/// A phase of a drill, in the order they come. Preflight is over before the clock of a run means anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Lock, residue, targets, rights; services started.
    Preflight,
    /// The load alone, in a run of `simulacro load`; a drill has no such phase.
    Load,
    /// Load and probes on, nothing judged.
    Warmup,
    /// The steady state must hold.
    Baseline,
    /// Faults on the timeline.
    Fault,
    /// Each fault removed, newest first.
    Undo,
    /// Load still on, until good for the hold time or the deadline.
    Recovery,
    /// Load on, the normal state judged again.
    After,
    /// Ledger read back, backups restored and checked.
    Verify,
}

impl Phase {
    /// The word used in scenarios, results and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Preflight => "preflight",
            Phase::Load => "load",
            Phase::Warmup => "warmup",
            Phase::Baseline => "baseline",
            Phase::Fault => "fault",
            Phase::Undo => "undo",
            Phase::Recovery => "recovery",
            Phase::After => "after",
            Phase::Verify => "verify",
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Lengths of the phases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Phases {
    /// Load and probes on, nothing judged.
    pub warmup: HumanDuration,
    /// The steady state must hold.
    pub baseline: HumanDuration,
    /// Limits of the recovery.
    pub recovery: Recovery,
    /// Load on, the normal state judged again.
    pub after: HumanDuration,
}

impl Default for Phases {
    fn default() -> Self {
        Phases {
            warmup: HumanDuration::from_secs(2),
            baseline: HumanDuration::from_secs(5),
            recovery: Recovery::default(),
            after: HumanDuration::from_secs(3),
        }
    }
}

/// Limits of the recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Recovery {
    /// Longest time to wait, from the undo, or from the act where nothing is undone. No less than any `rto`.
    pub deadline: HumanDuration,
    /// How long it must stay good before it counts as recovered.
    pub hold: HumanDuration,
}

impl Default for Recovery {
    fn default() -> Self {
        Recovery { deadline: HumanDuration::from_secs(60), hold: HumanDuration::from_secs(3) }
    }
}
