//! `network-corrupt`: flips a bit in a share of a target's packets.

use super::{Fault, FaultContext, networks};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::NetworkCorrupt;
use crate::world::network::{NetworkEffect, Shape};
use crate::world::{DriverError, World};

impl Fault for NetworkCorrupt {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        networks::prepare(world, context, &self.target, &effect(self)).await
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        networks::inject(world, undo, &effect(self), licence).await
    }
}

fn effect(fault: &NetworkCorrupt) -> NetworkEffect {
    NetworkEffect::Shape { device: fault.device.clone(), how: Shape::Corrupt(fault.share) }
}
