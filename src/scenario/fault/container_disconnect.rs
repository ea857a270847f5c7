//! `container-disconnect`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Use};
use crate::model::Name;

/// Takes a container out of a network. Held; undo connects it again, with its aliases and its address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerDisconnect {
    /// The container target.
    pub target: Name,
    /// The network's name; may be left out where the container is in one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Which address it must have again.
    #[serde(default)]
    pub address: AddressAfter,
}

/// Which address a container must have after it was connected again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AddressAfter {
    /// The one it had. Refused where the engine would give it another.
    #[default]
    Keep,
    /// Whichever the engine gives it.
    Any,
}

impl Kind for ContainerDisconnect {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "container-disconnect: { target: box }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["container"])]
    }

    fn detail(&self) -> String {
        self.network.clone().unwrap_or_default()
    }
}
