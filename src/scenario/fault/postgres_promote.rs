//! `postgres-promote`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, Use};
use crate::model::{HumanDuration, Name};
use crate::scenario::Scenario;

/// Promotes a standby with `pg_promote`, whether or not its primary lives: two primaries are what it may make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresPromote {
    /// The target, a `postgres`.
    pub target: Name,
    /// Longest time until it takes writes, at most 50 s.
    #[serde(default = "within")]
    pub within: HumanDuration,
}

impl Kind for PostgresPromote {
    const HELD: bool = false;
    const EXAMPLE: &'static str = "postgres-promote: { target: pg-standby }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["postgres"])]
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let limits = std::time::Duration::from_secs(1)..=std::time::Duration::from_secs(50);
        let fits = limits.contains(&self.within.get());
        let problem =
            FieldProblem { field: "within", message: format!("within {}", self.within), hint: "1s to 50s".into() };
        if fits { Vec::new() } else { vec![problem] }
    }

    fn irreversible(&self, _: &Scenario) -> Option<FieldProblem> {
        Some(FieldProblem {
            field: "target",
            message: "a promoted standby cannot be made one again without a new copy of the data".into(),
            hint: "consent with `guard.allow_irreversible`, and run it with --yes".into(),
        })
    }
}

fn within() -> HumanDuration {
    HumanDuration::from_secs(30)
}
