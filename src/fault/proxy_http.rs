//! `proxy-http`: bends requests and answers of plain HTTP.

use super::{Fault, FaultContext, link_rule};
use crate::safety::{Licence, Undo};
use crate::scenario::fault::ProxyHttp;
use crate::world::{DriverError, World};

impl Fault for ProxyHttp {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        link_rule::prepare(world, &self.proxy, context)
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        link_rule::inject(world, undo, &self.rule(), licence).await
    }
}
