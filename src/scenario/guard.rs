//! `guard:`: limits of a drill.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Condition, HumanDuration};

/// Limits of a drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// The drill is stopped and healed when one of these holds. A guard that sees nothing for 10 s trips.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_when: Vec<Condition>,
    /// Largest number of things one fault may be aimed at.
    pub max_targets: u32,
    /// No fault outlives this, whatever happens to the runner.
    pub max_hold: HumanDuration,
    /// Where the drill runs.
    pub environment: Environment,
    /// Consent to acts that cannot be taken back.
    pub allow_irreversible: bool,
}

impl Default for Guard {
    fn default() -> Self {
        Guard {
            stop_when: Vec::new(),
            max_targets: 1,
            max_hold: HumanDuration::from_secs(300),
            environment: Environment::Local,
            allow_irreversible: false,
        }
    }
}

/// Where a drill runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// One machine, nobody else's traffic.
    #[default]
    Local,
    /// A shared test system.
    Staging,
    /// Real users. Asks for `--allow-production` and a guard on real traffic.
    Production,
}
