//! `network-reorder`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network_flow::{SORTS, share_problem};
use super::{FieldProblem, Kind, ResourceKey, Use};
use crate::model::{HumanDuration, Name, Ratio};

/// Lets a share of a target's packets overtake the others, which are late. Needs netem in the kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkReorder {
    /// The target: a container, a process in a network namespace of its own, or this machine.
    pub target: Name,
    /// The share of sent packets that leave at once.
    pub share: Ratio,
    /// How late all others are.
    #[serde(default = "latency")]
    pub latency: HumanDuration,
    /// Only this device of the target; when absent, every one that is up, loopback excepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

impl Kind for NetworkReorder {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "network-reorder: { target: box, share: 25% }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, SORTS)]
    }

    fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Network(self.target.clone())]
    }

    fn detail(&self) -> String {
        format!("{}, others {} late", self.share, self.latency)
    }

    fn problems(&self) -> Vec<FieldProblem> {
        share_problem("share", self.share)
    }
}

fn latency() -> HumanDuration {
    HumanDuration::from_millis(10)
}
