//! The driver: containers of a real engine.

use async_trait::async_trait;
use bollard::models::ContainerInspectResponse;

use super::engine::{Engine, Engines};
use super::{Containers, find, inside};
use crate::model::{ContainerId, ProcessId};
use crate::scenario::target::ContainerSelector;
use crate::world::DriverError;

/// Containers of real engines, by their interface.
#[derive(Default)]
pub struct HostContainers {
    pub(super) engines: Engines,
}

impl HostContainers {
    /// A driver that dials nothing until it is asked.
    pub fn new() -> Self {
        HostContainers::default()
    }
}

#[async_trait]
impl Containers for HostContainers {
    async fn resolve(&self, selector: &ContainerSelector) -> Result<Vec<ContainerId>, DriverError> {
        let engine = self.engines.reach(selector.engine.as_deref()).await?;
        find::find(&engine, selector).await
    }

    async fn init(&self, container: &ContainerId) -> Result<ProcessId, DriverError> {
        let engine = self.engines.of(container).await?;
        let told = inspect(&engine, container).await?;
        inside::init(&engine, container, &told)
    }
}

/// What the engine says of a container, by its id: a later one of the same name is never meant.
pub(super) async fn inspect(engine: &Engine, container: &ContainerId) -> Result<ContainerInspectResponse, DriverError> {
    let asked = engine.docker.inspect_container(&container.id, None);
    match engine.call(&container.to_string(), asked).await {
        Err(DriverError::NotFound(_)) => Err(DriverError::NotFound(format!(
            "{container} ({}) does not exist at the engine {} any more: it was removed, or replaced by another one",
            short(&container.id),
            engine.address
        ))),
        answer => answer,
    }
}

/// An id as people write it.
pub(super) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
