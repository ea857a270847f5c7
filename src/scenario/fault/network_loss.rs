//! `network-loss`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network_flow::{Direction, Flow, Peer, SORTS, share_problem};
use super::{FieldProblem, Kind, ResourceKey, Use};
use crate::model::{Name, Ratio};

/// Loses a share of a target's packets, each by chance and alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkLoss {
    /// The target: a container, a process in a network namespace of its own, or this machine.
    pub target: Name,
    /// The share of packets that is lost, in each direction.
    pub loss: Ratio,
    /// Only packets to and from these addresses or networks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<Peer>,
    /// Only packets to and from the addresses that this target has; with `peers`, both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Name>,
    /// Only these ports of TCP and UDP, whichever side they are on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<u16>,
    /// Which way, seen from the target.
    #[serde(default)]
    pub direction: Direction,
}

impl NetworkLoss {
    /// The packets it means, as far as the scenario says: those of `peer` are known only when it begins.
    pub fn flow(&self) -> Flow {
        Flow { peers: self.peers.clone(), ports: self.ports.clone(), direction: self.direction }
    }
}

impl Kind for NetworkLoss {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "network-loss: { target: box, loss: 10% }";

    fn uses(&self) -> Vec<Use<'_>> {
        let peer = self.peer.as_ref().map(|name| Use::Target { key: "peer", name, sorts: SORTS });
        [Use::target(&self.target, SORTS)].into_iter().chain(peer).collect()
    }

    fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Network(self.target.clone())]
    }

    fn detail(&self) -> String {
        let peer = self.peer.as_ref().map(|peer| format!("to and from {peer}")).unwrap_or_default();
        let words = [self.loss.to_string(), peer, self.flow().to_string()];
        words.into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(", ")
    }

    fn problems(&self) -> Vec<FieldProblem> {
        share_problem("loss", self.loss)
    }
}
