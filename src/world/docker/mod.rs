//! Containers of an engine: Docker, or Podman by its Docker socket.

use async_trait::async_trait;

use super::DriverError;
use crate::model::{ContainerId, ProcessId};
use crate::scenario::target::ContainerSelector;

/// Containers: found by selector, acted on by the engine's id.
#[async_trait]
pub trait Containers: Send + Sync {
    /// The containers a selector means right now, running or not. Never empty.
    async fn resolve(&self, selector: &ContainerSelector) -> Result<Vec<ContainerId>, DriverError>;
    /// The process that is pid 1 inside of it, as this host sees it: the way to its namespaces.
    async fn init(&self, container: &ContainerId) -> Result<ProcessId, DriverError>;
}

/// What stands in where this program was built without a driver for engines.
pub struct NoEngine;

#[async_trait]
impl Containers for NoEngine {
    async fn resolve(&self, _: &ContainerSelector) -> Result<Vec<ContainerId>, DriverError> {
        Err(refusal())
    }

    async fn init(&self, _: &ContainerId) -> Result<ProcessId, DriverError> {
        Err(refusal())
    }
}

fn refusal() -> DriverError {
    DriverError::Refused(
        "this program was built without support for container engines: build it with the feature `docker`".into(),
    )
}
