//! What stands in where this program was built without drivers for databases.

use std::time::Duration;

use async_trait::async_trait;

use super::{DatabaseRead, DatabaseWrite, Databases, Effect, Harm, Row, Server, WriteOutcome};
use crate::safety::{DatabaseUndo, Licence, Reverted, Standing};
use crate::scenario::step::PostgresAction;
use crate::world::DriverError;
use crate::world::http::ExchangeFailure;

const WHY: &str = "this program was built without support for databases: build it with the feature `databases`";

/// Refuses everything.
pub struct NoDatabases;

fn refusal() -> DriverError {
    DriverError::Refused(WHY.into())
}

#[async_trait]
impl Databases for NoDatabases {
    async fn meant(&self, _: &str) -> Result<Server, DriverError> {
        Err(refusal())
    }

    async fn prepare(&self, _: &str, _: &Harm, _: Effect<'_>) -> Result<DatabaseUndo, DriverError> {
        Err(refusal())
    }

    async fn inject(&self, _: &DatabaseUndo, _: &Harm, _: Licence<'_>) -> Result<(), DriverError> {
        Err(refusal())
    }

    async fn revert(&self, _: &DatabaseUndo) -> Result<Reverted, DriverError> {
        Err(refusal())
    }

    async fn standing(&self, _: &DatabaseUndo) -> Result<Standing, DriverError> {
        Err(refusal())
    }

    async fn is_primary(&self, _: &str) -> Result<bool, DriverError> {
        Err(refusal())
    }

    async fn step(&self, _: &str, _: PostgresAction, _: Duration) -> Result<String, DriverError> {
        Err(refusal())
    }

    async fn write(&self, _: DatabaseWrite<'_>, _: Duration) -> WriteOutcome {
        WriteOutcome::Failed(ExchangeFailure::local(WHY))
    }

    async fn read(&self, _: DatabaseRead<'_>, _: Duration) -> Result<Vec<Row>, String> {
        Err(WHY.into())
    }
}
