//! `postgres-terminate-connections`: ends the sessions of a database's clients.

use super::{Fault, FaultContext, databases};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::PostgresTerminateConnections;
use crate::world::database::{Again, Harm, Sessions};
use crate::world::{DriverError, World};

impl PostgresTerminateConnections {
    fn harm(&self) -> Harm {
        let which = Sessions {
            user: self.user.clone(),
            application: self.application.clone(),
            every_database: self.every_database,
        };
        Harm::Terminate(which, Again { times: self.times, every: self.every.get() })
    }
}

impl Fault for PostgresTerminateConnections {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        databases::prepare(world, context, &self.target, &self.harm()).await
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        databases::inject(world, undo, &self.harm(), licence).await
    }
}
