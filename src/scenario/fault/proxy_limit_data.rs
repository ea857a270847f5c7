//! `proxy-limit-data`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Use};
use crate::model::{LinkRule, Name, Ratio, Scope, Size, Ways, whole};

/// Closes connections once so many bytes passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyLimitData {
    /// The link, a name of `proxies:`.
    pub proxy: Name,
    /// How many bytes pass in each direction.
    pub bytes: Size,
    /// Which way it covers.
    #[serde(default)]
    pub direction: Ways,
    /// The share of connections it covers, decided once for each from the seed.
    #[serde(default = "whole")]
    pub probability: Ratio,
}

impl ProxyLimitData {
    /// The rule that does it.
    pub fn rule(&self) -> LinkRule {
        let scope = Scope { direction: self.direction, probability: self.probability };
        LinkRule::LimitData { bytes: self.bytes, scope }
    }
}

impl Kind for ProxyLimitData {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "proxy-limit-data: { proxy: front, bytes: 10KB }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::proxy(&self.proxy)]
    }

    fn detail(&self) -> String {
        self.bytes.to_string()
    }
}
