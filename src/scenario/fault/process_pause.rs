//! `process-pause`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Use};
use crate::model::Name;

/// Stops a process with SIGSTOP; undo continues it with SIGCONT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessPause {
    /// The target.
    pub target: Name,
}

impl Kind for ProcessPause {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "process-pause: { target: app }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["process"])]
    }
}
