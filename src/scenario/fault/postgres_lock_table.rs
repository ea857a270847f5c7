//! `postgres-lock-table`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, Use};
use crate::model::{HumanDuration, Name};
use crate::scenario::database::is_table;

/// Holds a lock on a table: whoever needs it waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresLockTable {
    /// The target, a `postgres`.
    pub target: Name,
    /// The table, as `orders` or `shop.orders`.
    pub table: String,
    /// What the lock blocks.
    #[serde(default)]
    pub mode: LockMode,
    /// Longest wait for the lock itself, during which whoever comes later waits, too.
    #[serde(default = "wait")]
    pub wait: HumanDuration,
}

impl Kind for PostgresLockTable {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "postgres-lock-table: { target: pg, table: orders }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["postgres"])]
    }

    fn detail(&self) -> String {
        self.table.clone()
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let mut problems: Vec<_> = table_problem(&self.table).into_iter().collect();
        if self.wait.get().is_zero() || self.wait.get() > std::time::Duration::from_secs(30) {
            let message = format!("a wait of {}", self.wait);
            problems.push(FieldProblem { field: "wait", message, hint: "from 1ms to 30s".into() });
        }
        problems
    }
}

/// What a lock blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LockMode {
    /// Everything: reads and writes (ACCESS EXCLUSIVE).
    #[default]
    Everything,
    /// Writes; reads go on (EXCLUSIVE).
    Writes,
}

fn wait() -> HumanDuration {
    HumanDuration::from_secs(5)
}

/// What is wrong with the name of a table.
pub(super) fn table_problem(table: &str) -> Option<FieldProblem> {
    (!is_table(table)).then(|| FieldProblem {
        field: "table",
        message: format!("`{table}` is no name of a table"),
        hint: "`table` or `schema.table`, each of letters, digits and `_`, not beginning with a digit".into(),
    })
}
