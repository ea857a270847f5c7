//! `dns-failure`: lets a target's questions for names fail.

use super::{Fault, FaultContext, networks};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::DnsFailure;
use crate::world::network::NetworkEffect;
use crate::world::{DriverError, World};

impl Fault for DnsFailure {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        networks::prepare(world, context, &self.target, &effect(self)).await
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        networks::inject(world, undo, &effect(self), licence).await
    }
}

fn effect(fault: &DnsFailure) -> NetworkEffect {
    NetworkEffect::Unnamed(fault.answer)
}
