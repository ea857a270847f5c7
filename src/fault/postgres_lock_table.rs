//! `postgres-lock-table`: holds a lock on a table.

use super::{Fault, FaultContext, databases};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::PostgresLockTable;
use crate::world::database::Harm;
use crate::world::{DriverError, World};

impl PostgresLockTable {
    fn harm(&self) -> Harm {
        Harm::Lock { table: self.table.clone(), mode: self.mode, wait: self.wait.get() }
    }
}

impl Fault for PostgresLockTable {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        databases::prepare(world, context, &self.target, &self.harm()).await
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        databases::inject(world, undo, &self.harm(), licence).await
    }
}
