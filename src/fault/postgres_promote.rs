//! `postgres-promote`: promotes a standby.

use super::{Fault, FaultContext, databases};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::PostgresPromote;
use crate::world::database::Harm;
use crate::world::{DriverError, World};

impl PostgresPromote {
    fn harm(&self) -> Harm {
        Harm::Promote { within: self.within.get() }
    }
}

impl Fault for PostgresPromote {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        databases::prepare(world, context, &self.target, &self.harm()).await
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        databases::inject(world, undo, &self.harm(), licence).await
    }
}
