//! Containers, simulated: every selector means one of its own.

use async_trait::async_trait;

use super::Driver;
use crate::model::{ContainerId, ProcessId};
use crate::scenario::target::ContainerSelector;
use crate::world::{Containers, DriverError};

#[async_trait]
impl Containers for Driver {
    async fn resolve(&self, selector: &ContainerSelector) -> Result<Vec<ContainerId>, DriverError> {
        let name = selector.name.clone().or_else(|| selector.compose_service.clone()).unwrap_or_else(|| "box".into());
        Ok(vec![ContainerId { id: format!("{:0>64}", name.len()), name, engine: String::new() }])
    }

    async fn init(&self, container: &ContainerId) -> Result<ProcessId, DriverError> {
        let pid = 100 + container.name.bytes().map(i32::from).sum::<i32>();
        Ok(ProcessId { pid, start: 1 })
    }
}
