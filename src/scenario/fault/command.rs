//! `command`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, ResourceKey, Use};
use crate::model::HumanDuration;

/// Runs a command that harms, and another that takes it back. No shell; both are required.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandFault {
    /// Program and arguments of the command that harms.
    #[schemars(length(min = 1))]
    pub inject: Vec<String>,
    /// Program and arguments of its inverse. It must be idempotent, and right even if `inject` never ran.
    #[schemars(length(min = 1))]
    pub undo: Vec<String>,
    /// Longest time either may take.
    #[serde(default = "within")]
    pub within: HumanDuration,
}

impl Kind for CommandFault {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "command: { inject: [harm], undo: [heal] }";

    fn uses(&self) -> Vec<Use<'_>> {
        Vec::new()
    }

    fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Command(self.inject.join(" "))]
    }

    fn runs_commands(&self) -> bool {
        true
    }
}

fn within() -> HumanDuration {
    HumanDuration::from_secs(30)
}
