//! `proxy-packet-loss`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Use};
use crate::model::{HumanDuration, LinkRule, Name, Ratio, Scope, Ways, retransmission, whole};

/// Makes a link lossy: each lost packet is sent again, and everything behind it waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyPacketLoss {
    /// The link, a name of `proxies:`.
    pub proxy: Name,
    /// The share of packets of 1460 bytes that is lost.
    pub loss: Ratio,
    /// Time until a lost packet is sent again, doubled for each further loss of it.
    #[serde(default = "retransmission")]
    pub retransmit: HumanDuration,
    /// Which way it covers.
    #[serde(default)]
    pub direction: Ways,
    /// The share of connections it covers, decided once for each from the seed.
    #[serde(default = "whole")]
    pub probability: Ratio,
}

impl ProxyPacketLoss {
    /// The rule that does it.
    pub fn rule(&self) -> LinkRule {
        let scope = Scope { direction: self.direction, probability: self.probability };
        LinkRule::PacketLoss { loss: self.loss, retransmit: self.retransmit, scope }
    }
}

impl Kind for ProxyPacketLoss {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "proxy-packet-loss: { proxy: front, loss: 5% }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::proxy(&self.proxy)]
    }

    fn detail(&self) -> String {
        self.loss.to_string()
    }
}
