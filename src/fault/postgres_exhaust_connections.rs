//! `postgres-exhaust-connections`: takes all connections that a server has left.

use super::{Fault, FaultContext, databases};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::PostgresExhaustConnections;
use crate::world::database::Harm;
use crate::world::{DriverError, World};

impl PostgresExhaustConnections {
    fn harm(&self) -> Harm {
        Harm::Exhaust { leave: self.leave }
    }
}

impl Fault for PostgresExhaustConnections {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        databases::prepare(world, context, &self.target, &self.harm()).await
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        databases::inject(world, undo, &self.harm(), licence).await
    }
}
