//! `proxy-bandwidth`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, Use};
use crate::model::{DataRate, LinkRule, Name, Ratio, Scope, Ways, whole};

/// Limits what each connection of a link carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyBandwidth {
    /// The link, a name of `proxies:`.
    pub proxy: Name,
    /// Most that one connection carries in each direction.
    pub rate: DataRate,
    /// Which way it covers.
    #[serde(default)]
    pub direction: Ways,
    /// The share of connections it covers, decided once for each from the seed.
    #[serde(default = "whole")]
    pub probability: Ratio,
}

impl ProxyBandwidth {
    /// The rule that does it.
    pub fn rule(&self) -> LinkRule {
        let scope = Scope { direction: self.direction, probability: self.probability };
        LinkRule::Bandwidth { rate: self.rate, scope }
    }
}

impl Kind for ProxyBandwidth {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "proxy-bandwidth: { proxy: front, rate: 100KB/s }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::proxy(&self.proxy)]
    }

    fn detail(&self) -> String {
        self.rate.to_string()
    }

    fn problems(&self) -> Vec<FieldProblem> {
        if self.rate.0 == 0 {
            vec![FieldProblem {
                field: "rate",
                message: "a link without any rate passes nothing".into(),
                hint: "use `proxy-timeout` for a black hole".into(),
            }]
        } else {
            Vec::new()
        }
    }
}
