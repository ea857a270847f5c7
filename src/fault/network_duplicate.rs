//! `network-duplicate`: sends a share of a target's packets twice.

use super::{Fault, FaultContext, networks};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::NetworkDuplicate;
use crate::world::network::{NetworkEffect, Shape};
use crate::world::{DriverError, World};

impl Fault for NetworkDuplicate {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        networks::prepare(world, context, &self.target, &effect(self)).await
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        networks::inject(world, undo, &effect(self), licence).await
    }
}

fn effect(fault: &NetworkDuplicate) -> NetworkEffect {
    NetworkEffect::Shape { device: fault.device.clone(), how: Shape::Duplicate(fault.share) }
}
