//! `dns-failure`: the specification.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network_flow::SORTS;
use super::{Kind, ResourceKey, Use};
use crate::model::Name;

/// Lets a target's questions for names fail, whatever server they go to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsFailure {
    /// The target: a container, a process in a network namespace of its own, or this machine.
    pub target: Name,
    /// What those who ask see.
    #[serde(default)]
    pub answer: NoAnswer,
}

/// What those who ask for a name see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoAnswer {
    /// Nothing: they run into their timeouts.
    #[default]
    Nothing,
    /// Nobody listens: they fail at once.
    Refused,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoAnswer::Nothing => "no answer",
            NoAnswer::Refused => "refused",
        })
    }
}

impl Kind for DnsFailure {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "dns-failure: { target: box }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, SORTS)]
    }

    fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Network(self.target.clone())]
    }

    fn detail(&self) -> String {
        self.answer.to_string()
    }
}
