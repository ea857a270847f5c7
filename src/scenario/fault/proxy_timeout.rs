//! `proxy-timeout`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Use};
use crate::model::Name;

/// Turns a link into a black hole: connections stand, nothing passes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyTimeout {
    /// The link, a name of `proxies:`.
    pub proxy: Name,
}

impl Kind for ProxyTimeout {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "proxy-timeout: { proxy: front }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::proxy(&self.proxy)]
    }
}
