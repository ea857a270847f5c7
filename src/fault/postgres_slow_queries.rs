//! `postgres-slow-queries`: holds a table for a moment, again and again.

use super::{Fault, FaultContext, databases};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::PostgresSlowQueries;
use crate::world::database::Harm;
use crate::world::{DriverError, World};

impl PostgresSlowQueries {
    fn harm(&self) -> Harm {
        Harm::Slow { table: self.table.clone(), delay: self.delay.get(), every: self.every.get() }
    }
}

impl Fault for PostgresSlowQueries {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        databases::prepare(world, context, &self.target, &self.harm()).await
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        databases::inject(world, undo, &self.harm(), licence).await
    }
}
