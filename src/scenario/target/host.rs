//! `host`: this machine itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// This machine itself, everything on it included. It must be consented to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HostSelector {
    /// Consent: whatever else runs on this machine feels the fault, too.
    pub consent: bool,
}
