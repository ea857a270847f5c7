//! `proxy-down`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Use};
use crate::model::{LinkRule, Name, Ratio, Scope, Ways, whole};

/// Cuts a link: new connections are refused, established ones reset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyDown {
    /// The link, a name of `proxies:`.
    pub proxy: Name,
    /// The share of connections it covers, decided once for each from the seed.
    #[serde(default = "whole")]
    pub probability: Ratio,
}

impl ProxyDown {
    /// The rule that does it.
    pub fn rule(&self) -> LinkRule {
        let scope = Scope { direction: Ways::Both, probability: self.probability };
        LinkRule::Down { scope }
    }
}

impl Kind for ProxyDown {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "proxy-down: { proxy: front }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::proxy(&self.proxy)]
    }
}
