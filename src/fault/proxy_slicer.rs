//! `proxy-slicer`: cuts what passes into pieces.

use super::{Fault, FaultContext, link_rule};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::ProxySlicer;
use crate::world::{DriverError, World};

impl Fault for ProxySlicer {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        link_rule::prepare(world, &self.proxy, context)
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        link_rule::inject(world, undo, &self.rule(), licence).await
    }
}
