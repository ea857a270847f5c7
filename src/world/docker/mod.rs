//! Containers of an engine: Docker, or Podman by its Docker socket.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::DriverError;
use crate::model::{ContainerId, Member, ProcessId, Readiness};
use crate::scenario::target::ContainerSelector;

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
