//! `clock-skew`: moves the clock of a service; undo sets it right.

use super::{Fault, FaultContext, machine};
use crate::safety::{Licence, Undo};
use crate::scenario::Target;
use crate::scenario::fault::ClockSkew;
use crate::scenario::target::ProcessSelector;
use crate::world::machine::ClockOrder;
use crate::world::{DriverError, World};

impl Fault for ClockSkew {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let FaultContext { name, scenario, dir, .. } = context;
        let Some(Target::Process(ProcessSelector::Service(service))) = scenario.targets.get(&self.target) else {
            return Err(DriverError::Refused(format!(
                "fault {name}: only the clock of a service of the drill can be moved, and {} is none",
                self.target
            )));
        };
        let order = ClockOrder { service: service.clone(), dir: dir.into(), seconds: self.seconds() };
        Ok(vec![Undo::Machine(world.machine.plan_clock(order).await?)])
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        machine::inject(world, undo, licence).await
    }
}
