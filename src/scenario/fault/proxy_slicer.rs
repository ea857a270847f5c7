//! `proxy-slicer`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, Use};
use crate::model::{HumanDuration, LinkRule, Name, Ratio, Scope, Size, Ways, whole};

/// Cuts what passes into small pieces, with a pause after each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxySlicer {
    /// The link, a name of `proxies:`.
    pub proxy: Name,
    /// Average length of a piece.
    pub average_size: Size,
    /// Largest deviation from it, uniform and seeded.
    #[serde(default)]
    pub size_variation: Size,
    /// The pause after each piece.
    #[serde(default)]
    pub delay: HumanDuration,
    /// Which way it covers.
    #[serde(default)]
    pub direction: Ways,
    /// The share of connections it covers, decided once for each from the seed.
    #[serde(default = "whole")]
    pub probability: Ratio,
}

impl ProxySlicer {
    /// The rule that does it.
    pub fn rule(&self) -> LinkRule {
        let scope = Scope { direction: self.direction, probability: self.probability };
        LinkRule::Slicer {
            average_size: self.average_size,
            size_variation: self.size_variation,
            delay: self.delay,
            scope,
        }
    }
}

impl Kind for ProxySlicer {
    const HELD: bool = true;
    const EXAMPLE: &'static str =
        "proxy-slicer: { proxy: front, average_size: 64B, size_variation: 16B, delay: 500us }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::proxy(&self.proxy)]
    }

    fn detail(&self) -> String {
        format!("{} ± {}, {} apart", self.average_size, self.size_variation, self.delay)
    }

    fn problems(&self) -> Vec<FieldProblem> {
        if self.average_size.0 <= self.size_variation.0 {
            vec![FieldProblem {
                field: "average_size",
                message: "pieces could have no bytes at all".into(),
                hint: "make `average_size` larger than `size_variation`".into(),
            }]
        } else {
            Vec::new()
        }
    }
}
