//! Writes and reads of databases, by their own protocols.

use crate::model::Offset;
use crate::scenario::ledger::{PostgresWrite, RedisWrite};
use crate::timeline::event::Fate;
use crate::timeline::ledger::Shape;
use crate::world::database::{DatabaseWrite, WriteOutcome};

/// The row of entry `n`.
pub(super) fn row<'w>(write: &'w PostgresWrite, shape: &Shape, n: u64) -> DatabaseWrite<'w> {
    DatabaseWrite::Postgres { url: &write.url, table: &write.table, row: shape.fill(&write.row(), n) }
}

/// The key of entry `n`.
pub(super) fn key<'w>(write: &'w RedisWrite, shape: &Shape, n: u64) -> DatabaseWrite<'w> {
    let (key, value) = (shape.fill(&write.key, n), shape.fill(&write.value, n));
    DatabaseWrite::Redis { url: &write.url, key, value, replicas: write.replicas }
}

/// What an outcome says of a write.
pub(super) fn fate(outcome: WriteOutcome, now: Offset) -> Fate {
    match outcome {
        WriteOutcome::Acked => Fate::Acked { when: now },
        WriteOutcome::Refused(why) => Fate::Refused { why },
        WriteOutcome::Unknown(why) => Fate::Unknown { why },
        WriteOutcome::Failed(failure) => super::http::failed(failure),
    }
}
