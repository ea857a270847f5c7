//! Rules that bend a link, as data: what a fault asks of the proxy and what the proxy decides by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DataRate, HttpRule, HumanDuration, Name, Ratio, Size};

/// The id of one rule on one link: unique in a run, so that removing it can never take another's rule away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RuleId(pub String);

/// Which way a rule covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ways {
    /// From the client to the upstream.
    Up,
    /// From the upstream to the client.
    Down,
    /// Both ways.
    #[default]
    Both,
}

/// What a rule covers: which ways, and which share of the connections.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scope {
    /// Which ways.
    #[serde(default)]
    pub direction: Ways,
    /// The share of connections it covers, decided once for each from the seed.
    #[serde(default = "whole")]
    pub probability: Ratio,
}

/// A probability of 100 %.
pub fn whole() -> Ratio {
    Ratio(1.0)
}

impl Default for Scope {
    fn default() -> Self {
        Scope { direction: Ways::Both, probability: whole() }
    }
}

/// One rule on a link. Variants and fields are never renamed: journals name them, and other versions of the proxy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LinkRule {
    /// Each chunk is passed on `latency` after it arrived, give or take `jitter` (uniform, seeded).
    Latency {
        /// The delay in each direction the rule covers.
        latency: HumanDuration,
        /// Largest deviation from it.
        #[serde(default)]
        jitter: HumanDuration,
        /// What it covers.
        #[serde(default)]
        scope: Scope,
    },
    /// Each connection carries at most so much in each direction.
    Bandwidth {
        /// The rate.
        rate: DataRate,
        /// What it covers.
        #[serde(default)]
        scope: Scope,
    },
    /// The end of a stream travels later than its bytes.
    SlowClose {
        /// How much later.
        delay: HumanDuration,
        /// What it covers.
        #[serde(default)]
        scope: Scope,
    },
    /// Connections are accepted or kept, and nothing passes: a black hole; closed after a while, unless that is zero.
    Timeout {
        /// After how long connections are closed; never when zero.
        #[serde(default)]
        timeout: HumanDuration,
        /// What it covers.
        #[serde(default)]
        scope: Scope,
    },
    /// Connections are reset some time after their first chunk.
    Reset {
        /// How long after it.
        #[serde(default)]
        after: HumanDuration,
        /// What it covers.
        #[serde(default)]
        scope: Scope,
    },
    /// Chunks are cut into pieces, with a pause after each.
    Slicer {
        /// Average length of a piece.
        average_size: Size,
        /// Largest deviation from it.
        #[serde(default)]
        size_variation: Size,
        /// The pause.
        #[serde(default)]
        delay: HumanDuration,
        /// What it covers.
        #[serde(default)]
        scope: Scope,
    },
    /// Connections are closed once so many bytes passed.
    LimitData {
        /// How many.
        bytes: Size,
        /// What it covers.
        #[serde(default)]
        scope: Scope,
    },
    /// Packets are lost and sent again: each loss delays its packet, and everything behind it.
    PacketLoss {
        /// The share of packets that is lost.
        loss: Ratio,
        /// How long the sender takes to send a packet again; doubled for each further loss of the same one.
        #[serde(default = "retransmission")]
        retransmit: HumanDuration,
        /// What it covers.
        #[serde(default)]
        scope: Scope,
    },
    /// New connections are refused and established ones reset.
    Down {
        /// What it covers.
        #[serde(default)]
        scope: Scope,
    },
    /// Requests and answers of plain HTTP/1.1 are bent.
    Http {
        /// Which ones, and how.
        rule: HttpRule,
        /// What it covers; the direction means nothing here.
        #[serde(default)]
        scope: Scope,
    },
}

/// Linux's least retransmission timeout (`TCP_RTO_MIN`).
pub fn retransmission() -> HumanDuration {
    HumanDuration::from_millis(200)
}

impl LinkRule {
    /// A latency for everybody, both ways.
    pub fn latency(latency: HumanDuration, jitter: HumanDuration) -> Self {
        LinkRule::Latency { latency, jitter, scope: Scope::default() }
    }

    /// Cut for everybody.
    pub fn down() -> Self {
        LinkRule::Down { scope: Scope::default() }
    }

    /// A black hole for everybody, both ways, until the rule goes.
    pub fn black_hole() -> Self {
        LinkRule::Timeout { timeout: HumanDuration::default(), scope: Scope::default() }
    }

    /// What it covers.
    pub fn scope(&self) -> Scope {
        match self {
            LinkRule::Latency { scope, .. }
            | LinkRule::Bandwidth { scope, .. }
            | LinkRule::SlowClose { scope, .. }
            | LinkRule::Timeout { scope, .. }
            | LinkRule::Reset { scope, .. }
            | LinkRule::Slicer { scope, .. }
            | LinkRule::LimitData { scope, .. }
            | LinkRule::PacketLoss { scope, .. }
            | LinkRule::Down { scope }
            | LinkRule::Http { scope, .. } => *scope,
        }
    }
}

/// A link as the scenario names it: who listens where, and what stands behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinkAddress {
    /// The link's name.
    pub name: Name,
    /// Address that clients dial, `host:port`.
    pub listen: String,
    /// Address the link passes on to, `host:port`.
    pub upstream: String,
    /// Where the proxy takes orders that already has this link; none for a link of the drill's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
}

/// What a rule has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleStatus {
    /// Connections and connection attempts that the rule has touched since it was set; of a rule for HTTP, requests.
    pub touched: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_older_versions_are_readable() {
        let read = |json: &str| serde_json::from_str::<LinkRule>(json).expect(json);
        let latency = LinkRule::latency(HumanDuration::from_millis(250), HumanDuration::default());
        assert_eq!(read(r#"{"latency":{"latency":"250ms"}}"#), latency);
        assert_eq!(read(r#"{"down":{}}"#), LinkRule::down());
        assert_eq!(read(r#"{"timeout":{}}"#), LinkRule::black_hole());
    }
}
