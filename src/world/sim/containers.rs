//! Containers, simulated: every selector means one of its own.

use async_trait::async_trait;

use super::Driver;
use crate::model::{ContainerId, Member, ProcessId, Readiness};
use crate::scenario::target::ContainerSelector;
use crate::world::{Containers, DriverError};

#[async_trait]
impl Containers for Driver {
    async fn resolve(&self, selector: &ContainerSelector) -> Result<Vec<ContainerId>, DriverError> {
        let name = selector.name.clone().or_else(|| selector.compose_service.clone()).unwrap_or_else(|| "box".into());
        Ok(vec![ContainerId { id: format!("{:0>64}", name.len()), name, engine: String::new() }])
    }

    /// Well unless an effect stands that names it; labelled with what the selector asks for.
    async fn look(&self, selector: &ContainerSelector) -> Result<Vec<Member>, DriverError> {
        let found = self.resolve(selector).await?;
        let state = self.sim.state();
        let member = |container: ContainerId| {
            let hurt = state.effects.iter().any(|effect| effect.contains(&format!("{:?}", container.name)));
            let mut labels = selector.labels.clone();
            let compose = [("project", &selector.compose_project), ("service", &selector.compose_service)];
            for (key, value) in compose.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))) {
                labels.insert(format!("com.docker.compose.{key}"), value);
            }
            Member {
                shown: container.to_string(),
                identity: container.id,
                name: container.name,
                owner: selector.compose_project.clone().unwrap_or_default(),
                labels,
                readiness: if hurt { Readiness::NotReady("hurt".into()) } else { Readiness::Ready },
                own: false,
            }
        };
        Ok(found.into_iter().map(member).collect())
    }

    async fn init(&self, container: &ContainerId) -> Result<ProcessId, DriverError> {
        let pid = 100 + container.name.bytes().map(i32::from).sum::<i32>();
        Ok(ProcessId { pid, start: 1 })
    }
}
