//! Networks, simulated: each target has one of its own, and an effect stands or not.

use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;

use super::Driver;
use crate::model::{HumanDuration, NetworkSpace, ProcessId};
use crate::safety::{Licence, NetworkTrace, NetworkUndo, Reverted, Standing, Undo};
use crate::world::DriverError;
use crate::world::network::{NetworkEffect, Networks};

#[async_trait]
impl Networks for Driver {
    async fn space(&self, process: ProcessId) -> Result<NetworkSpace, DriverError> {
        let inode = 1_000 + u64::from(process.pid.unsigned_abs());
        Ok(NetworkSpace { inode, process, container: None, own: false })
    }

    async fn own(&self) -> Result<NetworkSpace, DriverError> {
        Ok(NetworkSpace { inode: 1, process: ProcessId { pid: 1, start: 1 }, container: None, own: true })
    }

    async fn addresses(&self, _: &NetworkSpace) -> Result<Vec<IpAddr>, DriverError> {
        Ok(vec![IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))])
    }

    async fn prepare(
        &self,
        space: &NetworkSpace,
        tag: &str,
        _: &NetworkEffect,
        expires: HumanDuration,
    ) -> Result<Vec<NetworkUndo>, DriverError> {
        let trace = NetworkTrace::Table {};
        Ok(vec![NetworkUndo { space: space.clone(), tag: tag.into(), trace, expires, peers: Vec::new() }])
    }

    async fn inject(&self, undo: &NetworkUndo, _: &NetworkEffect, _: Licence<'_>) -> Result<(), DriverError> {
        self.harm(&Undo::Network(undo.clone()), None).await;
        Ok(())
    }

    async fn revert(&self, undo: &NetworkUndo) -> Result<Reverted, DriverError> {
        Ok(self.heal(&Undo::Network(undo.clone())).await)
    }

    async fn standing(&self, undo: &NetworkUndo) -> Result<Standing, DriverError> {
        Ok(self.effect(&Undo::Network(undo.clone())))
    }
}
