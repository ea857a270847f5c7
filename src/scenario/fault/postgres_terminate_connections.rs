//! `postgres-terminate-connections`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, Use};
use crate::model::{HumanDuration, Name};
use crate::scenario::Scenario;

/// Ends sessions with `pg_terminate_backend`: an act, which their clients must recover from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresTerminateConnections {
    /// The target, a `postgres`.
    pub target: Name,
    /// Only sessions of this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Only sessions with this `application_name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Sessions of every database of the server, not only of the one in the target's address.
    #[serde(default)]
    pub every_database: bool,
    /// How many times, 1 to 20.
    #[serde(default = "once")]
    pub times: u32,
    /// Time between two times, at most 2 s.
    #[serde(default = "second")]
    pub every: HumanDuration,
}

impl Kind for PostgresTerminateConnections {
    const HELD: bool = false;
    const EXAMPLE: &'static str = "postgres-terminate-connections: { target: pg }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["postgres"])]
    }

    fn detail(&self) -> String {
        if self.times > 1 { format!("{} times", self.times) } else { String::new() }
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        if !(1..=20).contains(&self.times) {
            let message = format!("{} times", self.times);
            problems.push(FieldProblem { field: "times", message, hint: "from 1 to 20".into() });
        }
        if self.every.get() > std::time::Duration::from_secs(2) {
            let message = format!("{} is longer than this act may wait", self.every);
            let hint = "at most 2s; write several faults for longer pauses".into();
            problems.push(FieldProblem { field: "every", message, hint });
        }
        problems
    }

    fn irreversible(&self, _: &Scenario) -> Option<FieldProblem> {
        Some(FieldProblem {
            field: "target",
            message: "sessions that were ended do not come back: their transactions are lost".into(),
            hint: "consent with `guard.allow_irreversible`, and run it with --yes".into(),
        })
    }
}

fn once() -> u32 {
    1
}

fn second() -> HumanDuration {
    HumanDuration::from_secs(1)
}
