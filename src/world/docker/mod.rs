//! Containers of an engine: Docker, or Podman by its Docker socket.
//!
//! A container is found once, by selector, and from then on meant by the engine's id: one that took its name later is
//! never touched. Only this folder knows the engine's interface (bollard).

#[cfg(feature = "docker")]
mod act;
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
#[cfg(feature = "docker")]
mod network;
#[cfg(feature = "docker")]
mod revert;
mod view;

use std::sync::Arc;

use async_trait::async_trait;

use super::DriverError;
use crate::model::{ContainerId, Endpoint, Member, ProcessId};
use crate::safety::{ContainerUndo, Licence, Reverted, Standing};
use crate::scenario::target::ContainerSelector;

#[cfg(feature = "docker")]
pub use host::HostContainers;
pub use view::{ContainerAct, ContainerOrder, ContainerView, EngineView, Life};

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
    async fn look(&self, selector: &ContainerSelector) -> Result<Vec<Member>, DriverError>;
    /// The process that is pid 1 inside of it, as this host sees it: the way to its namespaces.
    async fn init(&self, container: &ContainerId) -> Result<ProcessId, DriverError>;
    /// One look at it.
    async fn view(&self, container: &ContainerId) -> Result<ContainerView, DriverError>;
    /// Whether the engine would give it the address again that it has in this network now.
    async fn address_returns(&self, container: &ContainerId, place: &Endpoint) -> Result<bool, DriverError>;
    /// What its first process is worth to the out-of-memory killer.
    async fn oom_score_adj(&self, container: &ContainerId, process: ProcessId) -> Result<i32, DriverError>;
    /// Does to it what the record can take back.
    async fn harm(&self, undo: &ContainerUndo, act: ContainerAct, licence: Licence<'_>) -> Result<(), DriverError>;
    /// Carries out a step of a playbook; what came of it.
    async fn order(&self, container: &ContainerId, order: ContainerOrder<'_>) -> Result<String, DriverError>;
    /// Takes a fault on a container back.
    async fn revert(&self, undo: &ContainerUndo) -> Result<Reverted, DriverError>;
    /// Whether a fault on a container stands.
    async fn standing(&self, undo: &ContainerUndo) -> Result<Standing, DriverError>;
    /// What the usual engine tells of itself.
    async fn about(&self) -> Result<EngineView, DriverError>;
}

/// What stands in where this program was built without a driver for engines.
pub struct NoEngine;

#[async_trait]
impl Containers for NoEngine {
    async fn resolve(&self, _: &ContainerSelector) -> Result<Vec<ContainerId>, DriverError> {
        refused()
    }

    async fn look(&self, _: &ContainerSelector) -> Result<Vec<Member>, DriverError> {
        refused()
    }

    async fn init(&self, _: &ContainerId) -> Result<ProcessId, DriverError> {
        refused()
    }

    async fn view(&self, _: &ContainerId) -> Result<ContainerView, DriverError> {
        refused()
    }

    async fn address_returns(&self, _: &ContainerId, _: &Endpoint) -> Result<bool, DriverError> {
        refused()
    }

    async fn oom_score_adj(&self, _: &ContainerId, _: ProcessId) -> Result<i32, DriverError> {
        refused()
    }

    async fn harm(&self, _: &ContainerUndo, _: ContainerAct, _: Licence<'_>) -> Result<(), DriverError> {
        refused()
    }

    async fn order(&self, _: &ContainerId, _: ContainerOrder<'_>) -> Result<String, DriverError> {
        refused()
    }

    async fn revert(&self, _: &ContainerUndo) -> Result<Reverted, DriverError> {
        refused()
    }

    async fn standing(&self, _: &ContainerUndo) -> Result<Standing, DriverError> {
        refused()
    }

    async fn about(&self) -> Result<EngineView, DriverError> {
        refused()
    }
}

fn refused<T>() -> Result<T, DriverError> {
    let why = "this program was built without support for container engines: build it with the feature `docker`";
    Err(DriverError::Refused(why.into()))
}
