//! A container: its identity, its limits, its place in a network.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A container that cannot be confused with a later one of the same name: the engine's id of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ContainerId {
    /// The engine's id, 64 hexadecimal digits.
    pub id: String,
    /// Its name when it was found, for messages.
    pub name: String,
    /// The engine it belongs to, as in `DOCKER_HOST`; empty for the usual one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub engine: String,
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "container {}", self.name)
    }
}

/// Limits of a container, as an engine takes them. What is absent is not touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerLimits {
    /// Billionths of a processor; excludes `cpu_quota`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nano_cpus: Option<i64>,
    /// Microseconds of processor time in each period; -1 for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_quota: Option<i64>,
    /// Bytes of memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<i64>,
    /// Bytes of memory and swap together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_swap: Option<i64>,
    /// Processes and threads; -1 for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<i64>,
}

impl ContainerLimits {
    /// The limits by name, in the words of `docker update`.
    pub fn fields(&self) -> [(&'static str, Option<i64>); 5] {
        [
            ("nano-cpus", self.nano_cpus),
            ("cpu-quota", self.cpu_quota),
            ("memory", self.memory),
            ("memory-swap", self.memory_swap),
            ("pids-limit", self.pids),
        ]
    }

    /// Those of `self` that `other` sets, too.
    pub fn touched_by(&self, other: &ContainerLimits) -> ContainerLimits {
        let keep = |mine: Option<i64>, theirs: Option<i64>| theirs.and(mine);
        ContainerLimits {
            nano_cpus: keep(self.nano_cpus, other.nano_cpus),
            cpu_quota: keep(self.cpu_quota, other.cpu_quota),
            memory: keep(self.memory, other.memory),
            memory_swap: keep(self.memory_swap, other.memory_swap),
            pids: keep(self.pids, other.pids),
        }
    }
}

/// A container's place in a network: all that is needed to connect it again as it was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Endpoint {
    /// The network's name.
    pub network: String,
    /// The engine's id of the network.
    pub network_id: String,
    /// Names it has there beside its own.
    pub aliases: Vec<String>,
    /// Its address there; empty while it does not run.
    pub address: String,
    /// The address that was asked for; empty when the engine chose it.
    pub fixed: String,
    /// The IPv6 address that was asked for; empty when the engine chose it, or there is none.
    pub fixed6: String,
    /// Old-style links, `container:alias`.
    pub links: Vec<String>,
    /// Options of the network's driver.
    pub driver_opts: BTreeMap<String, String>,
}
