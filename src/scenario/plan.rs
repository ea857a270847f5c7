//! The plan: a scenario with everything decided that can be decided before the drill. Written first, as `plan.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Scenario;
use super::consent::Consent;
use super::profile::{ErrorBudget, LoadThreshold, Profile};
use crate::model::{Machine, Name, RunId};

/// Version of the plan's format.
pub const VERSION: u32 = 1;

/// What a run is going to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this format.
    pub version: u32,
    /// The run's id.
    pub run: RunId,
    /// The scenario's file, as given.
    pub file: PathBuf,
    /// SHA-256 of the scenario with its variables and load profiles, hex: runs of one scenario have the same.
    pub digest: String,
    /// SHA-256 of its objectives, hex.
    pub objectives_digest: String,
    /// Where every random choice comes from.
    pub seed: u64,
    /// The scenario, variables filled in; secrets stay references.
    pub scenario: Scenario,
    /// The load profiles, by stream.
    pub profiles: BTreeMap<Name, Profile>,
    /// The run's folder, absolute.
    pub dir: PathBuf,
    /// Whether the world is simulated.
    pub simulated: bool,
    /// Whether `command` faults and steps may run.
    pub allow_commands: bool,
    /// Name of the machine.
    pub host: String,
    /// What kind of machine it is, as far as it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// What `simulacro load` is judged by; none in a drill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadPlan>,
    /// The run that this one repeats, because it was inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<RetryOf>,
    /// What whoever started it agreed to.
    #[serde(default)]
    pub consent: Consent,
}

/// What a load alone is judged by. Thresholds of stages stand in the profiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadPlan {
    /// The load profile's name.
    pub profile: Name,
    /// Its thresholds.
    pub thresholds: Vec<LoadThreshold>,
    /// Its error budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_budget: Option<ErrorBudget>,
}

/// An inconclusive run that was repeated. There is never more than one repetition, and never a silent one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RetryOf {
    /// The first run; its folder is kept.
    pub run: RunId,
    /// What was said of it: why it was inconclusive.
    pub why: String,
}
