//! `container-pause`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Use};
use crate::model::Name;

/// Pauses a container: every process of it is frozen. Held; undo unpauses it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerPause {
    /// The container target.
    pub target: Name,
}

impl Kind for ContainerPause {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "container-pause: { target: box }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["container"])]
    }
}
