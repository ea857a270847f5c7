//! `network-latency`: adds latency to a target's network.

use super::{Fault, FaultContext, networks};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::NetworkLatency;
use crate::world::network::{NetworkEffect, Shape};
use crate::world::{DriverError, World};

impl Fault for NetworkLatency {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        networks::prepare(world, context, &self.target, &effect(self)).await
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        networks::inject(world, undo, &effect(self), licence).await
    }
}

fn effect(fault: &NetworkLatency) -> NetworkEffect {
    NetworkEffect::Shape {
        device: fault.device.clone(),
        how: Shape::Delay { latency: fault.latency, jitter: fault.jitter },
    }
}
