//! Rules that bend a link, as data: what a fault asks of the proxy and what the proxy decides by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, Name};

/// The id of one rule on one link: unique in a run, so that removing it can never take another's rule away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RuleId(pub String);

/// One rule on a link.
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
    },
    /// New connections are refused and established ones reset.
    Down {},
    /// Connections are accepted or kept, and nothing passes: a black hole.
    Timeout {},
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
}

/// What a rule has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleStatus {
    /// Connections and connection attempts that the rule has touched since it was set.
    pub touched: u64,
}
