//! Containers of an engine: Docker, or Podman by its Docker socket.
//!
//! A container is found once, by selector, and from then on meant by the engine's id: one that took its name later is
//! never touched. Only this folder knows the engine's interface (bollard).

#[cfg(feature = "docker")]
mod address;
#[cfg(feature = "docker")]
mod engine;
#[cfg(feature = "docker")]
mod find;
#[cfg(feature = "docker")]
mod host;
#[cfg(feature = "docker")]
mod inside;

use std::sync::Arc;

use async_trait::async_trait;

use super::DriverError;
use crate::model::{ContainerId, ProcessId};
use crate::scenario::target::ContainerSelector;

#[cfg(feature = "docker")]
pub use host::HostContainers;

/// The driver of this build.
pub fn connect() -> Arc<dyn Containers> {
    #[cfg(feature = "docker")]
    return Arc::new(HostContainers::new());
    #[cfg(not(feature = "docker"))]
    return Arc::new(NoEngine);
}

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
