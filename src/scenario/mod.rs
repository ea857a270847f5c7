//! The scenario as written: typed YAML with positions, lint, fault specifications, and the resolved plan.
//!
//! The types here are what the YAML says and nothing more: field names are the keys, unknown keys are errors, choices
//! are externally tagged. Positions live beside them, in the source, and are asked for by path.

pub mod yaml;
pub mod reference;
pub mod problem;
pub mod render;
pub mod damage;
pub mod source;
pub mod lint;
pub mod bundle;

pub mod backup;
pub mod clickhouse;
pub mod consent;
pub mod database;
pub mod fault;
pub mod freeze;
pub mod grpc;
pub mod guard;
pub mod ledger;
pub mod load;
pub mod load_plan;
pub mod objectives;
pub mod phases;
pub mod plan;
pub mod probe;
pub mod profile;
pub mod import;
pub mod resolve;
pub mod service;
pub mod step;
pub mod streams;
pub mod subject;
pub mod target;
pub mod timing;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Condition, Name};

pub use backup::Backup;
pub use fault::{Fault, FaultSpec};
pub use guard::Guard;
pub use ledger::Ledger;
pub use load::Load;
pub use objectives::Objectives;
pub use phases::Phases;
pub use probe::{Probe, RecoverySignal};
pub use service::{Proxy, Service};
pub use step::Step;
pub use target::Target;
pub use timing::{After, Milestone, Moment};

/// A drill, as written. Everything but `name` is optional; a nightly proof has only `backups` and `objectives`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Version of this format; 1.
    #[serde(default = "format_version")]
    pub simulacro: u32,
    /// Short name: part of the run's id and of file names.
    pub name: Name,
    /// What the drill is about, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// How critical the drilled system is, in the words of the house.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub criticality: Option<String>,
    /// Where the runbook stands that people would follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// Free words to select drills by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Values that `${name}` stands for; `-V name=value` overrides them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vars: BTreeMap<Name, Scalar>,
    /// Services that the drill starts, watches, restarts and stops itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<Name, Service>,
    /// TCP links that faults can bend.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub proxies: BTreeMap<Name, Proxy>,
    /// What faults are aimed at; resolved when the fault begins.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<Name, Target>,
    /// Load streams that run from warm-up to the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub load: Vec<Load>,
    /// Probes that look at the system on a schedule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<Probe>,
    /// What "good" means; needed by an `rto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_signal: Option<RecoverySignal>,
    /// Numbered writes whose survival is checked; needed by an `rpo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Ledger>,
    /// Conditions of the baseline; unmet, nothing is hurt (exit 21).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steady_state: Vec<Condition>,
    /// Lengths of the phases.
    #[serde(default)]
    pub phases: Phases,
    /// The faults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// Recovery steps, timed one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub playbook: Vec<Step>,
    /// Backups whose restore is proven.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub backups: BTreeMap<Name, Backup>,
    /// What the drill is judged against.
    #[serde(default)]
    pub objectives: Objectives,
    /// Limits of the drill.
    #[serde(default)]
    pub guard: Guard,
}

fn format_version() -> u32 {
    1
}

/// A value of a variable: text, number or truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected text, a number, `true` or `false`")]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scalar::Bool(value) => write!(f, "{value}"),
            Scalar::Int(value) => write!(f, "{value}"),
            Scalar::Float(value) => write!(f, "{value}"),
            Scalar::Text(value) => f.write_str(value),
        }
    }
}
