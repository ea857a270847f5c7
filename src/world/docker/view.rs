//! What faults and undos ask of a container, in words of this program.

use crate::model::{ContainerLimits, Endpoint};

/// Whether a container lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Running,
    /// It runs and is paused.
    Paused,
    /// It has ended, and its restart policy is about to start it again.
    Restarting,
    /// It does not run.
    Down,
}

/// One look at a container.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerView {
    /// Whether it lives.
    pub life: Life,
    /// When this incarnation started, as the engine says it.
    pub started: String,
    /// The engine removes it as soon as it ends (`--rm`).
    pub auto_remove: bool,
    /// The restart policy that starts it again when it crashes.
    pub policy: Option<String>,
    /// Its limits as the engine keeps them: all are there, 0 is none.
    pub limits: ContainerLimits,
    /// Microseconds of the period that `cpu_quota` counts in.
    pub cpu_period: i64,
    /// Its networks.
    pub networks: Vec<Endpoint>,
    /// Whose network it uses when it has none of its own: `host`, `none`, `container:…`.
    pub shares_network: Option<String>,
    /// A published port was left to the engine to choose: it chooses anew whenever the port is published again.
    pub loose_ports: bool,
    /// What the engine calls itself; empty where it has no lasting id.
    pub engine_id: String,
}

/// An act on a container. What exactly it does stands in the undo record that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerAct {
    /// SIGKILL by the engine: restart policies take that for an order and let it lie.
    Kill,
    /// SIGKILL to its first process, from this host: a crash, as restart policies see it.
    Crash,
    /// A stop by the engine: asked to end, killed after this many seconds.
    Stop {
        /// Seconds.
        grace: u32,
    },
    /// A stop and a start by the engine.
    Restart {
        /// Seconds until it is killed.
        grace: u32,
    },
    /// Freezes every process of it.
    Pause,
    /// Takes it out of the network that the record names.
    Disconnect,
    /// Sets the limits that the record names.
    Limit,
    /// Makes its first process the one that the kernel ends first when its memory runs out.
    OfferToOom,
}

/// What a playbook step does to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerOrder<'a> {
    /// Starts it, unless it runs.
    Start,
    /// Stops it, unless it is down.
    Stop,
    /// Stops and starts it.
    Restart,
    /// Unpauses it, unless it runs.
    Unpause,
    /// Connects it to a network, unless it is there.
    Connect {
        /// The network's name.
        network: &'a str,
    },
}

/// What an engine tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineView {
    /// Where it listens.
    pub address: String,
    /// Its name and version.
    pub version: String,
    /// Which version of the interface was agreed on.
    pub interface: String,
    /// The version of control groups it works with.
    pub cgroups: String,
    /// Where it keeps its files, and how.
    pub storage: String,
}

#[cfg(feature = "docker")]
pub(super) use reading::view;

#[cfg(feature = "docker")]
mod reading {
    use std::collections::HashMap;

    use bollard::models::{
        ContainerInspectResponse, ContainerStateStatusEnum as Status, EndpointSettings, HostConfig,
        RestartPolicyNameEnum as Policy,
    };

    use super::{ContainerView, Life};
    use crate::model::{ContainerLimits, Endpoint};

    /// The kernel's period of processor time, in microseconds, where nothing else is said.
    const KERNEL_PERIOD: i64 = 100_000;

    /// Reads what the engine told of a container.
    pub(in crate::world::docker) fn view(told: &ContainerInspectResponse) -> ContainerView {
        let state = told.state.clone().unwrap_or_default();
        let host = told.host_config.clone().unwrap_or_default();
        // A container that is about to be restarted is told as running, without a process.
        let life = match (state.status, state.pid.unwrap_or(0)) {
            (Some(Status::RESTARTING), _) => Life::Restarting,
            _ if state.restarting == Some(true) => Life::Restarting,
            (Some(Status::PAUSED), _) => Life::Paused,
            (Some(Status::RUNNING), 1..) => Life::Running,
            _ => Life::Down,
        };
        let mode = host.network_mode.clone().unwrap_or_default();
        let shares = mode == "host" || mode == "none" || mode.starts_with("container:");
        ContainerView {
            life,
            started: state.started_at.unwrap_or_default(),
            auto_remove: host.auto_remove.unwrap_or(false),
            policy: policy(&host),
            limits: ContainerLimits {
                nano_cpus: Some(host.nano_cpus.unwrap_or(0)),
                cpu_quota: Some(host.cpu_quota.unwrap_or(0)),
                memory: Some(host.memory.unwrap_or(0)),
                memory_swap: Some(host.memory_swap.unwrap_or(0)),
                pids: Some(host.pids_limit.unwrap_or(0)),
            },
            cpu_period: host.cpu_period.filter(|period| *period > 0).unwrap_or(KERNEL_PERIOD),
            networks: networks(told),
            shares_network: shares.then_some(mode),
            loose_ports: loose_ports(&host),
            engine_id: String::new(),
        }
    }

    fn policy(host: &HostConfig) -> Option<String> {
        match host.restart_policy.as_ref()?.name? {
            Policy::EMPTY | Policy::NO => None,
            name => Some(name.to_string()),
        }
    }

    fn loose_ports(host: &HostConfig) -> bool {
        let bindings = host.port_bindings.iter().flat_map(HashMap::values).flatten().flatten();
        let loose = |port: &Option<String>| port.as_deref().is_none_or(|p| p.is_empty() || p == "0");
        host.publish_all_ports == Some(true) || bindings.into_iter().any(|b| loose(&b.host_port))
    }

    fn networks(told: &ContainerInspectResponse) -> Vec<Endpoint> {
        let id = told.id.clone().unwrap_or_default();
        let networks = told.network_settings.as_ref().and_then(|n| n.networks.clone()).unwrap_or_default();
        let mut found: Vec<_> = networks.into_iter().map(|(name, settings)| endpoint(&id, name, settings)).collect();
        found.sort_by(|a, b| a.network.cmp(&b.network));
        found
    }

    fn endpoint(id: &str, network: String, settings: EndpointSettings) -> Endpoint {
        let fixed = settings.ipam_config.unwrap_or_default();
        // The engine adds the beginning of the id by itself, each time.
        let own = |alias: &String| !(alias.len() == 12 && id.starts_with(alias.as_str()));
        Endpoint {
            network,
            network_id: settings.network_id.unwrap_or_default(),
            aliases: settings.aliases.unwrap_or_default().into_iter().filter(own).collect(),
            address: settings.ip_address.unwrap_or_default(),
            fixed: fixed.ipv4_address.unwrap_or_default(),
            fixed6: fixed.ipv6_address.unwrap_or_default(),
            links: settings.links.unwrap_or_default(),
            driver_opts: settings.driver_opts.unwrap_or_default().into_iter().collect(),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn told(json: serde_json::Value) -> ContainerView {
            view(&serde_json::from_value(json).expect("an answer of the engine"))
        }

        #[test]
        fn a_container_that_is_about_to_be_restarted_does_not_count_as_running() {
            let state = |state: serde_json::Value| told(serde_json::json!({ "State": state })).life;
            let json = |status: &str, restarting: bool, pid: i64| {
                serde_json::from_value::<serde_json::Value>(serde_json::json!({
                    "Status": status, "Running": true, "Restarting": restarting, "Pid": pid
                }))
                .expect("JSON")
            };
            assert_eq!(state(json("restarting", true, 0)), Life::Restarting);
            assert_eq!(state(json("running", false, 7)), Life::Running);
            assert_eq!(state(json("running", false, 0)), Life::Down);
            assert_eq!(state(json("paused", false, 7)), Life::Paused);
            assert_eq!(state(json("exited", false, 0)), Life::Down);
        }

        #[test]
        fn aliases_leave_out_the_one_the_engine_adds_and_policies_that_do_nothing_are_none() {
            let id = "0123456789abcdef".repeat(4);
            let view = told(serde_json::json!({
                "Id": id,
                "HostConfig": { "RestartPolicy": { "Name": "no" }, "NetworkMode": "shop" },
                "NetworkSettings": { "Networks": { "shop": { "Aliases": ["db", "0123456789ab"], "NetworkID": "n" } } }
            }));
            assert_eq!(view.networks[0].aliases, ["db"]);
            assert_eq!((view.policy, view.shares_network), (None, None));
            let shared = told(serde_json::json!({ "HostConfig": { "NetworkMode": "container:x" } }));
            assert_eq!(shared.shares_network.as_deref(), Some("container:x"));
        }

        #[test]
        fn a_port_that_the_engine_chooses_is_loose() {
            let with = |port: &str| {
                let bindings = serde_json::json!({ "80/tcp": [{ "HostIp": "", "HostPort": port }] });
                told(serde_json::json!({ "HostConfig": { "PortBindings": bindings } })).loose_ports
            };
            assert!(with("") && with("0") && !with("8080"));
        }
    }
}
