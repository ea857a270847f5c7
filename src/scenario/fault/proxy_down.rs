//! `proxy-down`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ResourceKey;
use crate::model::Name;

/// Cuts a link: new connections are refused, established ones reset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyDown {
    /// The link, a name of `proxies:`.
    pub proxy: Name,
}

impl ProxyDown {
    pub(super) const HELD: bool = true;

    pub(super) fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Link(self.proxy.clone())]
    }
}
