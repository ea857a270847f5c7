//! `network-loss`: loses a share of a target's packets.

use super::{Fault, FaultContext, networks};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::{Flow, NetworkLoss};
use crate::world::network::NetworkEffect;
use crate::world::{DriverError, World};

impl Fault for NetworkLoss {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let effect = effect(self, self.flow());
        networks::prepare_flow(world, context, &self.target, self.peer.as_ref(), &effect).await
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        let effect = effect(self, networks::whole(self.flow(), undo));
        networks::inject(world, undo, &effect, licence).await
    }
}

fn effect(fault: &NetworkLoss, flow: Flow) -> NetworkEffect {
    NetworkEffect::Loss { flow, share: fault.loss }
}
