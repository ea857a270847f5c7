//! `postgres-exhaust-connections`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Use};
use crate::model::Name;

/// Opens idle sessions until no ordinary connection is left; what is reserved for superusers stays free.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresExhaustConnections {
    /// The target, a `postgres`.
    pub target: Name,
    /// How many ordinary connections stay free.
    #[serde(default)]
    pub leave: u32,
}

impl Kind for PostgresExhaustConnections {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "postgres-exhaust-connections: { target: pg }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["postgres"])]
    }

    fn detail(&self) -> String {
        if self.leave > 0 { format!("all but {}", self.leave) } else { String::new() }
    }
}
