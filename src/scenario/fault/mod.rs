//! `faults:`: one specification per kind, and what all faults share.
//!
//! Adding a kind is one specification here, one line in the catalogue below, one file in `src/fault/`, one page in
//! `docs/faults/`, one scenario (see `docs/adding-a-fault.md`).

mod clock_skew;
mod command;
mod container_disconnect;
mod container_disk_fill;
mod container_kill;
mod container_limit;
mod container_oom;
mod container_pause;
mod container_restart;
mod container_stop;
mod container_stress;
mod cpu_stress;
mod disk_fill;
mod file_corrupt;
mod io_stress;
mod kind;
mod memory_stress;
mod dns_failure;
mod dns_override;
mod network_bandwidth;
mod network_corrupt;
mod network_duplicate;
mod network_flow;
mod network_latency;
mod network_loss;
mod network_partition;
mod network_reorder;
mod postgres_exhaust_connections;
mod postgres_lock_table;
mod postgres_promote;
mod postgres_slow_queries;
mod postgres_terminate_connections;
mod process_kill;
mod process_pause;
mod process_signal;
mod proxy_bandwidth;
mod proxy_down;
mod proxy_http;
mod proxy_latency;
mod proxy_limit_data;
mod proxy_packet_loss;
mod proxy_reset;
mod proxy_slicer;
mod proxy_slow_close;
mod proxy_timeout;
mod redis_evict;
mod redis_kill_clients;
mod redis_pause;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Scenario;
use super::timing::{After, Hold, Moment, Until, When};
use crate::model::{HumanDuration, Name};

pub use clock_skew::ClockSkew;
pub use command::CommandFault;
pub use container_disconnect::{AddressAfter, ContainerDisconnect};
pub use container_disk_fill::ContainerDiskFill;
pub use container_kill::{ContainerKill, KillMode};
pub use container_limit::ContainerLimit;
pub use container_oom::{ContainerOom, LEAST as LEAST_OOM};
pub use container_pause::ContainerPause;
pub use container_restart::ContainerRestart;
pub use container_stop::ContainerStop;
pub use container_stress::ContainerStress;
pub use cpu_stress::CpuStress;
pub use disk_fill::DiskFill;
pub use dns_failure::{DnsFailure, NoAnswer};
pub use dns_override::DnsOverride;
pub use file_corrupt::FileCorrupt;
pub use io_stress::IoStress;
pub use kind::{FieldProblem, Kind, Use};
pub use memory_stress::MemoryStress;
pub use network_bandwidth::NetworkBandwidth;
pub use network_corrupt::NetworkCorrupt;
pub use network_duplicate::NetworkDuplicate;
pub use network_flow::{Direction, Flow, Peer};
pub use network_latency::NetworkLatency;
pub use network_loss::NetworkLoss;
pub use network_partition::{NetworkPartition, Refusal};
pub use network_reorder::NetworkReorder;
pub use postgres_exhaust_connections::PostgresExhaustConnections;
pub use postgres_lock_table::{LockMode, PostgresLockTable};
pub use postgres_promote::PostgresPromote;
pub use postgres_slow_queries::PostgresSlowQueries;
pub use postgres_terminate_connections::PostgresTerminateConnections;
pub use process_kill::ProcessKill;
pub use process_pause::ProcessPause;
pub use process_signal::ProcessSignal;
pub use proxy_bandwidth::ProxyBandwidth;
pub use proxy_down::ProxyDown;
pub use proxy_http::ProxyHttp;
pub use proxy_latency::ProxyLatency;
pub use proxy_limit_data::ProxyLimitData;
pub use proxy_packet_loss::ProxyPacketLoss;
pub use proxy_reset::ProxyReset;
pub use proxy_slicer::ProxySlicer;
pub use proxy_slow_close::ProxySlowClose;
pub use proxy_timeout::ProxyTimeout;
pub use redis_evict::RedisEvict;
pub use redis_kill_clients::RedisKillClients;
pub use redis_pause::{PausedCommands, RedisPause};

/// Makes, from the list of kinds: the enum of specifications, the keys of a fault entry, and the list of names.
macro_rules! catalogue {
    ($($(#[$doc:meta])* $kind:ident = $field:ident as $name:literal;)+) => {
        /// What a fault does.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        pub enum FaultSpec {
            $($(#[$doc])* #[serde(rename = $name)] $kind($kind),)+
        }

        /// The keys that name what a fault does: exactly one of them is given.
        #[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        struct FaultKeys {
            /// The fault's name.
            name: Option<Name>,
            /// This long after the start of the fault phase.
            at: Option<HumanDuration>,
            /// After something else.
            after: Option<After>,
            /// When the system is in a state.
            when: Option<When>,
            /// How long it is held.
            r#for: Option<HumanDuration>,
            /// Until when it is held.
            until: Option<Until>,
            /// What clients are expected to see.
            impact: Option<Impact>,
            $($(#[$doc])* #[serde(rename = $name)] $field: Option<$kind>,)+
        }

        impl FaultKeys {
            fn spec(&mut self) -> Result<FaultSpec, Exclusive> {
                Exclusive::pick([$(self.$field.take().map(FaultSpec::$kind)),+], concat!($($name, ", "),+).trim_end_matches(", "))
            }
        }

        impl FaultSpec {
            /// The names of all kinds, in the order of the catalogue.
            pub const KINDS: &'static [&'static str] = &[$($name),+];

            /// The kind's name, as written in a scenario.
            pub fn kind(&self) -> &'static str {
                match self { $(FaultSpec::$kind(_) => $name,)+ }
            }

            /// What the fault changes: two faults on one resource at one time are an error; also the blast radius.
            pub fn touches(&self) -> Vec<ResourceKey> {
                match self { $(FaultSpec::$kind(spec) => spec.touches(),)+ }
            }

            /// The names of the scenario that it uses.
            pub fn uses(&self) -> Vec<Use<'_>> {
                match self { $(FaultSpec::$kind(spec) => spec.uses(),)+ }
            }

            /// What a report says of it in brackets; empty for nothing.
            pub fn detail(&self) -> String {
                match self { $(FaultSpec::$kind(spec) => spec.detail(),)+ }
            }

            /// What is wrong with its own fields, beyond their types.
            pub fn problems(&self) -> Vec<FieldProblem> {
                match self { $(FaultSpec::$kind(spec) => spec.problems(),)+ }
            }

            /// What is wrong with it in this scenario, beyond names that lead nowhere.
            pub fn problems_in(&self, scenario: &Scenario) -> Vec<FieldProblem> {
                match self { $(FaultSpec::$kind(spec) => spec.problems_in(scenario),)+ }
            }

            /// Why it cannot be taken back in this scenario; none when it can.
            pub fn irreversible(&self, scenario: &Scenario) -> Option<FieldProblem> {
                match self { $(FaultSpec::$kind(spec) => spec.irreversible(scenario),)+ }
            }

            /// Whether it runs a command of the scenario's own, which needs `--allow-commands`.
            pub fn runs_commands(&self) -> bool {
                match self { $(FaultSpec::$kind(spec) => spec.runs_commands(),)+ }
            }

            /// Whether the fault is held (and so needs `for` or `until`), or is one act.
            pub fn is_held(&self) -> bool {
                match self { $(FaultSpec::$kind(spec) => spec.held(),)+ }
            }

            /// An entry of the kind as a scenario has it, and whether the kind is held; by the kind's name.
            pub fn example_of(kind: &str) -> Option<(&'static str, bool)> {
                match kind { $($name => Some(($kind::EXAMPLE, $kind::HELD)),)+ _ => None }
            }

            /// The JSON Schema of one kind, by name: its fields with their documentation.
            pub fn schema_of(kind: &str) -> Option<schemars::Schema> {
                match kind { $($name => Some(schemars::schema_for!($kind)),)+ _ => None }
            }
        }
    };
}

catalogue! {
    /// Sends a signal that ends a process: SIGKILL, or any other.
    ProcessKill = process_kill as "process-kill";
    /// Stops a process (SIGSTOP) and continues it (SIGCONT).
    ProcessPause = process_pause as "process-pause";
    /// Sends a process a signal that it handles: SIGHUP, SIGUSR1 and the like.
    ProcessSignal = process_signal as "process-signal";
    /// Moves the clock of a service of this drill ahead or behind.
    ClockSkew = clock_skew as "clock-skew";
    /// Keeps processors of this machine busy.
    CpuStress = cpu_stress as "cpu-stress";
    /// Takes memory of this machine and holds it.
    MemoryStress = memory_stress as "memory-stress";
    /// Keeps a disk of this machine busy with writes, syncs and reads.
    IoStress = io_stress as "io-stress";
    /// Takes space on a disk of this machine.
    DiskFill = disk_fill as "disk-fill";
    /// Harms a file of this machine; undo puts the harmed bytes back.
    FileCorrupt = file_corrupt as "file-corrupt";
    /// Adds latency to a link.
    ProxyLatency = proxy_latency as "proxy-latency";
    /// Cuts a link: connections are refused and reset.
    ProxyDown = proxy_down as "proxy-down";
    /// Turns a link into a black hole: connections stand, nothing passes.
    ProxyTimeout = proxy_timeout as "proxy-timeout";
    /// Cuts a target's network: everything, or some peers and ports; packets vanish or are refused.
    NetworkPartition = network_partition as "network-partition";
    /// Loses a share of a target's packets.
    NetworkLoss = network_loss as "network-loss";
    /// Limits what a target can send.
    NetworkBandwidth = network_bandwidth as "network-bandwidth";
    /// Adds latency to a target's network.
    NetworkLatency = network_latency as "network-latency";
    /// Sends a share of a target's packets twice.
    NetworkDuplicate = network_duplicate as "network-duplicate";
    /// Flips a bit in a share of a target's packets.
    NetworkCorrupt = network_corrupt as "network-corrupt";
    /// Lets a share of a target's packets overtake the others.
    NetworkReorder = network_reorder as "network-reorder";
    /// Lets a target's questions for names fail.
    DnsFailure = dns_failure as "dns-failure";
    /// Answers a target's questions for some names with other addresses.
    DnsOverride = dns_override as "dns-override";
    /// Limits what each connection of a link carries per second.
    ProxyBandwidth = proxy_bandwidth as "proxy-bandwidth";
    /// Delays the closing of a link's connections.
    ProxySlowClose = proxy_slow_close as "proxy-slow-close";
    /// Resets a link's connections.
    ProxyReset = proxy_reset as "proxy-reset";
    /// Cuts what passes a link into small pieces.
    ProxySlicer = proxy_slicer as "proxy-slicer";
    /// Closes a link's connections after so many bytes.
    ProxyLimitData = proxy_limit_data as "proxy-limit-data";
    /// Makes a link lossy: packets are lost and sent again.
    ProxyPacketLoss = proxy_packet_loss as "proxy-packet-loss";
    /// Bends requests and answers of plain HTTP/1.1 on a link.
    ProxyHttp = proxy_http as "proxy-http";
    /// Ends the sessions of a PostgreSQL database.
    PostgresTerminateConnections = postgres_terminate_connections as "postgres-terminate-connections";
    /// Takes all connections that a PostgreSQL server has left.
    PostgresExhaustConnections = postgres_exhaust_connections as "postgres-exhaust-connections";
    /// Locks a table of a PostgreSQL database.
    PostgresLockTable = postgres_lock_table as "postgres-lock-table";
    /// Holds a table of a PostgreSQL database for a moment, again and again.
    PostgresSlowQueries = postgres_slow_queries as "postgres-slow-queries";
    /// Promotes a PostgreSQL standby.
    PostgresPromote = postgres_promote as "postgres-promote";
    /// Suspends the commands of Redis clients.
    RedisPause = redis_pause as "redis-pause";
    /// Deletes keys of a Redis server.
    RedisEvict = redis_evict as "redis-evict";
    /// Closes the connections of Redis clients.
    RedisKillClients = redis_kill_clients as "redis-kill-clients";
    /// Runs a command, and another that takes it back; off unless `--allow-commands`.
    CommandFault = command as "command";
    /// Kills a container: as a crash that its restart policy heals, or by the engine, so that it stays down.
    ContainerKill = container_kill as "container-kill";
    /// Stops a container and starts it again.
    ContainerStop = container_stop as "container-stop";
    /// Restarts a container.
    ContainerRestart = container_restart as "container-restart";
    /// Pauses a container: every process of it is frozen.
    ContainerPause = container_pause as "container-pause";
    /// Takes a container out of a network, and connects it again as it was.
    ContainerDisconnect = container_disconnect as "container-disconnect";
    /// Lowers the limits of a container: processors, memory, processes.
    ContainerLimit = container_limit as "container-limit";
    /// Lets a container run out of memory: the kernel ends its first process.
    ContainerOom = container_oom as "container-oom";
    /// Takes space on a disk of a container.
    ContainerDiskFill = container_disk_fill as "container-disk-fill";
    /// Uses up processors or memory of a container.
    ContainerStress = container_stress as "container-stress";
}

/// A fault on the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "FaultKeys", into = "FaultEntry")]
pub struct Fault {
    /// The fault's name.
    pub name: Name,
    /// This long after the start of the fault phase.
    pub at: Option<HumanDuration>,
    /// After something else.
    pub after: Option<After>,
    /// When the system is in a state.
    pub when: Option<When>,
    /// How long it is held.
    pub hold_for: Option<HumanDuration>,
    /// Until when it is held.
    pub until: Option<Until>,
    /// What clients are expected to see.
    pub impact: Impact,
    /// What it does.
    pub spec: FaultSpec,
}

/// A fault as it is written out again: the same keys as in a scenario.
#[derive(Serialize)]
struct FaultEntry {
    name: Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<HumanDuration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<After>,
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<When>,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    hold_for: Option<HumanDuration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Until>,
    impact: Impact,
    #[serde(flatten)]
    spec: FaultSpec,
}

impl From<Fault> for FaultEntry {
    fn from(f: Fault) -> Self {
        let Fault { name, at, after, when, hold_for, until, impact, spec } = f;
        FaultEntry { name, at, after, when, hold_for, until, impact, spec }
    }
}

impl TryFrom<FaultKeys> for Fault {
    type Error = String;

    fn try_from(mut keys: FaultKeys) -> Result<Self, String> {
        let spec = keys.spec().map_err(|e| e.to_string())?;
        let name = keys.name.ok_or("a fault needs a `name`")?;
        let fault = Fault {
            name,
            at: keys.at,
            after: keys.after,
            when: keys.when,
            hold_for: keys.r#for,
            until: keys.until,
            impact: keys.impact.unwrap_or_default(),
            spec,
        };
        fault.moment().map_err(|e| e.to_string())?;
        fault.hold().map_err(|e| e.to_string())?;
        Ok(fault)
    }
}

impl JsonSchema for Fault {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fault".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        FaultKeys::json_schema(generator)
    }
}

impl Fault {
    /// When it begins.
    ///
    /// # Errors
    /// When several moments are given.
    pub fn moment(&self) -> Result<Moment<'_>, Exclusive> {
        Moment::of(self.at, self.after.as_ref(), self.when.as_ref())
    }

    /// How long it is held.
    ///
    /// # Errors
    /// When both `for` and `until` are given. A held fault without either is found by lint.
    pub fn hold(&self) -> Result<Hold<'_>, Exclusive> {
        let ends = [self.hold_for.map(Hold::For), self.until.as_ref().map(Hold::Until)];
        if ends.iter().all(Option::is_none) {
            return Ok(Hold::Act);
        }
        Exclusive::pick(ends, "for, until")
    }
}

/// What clients are expected to see of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Impact {
    /// An outage. Not seen: inconclusive, the probe may be looking at a static page.
    #[default]
    Expected,
    /// Perhaps an outage.
    Tolerated,
    /// Nothing at all. An outage is a breach.
    None,
}

/// Something a fault changes, by kind and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ResourceKey {
    /// A target of the scenario.
    Target(Name),
    /// A link of the scenario.
    Link(Name),
    /// The network of a target: of all that shares its namespace.
    Network(Name),
    /// A part of the machine that the drill runs on: its processors, a directory, a file.
    Machine(String),
    /// Whatever a command touches: known only to whoever wrote it.
    Command(String),
}

impl std::fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ResourceKey::Target(name) => write!(f, "target {name}"),
            ResourceKey::Link(name) => write!(f, "link {name}"),
            ResourceKey::Network(name) => write!(f, "the network of target {name}"),
            ResourceKey::Machine(part) => write!(f, "{part}"),
            ResourceKey::Command(argv) => write!(f, "command `{argv}`"),
        }
    }
}

/// None, or more than one, of several keys that exclude each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Exclusive {
    /// None is given.
    #[error("nothing to do: give exactly one of {0}")]
    None(&'static str),
    /// Several are given.
    #[error("more than one is given: give exactly one of {0}")]
    Several(&'static str),
}

impl Exclusive {
    /// The one that is there.
    pub(crate) fn pick<T, const N: usize>(options: [Option<T>; N], keys: &'static str) -> Result<T, Exclusive> {
        let mut given = options.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(Exclusive::None(keys)),
            (Some(_), Some(_)) => Err(Exclusive::Several(keys)),
        }
    }
}
