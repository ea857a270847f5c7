//! `process-pause`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ResourceKey;
use crate::model::Name;

/// Stops a process with SIGSTOP; undo continues it with SIGCONT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessPause {
    /// The target.
    pub target: Name,
}

impl ProcessPause {
    pub(super) const HELD: bool = true;

    pub(super) fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Target(self.target.clone())]
    }
}
