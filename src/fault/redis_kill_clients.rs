//! `redis-kill-clients`: closes the connections of all clients.

use super::{Fault, FaultContext, databases};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::RedisKillClients;
use crate::world::database::Harm;
use crate::world::{DriverError, World};

impl RedisKillClients {
    fn harm(&self) -> Harm {
        Harm::KillClients
    }
}

impl Fault for RedisKillClients {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        databases::prepare(world, context, &self.target, &self.harm()).await
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        databases::inject(world, undo, &self.harm(), licence).await
    }
}
