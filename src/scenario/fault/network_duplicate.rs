//! `network-duplicate`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network_flow::{SORTS, share_problem};
use super::{FieldProblem, Kind, ResourceKey, Use};
use crate::model::{Name, Ratio};

/// Sends a share of a target's packets twice. Needs netem in the kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkDuplicate {
    /// The target: a container, a process in a network namespace of its own, or this machine.
    pub target: Name,
    /// The share of sent packets.
    pub share: Ratio,
    /// Only this device of the target; when absent, every one that is up, loopback excepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

impl Kind for NetworkDuplicate {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "network-duplicate: { target: box, share: 5% }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, SORTS)]
    }

    fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Network(self.target.clone())]
    }

    fn detail(&self) -> String {
        self.share.to_string()
    }

    fn problems(&self) -> Vec<FieldProblem> {
        share_problem("share", self.share)
    }
}
