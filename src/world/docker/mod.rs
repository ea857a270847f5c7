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

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::DriverError;
use crate::model::{ContainerId, Member, ProcessId, Readiness};
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
    /// The same containers with what guards and plans ask of them: labels, and whether each runs and is healthy.
    /// `identity` is the engine's id; what carries the labels of Compose is looked up by them for `guard.keep_ready`.
    async fn look(&self, selector: &ContainerSelector) -> Result<Vec<Member>, DriverError> {
        let found = self.resolve(selector).await?;
        Ok(found.into_iter().map(unlooked).collect())
    }
    /// The process that is pid 1 inside of it, as this host sees it: the way to its namespaces.
    async fn init(&self, container: &ContainerId) -> Result<ProcessId, DriverError>;
}

/// A container of which a driver tells no more than its id. Guards that ask for more refuse it.
fn unlooked(container: ContainerId) -> Member {
    Member {
        shown: container.to_string(),
        identity: container.id,
        name: container.name,
        owner: String::new(),
        labels: BTreeMap::new(),
        readiness: Readiness::Unknown("this driver does not look at health".into()),
        own: false,
    }
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
