//! `proxy-limit-data`: closes connections after so many bytes.

use super::{Fault, FaultContext, link_rule};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::ProxyLimitData;
use crate::world::{DriverError, World};

impl Fault for ProxyLimitData {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        link_rule::prepare(world, &self.proxy, context)
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        link_rule::inject(world, undo, &self.rule(), licence).await
    }
}
