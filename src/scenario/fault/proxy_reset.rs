//! `proxy-reset`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Use};
use crate::model::{HumanDuration, LinkRule, Name, Ratio, Scope, Ways, whole};

/// Resets connections some time after their first chunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyReset {
    /// The link, a name of `proxies:`.
    pub proxy: Name,
    /// How long after it.
    #[serde(default)]
    pub after: HumanDuration,
    /// Which way it covers.
    #[serde(default)]
    pub direction: Ways,
    /// The share of connections it covers, decided once for each from the seed.
    #[serde(default = "whole")]
    pub probability: Ratio,
}

impl ProxyReset {
    /// The rule that does it.
    pub fn rule(&self) -> LinkRule {
        let scope = Scope { direction: self.direction, probability: self.probability };
        LinkRule::Reset { after: self.after, scope }
    }
}

impl Kind for ProxyReset {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "proxy-reset: { proxy: front, after: 50ms }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::proxy(&self.proxy)]
    }

    fn detail(&self) -> String {
        format!("after {}", self.after)
    }
}
