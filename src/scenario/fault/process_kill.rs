//! `process-kill`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ResourceKey;
use crate::model::{Name, Signal};

/// Sends a signal that ends a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessKill {
    /// The target.
    pub target: Name,
    /// The signal; SIGKILL when absent.
    #[serde(default = "kill")]
    pub signal: Signal,
}

impl ProcessKill {
    pub(super) const HELD: bool = false;

    pub(super) fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Target(self.target.clone())]
    }
}

fn kill() -> Signal {
    Signal::KILL
}
