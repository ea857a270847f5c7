//! `proxy-latency`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Use};
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
