//! `command`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ResourceKey;
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

impl CommandFault {
    pub(super) const HELD: bool = true;

    pub(super) fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Command(self.inject.join(" "))]
    }
}

fn within() -> HumanDuration {
    HumanDuration::from_secs(30)
}
