//! `proxy-down`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Use};
use crate::model::Name;

/// Cuts a link: new connections are refused, established ones reset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyDown {
    /// The link, a name of `proxies:`.
    pub proxy: Name,
}

impl Kind for ProxyDown {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "proxy-down: { proxy: front }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::proxy(&self.proxy)]
    }
}
