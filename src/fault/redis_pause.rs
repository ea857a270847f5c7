//! `redis-pause`: suspends the commands of all clients.

use super::{Fault, FaultContext, databases};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::{PausedCommands, RedisPause};
use crate::world::database::Harm;
use crate::world::{DriverError, World};

impl RedisPause {
    fn harm(&self) -> Harm {
        Harm::Pause { writes: self.commands == PausedCommands::Writes }
    }
}

impl Fault for RedisPause {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        databases::prepare(world, context, &self.target, &self.harm()).await
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        databases::inject(world, undo, &self.harm(), licence).await
    }
}
