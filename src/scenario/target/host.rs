//! `host`: the machine that the drill runs on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The machine that the drill runs on, in the namespaces it runs in: `host: {}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HostSelector {
    /// Consent to faults of its network: whatever else runs on it feels them, too.
    pub consent: bool,
}
