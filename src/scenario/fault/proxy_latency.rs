//! `proxy-latency`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Use};
use crate::model::{HumanDuration, LinkRule, Name, Ratio, Scope, Ways, whole};

/// Adds latency to a link, relative to the arrival of each chunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyLatency {
    /// The link, a name of `proxies:`.
    pub proxy: Name,
    /// Delay of each chunk, in each direction.
    pub latency: HumanDuration,
    /// Largest deviation from it, uniform and seeded.
    #[serde(default)]
    pub jitter: HumanDuration,
    /// Which way it covers.
    #[serde(default)]
    pub direction: Ways,
    /// The share of connections it covers, decided once for each from the seed.
    #[serde(default = "whole")]
    pub probability: Ratio,
}

impl ProxyLatency {
    /// The rule that does it.
    pub fn rule(&self) -> LinkRule {
        let scope = Scope { direction: self.direction, probability: self.probability };
        LinkRule::Latency { latency: self.latency, jitter: self.jitter, scope }
    }
}

impl Kind for ProxyLatency {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "proxy-latency: { proxy: front, latency: 50ms }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::proxy(&self.proxy)]
    }

    fn detail(&self) -> String {
        match self.jitter.get().is_zero() {
            true => self.latency.to_string(),
            false => format!("{} ± {}", self.latency, self.jitter),
        }
    }
}
