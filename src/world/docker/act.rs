//! Acts on containers: one call to the engine, or one to the kernel, each.

use std::time::Duration;

use bollard::models::{ContainerUpdateBody, EndpointIpamConfig, EndpointSettings};
use bollard::models::{NetworkConnectRequest, NetworkDisconnectRequest};
use bollard::query_parameters::{KillContainerOptions, RestartContainerOptions, StopContainerOptions};

use super::engine::Engine;
use super::view::ContainerAct;
use crate::model::{ContainerId, ContainerLimits, Endpoint, ProcessId, Signal};
use crate::safety::{ContainerEffect, ContainerUndo};
use crate::world::DriverError;
use crate::world::process::identity::{Holding, hold};

/// Longest wait until a container is started: its image is there, its mounts may be slow.
const START_WITHIN: Duration = Duration::from_secs(10);

/// What the kernel takes first when memory runs out (proc(5), `oom_score_adj`).
const FIRST_TO_DIE: i32 = 1000;

/// Acts as the record says.
pub(super) async fn act(engine: &Engine, undo: &ContainerUndo, act: ContainerAct) -> Result<(), DriverError> {
    let container = &undo.container;
    match (act, &undo.effect) {
        (ContainerAct::Kill, _) => {
            let options = KillContainerOptions { signal: "SIGKILL".into() };
            let asked = engine.docker.kill_container(&container.id, Some(options));
            engine.call(&format!("a kill of {container}"), asked).await
        }
        (ContainerAct::Stop { grace }, _) => stop(engine, container, grace).await,
        (ContainerAct::Restart { grace }, _) => restart(engine, container, grace).await,
        (ContainerAct::Pause, _) => {
            engine.call(&format!("a pause of {container}"), engine.docker.pause_container(&container.id)).await
        }
        (ContainerAct::Disconnect, ContainerEffect::Disconnected { endpoint, .. }) => {
            disconnect(engine, container, endpoint).await
        }
        (ContainerAct::Limit, ContainerEffect::Limited { during, .. }) => limit(engine, container, during).await,
        (ContainerAct::Crash, ContainerEffect::Ended { process: Some(process), .. }) => crash(container, *process),
        (ContainerAct::OfferToOom, ContainerEffect::Ended { process: Some(process), .. }) => {
            set_oom_score_adj(container, *process, FIRST_TO_DIE)
        }
        (act, effect) => Err(DriverError::Failed(format!(
            "the record of {container} does not fit the act, nothing was done: {act:?}, {effect:?}"
        ))),
    }
}

fn crash(container: &ContainerId, process: ProcessId) -> Result<(), DriverError> {
    match hold(process)? {
        Holding::Same(held) => held.send(Signal::KILL),
        Holding::Gone | Holding::Foreign => Err(DriverError::NotFound(format!(
            "the first process of {container} ({process}) has ended meanwhile: nothing was killed"
        ))),
    }
}

/// What a process is worth to the out-of-memory killer.
pub(super) fn oom_score_adj(container: &ContainerId, process: ProcessId) -> Result<i32, DriverError> {
    let path = format!("/proc/{}/oom_score_adj", process.pid);
    let read = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
    read.ok_or_else(|| DriverError::NotFound(format!("{path} of {container} cannot be read: it has ended")))
}

/// Sets it. One that has ended is worth nothing any more, which is no error.
pub(super) fn set_oom_score_adj(container: &ContainerId, process: ProcessId, worth: i32) -> Result<(), DriverError> {
    // Held meanwhile, so that the pid cannot become another's between the look and the write.
    let Holding::Same(_held) = hold(process)? else { return Ok(()) };
    if oom_score_adj(container, process).is_ok_and(|now| now == worth) {
        return Ok(());
    }
    let path = format!("/proc/{}/oom_score_adj", process.pid);
    std::fs::write(&path, worth.to_string()).map_err(|e| {
        DriverError::Refused(format!("{path} of {container} cannot be changed ({e}): run the drill as root"))
    })
}

pub(super) async fn start(engine: &Engine, container: &ContainerId) -> Result<(), DriverError> {
    let asked = engine.docker.start_container(&container.id, None);
    engine.long_call(&format!("a start of {container}"), START_WITHIN, asked).await
}

pub(super) async fn stop(engine: &Engine, container: &ContainerId, grace: u32) -> Result<(), DriverError> {
    let options = StopContainerOptions { t: Some(grace.cast_signed()), ..Default::default() };
    let asked = engine.docker.stop_container(&container.id, Some(options));
    engine.long_call(&format!("a stop of {container}"), Duration::from_secs(grace.into()), asked).await
}

pub(super) async fn restart(engine: &Engine, container: &ContainerId, grace: u32) -> Result<(), DriverError> {
    let options = RestartContainerOptions { t: Some(grace.cast_signed()), ..Default::default() };
    let asked = engine.docker.restart_container(&container.id, Some(options));
    let longer = Duration::from_secs(grace.into()) + START_WITHIN;
    engine.long_call(&format!("a restart of {container}"), longer, asked).await
}

pub(super) async fn unpause(engine: &Engine, container: &ContainerId) -> Result<(), DriverError> {
    engine.call(&format!("an unpause of {container}"), engine.docker.unpause_container(&container.id)).await
}

pub(super) async fn limit(
    engine: &Engine,
    container: &ContainerId,
    limits: &ContainerLimits,
) -> Result<(), DriverError> {
    let body = ContainerUpdateBody {
        nano_cpus: limits.nano_cpus,
        cpu_quota: limits.cpu_quota,
        memory: limits.memory,
        memory_swap: limits.memory_swap,
        pids_limit: limits.pids,
        ..Default::default()
    };
    let asked = engine.docker.update_container(&container.id, body);
    engine.call(&format!("other limits of {container}"), asked).await
}

/// By the network's id where it is known: a later network of the same name is another one.
fn network(endpoint: &Endpoint) -> &str {
    if endpoint.network_id.is_empty() { &endpoint.network } else { &endpoint.network_id }
}

pub(super) async fn disconnect(
    engine: &Engine,
    container: &ContainerId,
    endpoint: &Endpoint,
) -> Result<(), DriverError> {
    let request = NetworkDisconnectRequest { container: container.id.clone(), force: None };
    let asked = engine.docker.disconnect_network(network(endpoint), request);
    engine.call(&format!("{container} to leave the network {}", endpoint.network), asked).await
}

pub(super) async fn connect(engine: &Engine, container: &ContainerId, endpoint: &Endpoint) -> Result<(), DriverError> {
    let given = |text: &String| (!text.is_empty()).then(|| text.clone());
    let fixed = EndpointIpamConfig {
        ipv4_address: given(&endpoint.fixed),
        ipv6_address: given(&endpoint.fixed6),
        link_local_ips: None,
    };
    let any_fixed = fixed.ipv4_address.is_some() || fixed.ipv6_address.is_some();
    let settings = EndpointSettings {
        ipam_config: any_fixed.then_some(fixed),
        aliases: (!endpoint.aliases.is_empty()).then(|| endpoint.aliases.clone()),
        links: (!endpoint.links.is_empty()).then(|| endpoint.links.clone()),
        driver_opts: (!endpoint.driver_opts.is_empty()).then(|| endpoint.driver_opts.clone().into_iter().collect()),
        ..Default::default()
    };
    let request = NetworkConnectRequest { container: container.id.clone(), endpoint_config: Some(settings) };
    let asked = engine.docker.connect_network(network(endpoint), request);
    engine.call(&format!("{container} to join the network {}", endpoint.network), asked).await
}
