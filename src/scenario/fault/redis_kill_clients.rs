//! `redis-kill-clients`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, Use};
use crate::model::Name;
use crate::scenario::Scenario;

/// Closes the connections of all normal clients: an act, which they must recover from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisKillClients {
    /// The target, a `redis`.
    pub target: Name,
}

impl Kind for RedisKillClients {
    const HELD: bool = false;
    const EXAMPLE: &'static str = "redis-kill-clients: { target: cache }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["redis"])]
    }

    fn irreversible(&self, _: &Scenario) -> Option<FieldProblem> {
        Some(FieldProblem {
            field: "target",
            message: "connections that were closed do not come back: what was under way on them is lost".into(),
            hint: "consent with `guard.allow_irreversible`, and run it with --yes".into(),
        })
    }
}
