//! Containers, simulated: every selector means one of its own. It runs, heals by its restart policy a second after a
//! crash, and is in one network.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;

use super::Driver;
use crate::model::{ContainerId, ContainerLimits, Endpoint, Member, ProcessId, Readiness};
use crate::safety::{ContainerEffect, ContainerUndo, Licence, Reverted, Standing, Undo};
use crate::scenario::fault::FaultSpec;
use crate::scenario::target::ContainerSelector;
use crate::world::docker::{ContainerAct, ContainerOrder, ContainerView, EngineView, Life};
use crate::world::{Containers, DriverError};

/// How long a restart policy takes, and an engine that restarts by order.
const RESTART_AFTER: Duration = Duration::from_secs(1);
/// Time between two looks at a container that is being restarted.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

#[async_trait]
impl Containers for Driver {
    async fn resolve(&self, selector: &ContainerSelector) -> Result<Vec<ContainerId>, DriverError> {
        let name = selector.name.clone().or_else(|| selector.compose_service.clone()).unwrap_or_else(|| "box".into());
        let hex: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
        Ok(vec![ContainerId { id: format!("{hex:0<64}"), name, engine: String::new() }])
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

    async fn view(&self, container: &ContainerId) -> Result<ContainerView, DriverError> {
        // It is in the networks that faults would take it out of, and else in one.
        let faults = self.sim.inner.scenario.faults.iter();
        let asked = faults.filter_map(|fault| match &fault.spec {
            FaultSpec::ContainerDisconnect(spec) => spec.network.clone(),
            _ => None,
        });
        let mut networks: BTreeSet<String> = asked.collect();
        if networks.is_empty() {
            networks.insert("front".into());
        }
        let endpoint = |network: String| Endpoint {
            network,
            network_id: "net".into(),
            aliases: vec![container.name.clone()],
            address: "10.0.0.2".into(),
            ..Endpoint::default()
        };
        let limits = ContainerLimits {
            nano_cpus: Some(0),
            cpu_quota: Some(0),
            memory: Some(128 << 20),
            memory_swap: Some(256 << 20),
            pids: Some(0),
        };
        Ok(ContainerView {
            life: Life::Running,
            started: "then".into(),
            auto_remove: false,
            policy: Some("always".into()),
            limits,
            cpu_period: 100_000,
            networks: networks.into_iter().map(endpoint).collect(),
            shares_network: None,
            loose_ports: false,
            engine_id: "simulated".into(),
        })
    }

    async fn address_returns(&self, _: &ContainerId, _: &Endpoint) -> Result<bool, DriverError> {
        Ok(true)
    }

    async fn oom_score_adj(&self, _: &ContainerId, _: ProcessId) -> Result<i32, DriverError> {
        Ok(0)
    }

    async fn harm(&self, undo: &ContainerUndo, _: ContainerAct, _licence: Licence<'_>) -> Result<(), DriverError> {
        let heals = matches!(undo.effect, ContainerEffect::Ended { .. }).then_some(RESTART_AFTER);
        Driver::harm(self, &Undo::Container(undo.clone()), heals).await;
        Ok(())
    }

    async fn order(&self, container: &ContainerId, order: ContainerOrder<'_>) -> Result<String, DriverError> {
        Ok(format!("{container}: {order:?}, simulated"))
    }

    async fn revert(&self, undo: &ContainerUndo) -> Result<Reverted, DriverError> {
        let record = Undo::Container(undo.clone());
        if let ContainerEffect::Ended { policy: Some(_), patience, .. } = &undo.effect {
            let limit = tokio::time::Instant::now() + patience.get();
            while self.effect(&record) != Standing::Gone && tokio::time::Instant::now() < limit {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
        Ok(self.heal(&record).await)
    }

    async fn standing(&self, undo: &ContainerUndo) -> Result<Standing, DriverError> {
        Ok(self.effect(&Undo::Container(undo.clone())))
    }

    async fn about(&self) -> Result<EngineView, DriverError> {
        Err(DriverError::Refused("there is no engine in the simulated world".into()))
    }
}
