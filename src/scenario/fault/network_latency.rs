//! `network-latency`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network_flow::SORTS;
use super::{FieldProblem, Kind, ResourceKey, Use};
use crate::model::{HumanDuration, Name};

/// Adds latency to a target's network, once to each round trip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkLatency {
    /// The target: a container, a process in a network namespace of its own, or this machine.
    pub target: Name,
    /// How much longer each round trip takes.
    pub latency: HumanDuration,
    /// Largest deviation from it, uniform.
    #[serde(default)]
    pub jitter: HumanDuration,
    /// Only this device of the target; when absent, every one that is up, loopback excepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

impl Kind for NetworkLatency {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "network-latency: { target: box, latency: 50ms }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, SORTS)]
    }

    fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Network(self.target.clone())]
    }

    fn detail(&self) -> String {
        match self.jitter.get().is_zero() {
            true => self.latency.to_string(),
            false => format!("{} ± {}", self.latency, self.jitter),
        }
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let longest = HumanDuration::from_secs(30);
        let wrong = |field, message: String, hint: &str| vec![FieldProblem { field, message, hint: hint.into() }];
        match (self.latency, self.jitter) {
            (latency, _) if latency.get().is_zero() => {
                wrong("latency", "a latency of 0s changes nothing".into(), "give 1ms or more")
            }
            (latency, _) if latency > longest => {
                wrong("latency", format!("{latency} is longer than {longest}"), "cut the network: network-partition")
            }
            (latency, jitter) if jitter > latency => {
                wrong("jitter", format!("{jitter} is more than the latency itself"), "give at most `latency`")
            }
            _ => Vec::new(),
        }
    }
}
