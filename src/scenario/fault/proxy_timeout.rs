//! `proxy-timeout`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ResourceKey;
use crate::model::Name;

/// Turns a link into a black hole: connections stand, nothing passes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyTimeout {
    /// The link, a name of `proxies:`.
    pub proxy: Name,
}

impl ProxyTimeout {
    pub(super) const HELD: bool = true;

    pub(super) fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Link(self.proxy.clone())]
    }
}
