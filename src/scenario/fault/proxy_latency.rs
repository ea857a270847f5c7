//! `proxy-latency`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ResourceKey;
use crate::model::{HumanDuration, Name};

/// Adds latency to both directions of a link, relative to the arrival of each chunk.
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
}

impl ProxyLatency {
    pub(super) const HELD: bool = true;

    pub(super) fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Link(self.proxy.clone())]
    }
}
