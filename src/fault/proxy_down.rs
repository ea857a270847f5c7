//! `proxy-down`: refuses a link's new connections and resets those that stand.

use super::{Fault, FaultContext, link_rule};
use crate::model::LinkRule;
use crate::safety::{Licence, Undo};
use crate::scenario::fault::ProxyDown;
use crate::world::{DriverError, World};

impl Fault for ProxyDown {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        link_rule::prepare(world, &self.proxy, context)
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        let rule = LinkRule::Down {};
        link_rule::inject(world, undo, &rule, licence).await
    }
}
