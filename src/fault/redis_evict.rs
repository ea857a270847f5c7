//! `redis-evict`: deletes keys.

use super::{Fault, FaultContext, databases};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::RedisEvict;
use crate::world::database::Harm;
use crate::world::{DriverError, World};

impl RedisEvict {
    fn harm(&self) -> Harm {
        Harm::Evict { keys: self.keys.clone(), limit: self.limit }
    }
}

impl Fault for RedisEvict {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        databases::prepare(world, context, &self.target, &self.harm()).await
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        databases::inject(world, undo, &self.harm(), licence).await
    }
}
