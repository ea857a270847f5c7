//! The machine, simulated: effects that stand or not.

use std::path::Path;

use async_trait::async_trait;

use super::Driver;
use crate::model::{Name, StressJob};
use crate::safety::{FileUndo, Licence, MachineUndo, Reverted, Standing, Undo};
use crate::world::DriverError;
use crate::world::machine::{ClockOrder, FileOrder, Machine};

/// Every simulated file has this length.
const FILE: u64 = 1 << 20;

#[async_trait]
impl Machine for Driver {
    async fn plan_worker(&self, tag: String, job: StressJob) -> Result<MachineUndo, DriverError> {
        Ok(MachineUndo::Worker { tag, job })
    }

    async fn plan_file(&self, order: FileOrder) -> Result<MachineUndo, DriverError> {
        let harm = order.damage.of(FILE, order.seed).map_err(DriverError::Refused)?;
        let copy = format!("/nowhere/{}/{}", order.run, order.fault).into();
        let (path, digest) = (order.path, String::new());
        Ok(MachineUndo::File(FileUndo { path, device: 1, inode: 1, size: FILE, digest, modified: (0, 0), copy, harm }))
    }

    async fn plan_clock(&self, order: ClockOrder) -> Result<MachineUndo, DriverError> {
        let ClockOrder { service, dir, seconds } = order;
        let file = dir.join(format!("clock-{service}"));
        Ok(MachineUndo::Clock { service, file, before: "+0".into(), during: format!("{seconds:+.3}") })
    }

    async fn inject(&self, undo: &MachineUndo, licence: Licence<'_>) -> Result<(), DriverError> {
        let _ = licence;
        self.harm(&Undo::Machine(undo.clone()), None).await;
        Ok(())
    }

    async fn revert(&self, undo: &MachineUndo) -> Result<Reverted, DriverError> {
        Ok(self.heal(&Undo::Machine(undo.clone())).await)
    }

    async fn standing(&self, undo: &MachineUndo) -> Result<Standing, DriverError> {
        Ok(self.effect(&Undo::Machine(undo.clone())))
    }

    async fn movable_clock(
        &self,
        service: &Name,
        dir: &Path,
        preloaded: Option<&str>,
    ) -> Result<Vec<(String, String)>, DriverError> {
        let _ = (service, dir, preloaded);
        Ok(Vec::new())
    }
}
