//! `proxy-slow-close`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Use};
use crate::model::{HumanDuration, LinkRule, Name, Ratio, Scope, Ways, whole};

/// Delays the end of streams: connections close later than they should.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxySlowClose {
    /// The link, a name of `proxies:`.
    pub proxy: Name,
    /// How much later the end of a stream is passed on.
    pub delay: HumanDuration,
    /// Which way it covers.
    #[serde(default)]
    pub direction: Ways,
    /// The share of connections it covers, decided once for each from the seed.
    #[serde(default = "whole")]
    pub probability: Ratio,
}

impl ProxySlowClose {
    /// The rule that does it.
    pub fn rule(&self) -> LinkRule {
        let scope = Scope { direction: self.direction, probability: self.probability };
        LinkRule::SlowClose { delay: self.delay, scope }
    }
}

impl Kind for ProxySlowClose {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "proxy-slow-close: { proxy: front, delay: 500ms }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::proxy(&self.proxy)]
    }

    fn detail(&self) -> String {
        self.delay.to_string()
    }
}
