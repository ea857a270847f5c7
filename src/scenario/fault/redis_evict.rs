//! `redis-evict`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, Use};
use crate::model::Name;
use crate::scenario::Scenario;

/// Deletes keys that match a pattern, as an eviction would: what was in them is lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisEvict {
    /// The target, a `redis`.
    pub target: Name,
    /// Which keys, as a pattern of `SCAN`: `session:*`.
    pub keys: String,
    /// Largest number of keys that are deleted.
    #[serde(default = "limit")]
    pub limit: u64,
}

impl Kind for RedisEvict {
    const HELD: bool = false;
    const EXAMPLE: &'static str = "redis-evict: { target: cache, keys: 'session:*' }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["redis"])]
    }

    fn detail(&self) -> String {
        self.keys.clone()
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        if self.keys.is_empty() {
            let message = "an empty pattern matches no key".into();
            problems.push(FieldProblem { field: "keys", message, hint: "write `session:*`, or `*` for all".into() });
        }
        if self.limit == 0 {
            let message = "no key could be deleted".into();
            problems.push(FieldProblem { field: "limit", message, hint: "leave it out, or write 1 or more".into() });
        }
        problems
    }

    fn irreversible(&self, _: &Scenario) -> Option<FieldProblem> {
        Some(FieldProblem {
            field: "target",
            message: "keys that were deleted do not come back".into(),
            hint: "consent with `guard.allow_irreversible`, and run it with --yes".into(),
        })
    }
}

fn limit() -> u64 {
    100_000
}
