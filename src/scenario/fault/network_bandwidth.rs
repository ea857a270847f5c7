//! `network-bandwidth`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network_flow::SORTS;
use super::{Kind, ResourceKey, Use};
use crate::model::{BitRate, Name};

/// Limits what a target can send; what it receives is not held back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkBandwidth {
    /// The target: a container, a process in a network namespace of its own, or this machine.
    pub target: Name,
    /// What each device carries at most: whole frames, headers included.
    pub rate: BitRate,
    /// Only this device of the target; when absent, every one that is up, loopback excepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

impl Kind for NetworkBandwidth {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "network-bandwidth: { target: box, rate: 1mbit }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, SORTS)]
    }

    fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Network(self.target.clone())]
    }

    fn detail(&self) -> String {
        self.rate.to_string()
    }
}
