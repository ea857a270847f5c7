//! The driver: containers of a real engine.

use async_trait::async_trait;
use bollard::models::ContainerInspectResponse;

use super::engine::{Engine, Engines};
use super::{ContainerAct, ContainerOrder, ContainerView, Containers, EngineView, view::view};
use super::{act, find, inside, network, revert};
use crate::model::{ContainerId, Endpoint, Member, ProcessId};
use crate::safety::{ContainerUndo, Licence, Reverted, Standing};
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

    async fn look(&self, selector: &ContainerSelector) -> Result<Vec<Member>, DriverError> {
        let engine = self.engines.reach(selector.engine.as_deref()).await?;
        let mut members = Vec::new();
        for container in find::find(&engine, selector).await? {
            let told = inspect(&engine, &container).await?;
            members.push(find::member(container, &told));
        }
        Ok(members)
    }

    async fn init(&self, container: &ContainerId) -> Result<ProcessId, DriverError> {
        let engine = self.engines.of(container).await?;
        let told = inspect(&engine, container).await?;
        inside::init(&engine, container, &told)
    }

    async fn view(&self, container: &ContainerId) -> Result<ContainerView, DriverError> {
        let engine = self.engines.of(container).await?;
        let told = inspect(&engine, container).await?;
        Ok(ContainerView { engine_id: engine.id().await?, ..view(&told) })
    }

    async fn address_returns(&self, container: &ContainerId, place: &Endpoint) -> Result<bool, DriverError> {
        let engine = self.engines.of(container).await?;
        network::address_returns(&engine, &container.id, place).await
    }

    async fn oom_score_adj(&self, container: &ContainerId, process: ProcessId) -> Result<i32, DriverError> {
        act::oom_score_adj(container, process)
    }

    async fn harm(&self, undo: &ContainerUndo, act: ContainerAct, _licence: Licence<'_>) -> Result<(), DriverError> {
        let engine = self.engines.of(&undo.container).await?;
        act::act(&engine, undo, act).await
    }

    async fn order(&self, container: &ContainerId, order: ContainerOrder<'_>) -> Result<String, DriverError> {
        let engine = self.engines.of(container).await?;
        revert::order(&engine, container, order).await
    }

    async fn revert(&self, undo: &ContainerUndo) -> Result<Reverted, DriverError> {
        let engine = self.engines.of(&undo.container).await?;
        revert::revert(&engine, undo).await
    }

    async fn standing(&self, undo: &ContainerUndo) -> Result<Standing, DriverError> {
        let engine = self.engines.of(&undo.container).await?;
        revert::standing(&engine, undo).await
    }

    async fn about(&self) -> Result<EngineView, DriverError> {
        self.engines.reach(None).await?.about().await
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
