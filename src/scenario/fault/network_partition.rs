//! `network-partition`: the specification.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network_flow::{Direction, Flow, Peer};
use super::{Kind, ResourceKey, Use};
use crate::model::Name;

/// Cuts a target's network: everything but its own loopback, or what goes to and from some peers and ports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkPartition {
    /// The target whose network is cut: a container, a process in a network namespace of its own, or this machine.
    pub target: Name,
    /// Cut off from these addresses or networks only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<Peer>,
    /// Cut off from the addresses that this target has; with `peers`, from both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Name>,
    /// Only these ports of TCP and UDP, whichever side they are on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<u16>,
    /// Which way, seen from the target.
    #[serde(default)]
    pub direction: Direction,
    /// What becomes of the packets.
    #[serde(default)]
    pub action: Refusal,
}

/// What becomes of a packet that may not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// It vanishes: the sender waits.
    #[default]
    Drop,
    /// Its sender is told at once: a reset for TCP, "port unreachable" for everything else.
    Reject,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Drop => "drop",
            Refusal::Reject => "reject",
        })
    }
}

impl NetworkPartition {
    /// The packets it means, as far as the scenario says: those of `peer` are known only when it begins.
    pub fn flow(&self) -> Flow {
        Flow { peers: self.peers.clone(), ports: self.ports.clone(), direction: self.direction }
    }
}

impl Kind for NetworkPartition {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "network-partition: { target: box, peers: [10.0.0.0/24], ports: [5432] }";

    fn uses(&self) -> Vec<Use<'_>> {
        let peer = self.peer.as_ref().map(|name| Use::Target { key: "peer", name, sorts: super::network_flow::SORTS });
        [Use::target(&self.target, super::network_flow::SORTS)].into_iter().chain(peer).collect()
    }

    fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Network(self.target.clone())]
    }

    fn detail(&self) -> String {
        let peer = self.peer.as_ref().map(|peer| format!("from {peer}")).unwrap_or_default();
        let words = [self.action.to_string(), peer, self.flow().to_string()];
        words.into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(", ")
    }
}
