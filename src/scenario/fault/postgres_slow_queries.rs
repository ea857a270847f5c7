//! `postgres-slow-queries`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::postgres_lock_table::table_problem;
use super::{FieldProblem, Kind, Use};
use crate::model::{HumanDuration, Name};

/// Locks a table for a moment, again and again: a query that comes meanwhile waits for what is left of the moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresSlowQueries {
    /// The target, a `postgres`.
    pub target: Name,
    /// The table, as `orders` or `shop.orders`.
    pub table: String,
    /// How long the table is held each time: the longest that a query waits for it.
    pub delay: HumanDuration,
    /// Time from one hold to the next; longer than `delay`.
    pub every: HumanDuration,
}

impl Kind for PostgresSlowQueries {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "postgres-slow-queries: { target: pg, table: orders, delay: 300ms, every: 500ms }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["postgres"])]
    }

    fn detail(&self) -> String {
        format!("{}: {} of every {}", self.table, self.delay, self.every)
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let mut problems: Vec<_> = table_problem(&self.table).into_iter().collect();
        if self.delay.get().is_zero() {
            let message = "a delay of nothing".into();
            problems.push(FieldProblem { field: "delay", message, hint: "write `delay: 300ms`".into() });
        }
        if self.every <= self.delay {
            let message = format!("the table would never be free: {} of every {}", self.delay, self.every);
            let hint = "a time longer than `delay`; to hold the table all the time, use `postgres-lock-table`".into();
            problems.push(FieldProblem { field: "every", message, hint });
        }
        problems
    }
}
