//! `proxy-timeout`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Use};
use crate::model::{HumanDuration, LinkRule, Name, Ratio, Scope, Ways, whole};

/// Turns a link into a black hole: connections are accepted and kept, nothing passes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyTimeout {
    /// The link, a name of `proxies:`.
    pub proxy: Name,
    /// Connections are closed after it; never when absent.
    #[serde(default)]
    pub timeout: HumanDuration,
    /// Which way it covers.
    #[serde(default)]
    pub direction: Ways,
    /// The share of connections it covers, decided once for each from the seed.
    #[serde(default = "whole")]
    pub probability: Ratio,
}

impl ProxyTimeout {
    /// The rule that does it.
    pub fn rule(&self) -> LinkRule {
        let scope = Scope { direction: self.direction, probability: self.probability };
        LinkRule::Timeout { timeout: self.timeout, scope }
    }
}

impl Kind for ProxyTimeout {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "proxy-timeout: { proxy: front }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::proxy(&self.proxy)]
    }

    fn detail(&self) -> String {
        match self.timeout.get().is_zero() {
            true => String::new(),
            false => format!("closed after {}", self.timeout),
        }
    }
}
