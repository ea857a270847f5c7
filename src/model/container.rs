//! The identity of a container.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A container that cannot be confused with a later one of the same name: the engine's id of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ContainerId {
    /// The engine's id, 64 hexadecimal digits.
    pub id: String,
    /// Its name when it was found, for messages.
    pub name: String,
    /// The engine it belongs to, as in `DOCKER_HOST`; empty for the usual one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub engine: String,
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "container {}", self.name)
    }
}
