//! One file per fault kind: what it prepares, how it injects.
//!
//! Faults know neither each other nor the engine. A kind reads the world in `prepare` and says how it will be taken
//! back; it acts in `inject`, which cannot be called without a licence; it never undoes: the driver of its undo does.

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
mod containers;
mod cpu_stress;
mod disk_fill;
mod file_corrupt;
mod io_stress;
mod link_rule;
mod machine;
mod memory_stress;
mod dns_failure;
mod dns_override;
mod network_bandwidth;
mod network_corrupt;
mod network_duplicate;
mod network_latency;
mod network_loss;
mod network_partition;
mod network_reorder;
mod networks;
pub mod databases;
mod postgres_exhaust_connections;
mod postgres_lock_table;
mod postgres_promote;
mod postgres_slow_queries;
mod postgres_terminate_connections;
mod process_kill;
mod process_pause;
mod process_signal;
mod processes;
#[cfg(test)]
mod process_tests;
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

use std::future::Future;
use std::path::Path;

use crate::model::{Name, RunId};
use crate::safety::{Licence, Undo};
use crate::scenario::{FaultSpec, Scenario};
use crate::world::{DriverError, World};

/// What a fault may know of the drill it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct FaultContext<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The fault's name.
    pub name: &'a Name,
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The directory commands run in.
    pub dir: &'a Path,
    /// Where every random choice comes from.
    pub seed: u64,
}

/// A kind of fault.
pub trait Fault {
    /// Reads the world and says how every effect will be taken back. Changes nothing. Never empty.
    fn prepare(
        &self,
        world: &World,
        context: FaultContext<'_>,
    ) -> impl Future<Output = Result<Vec<Undo>, DriverError>> + Send;

    /// Harms exactly what the undo records name. Returns when the call is done, which may be before the effect shows.
    fn inject(
        &self,
        world: &World,
        undo: &[Undo],
        licence: Licence<'_>,
    ) -> impl Future<Output = Result<(), DriverError>> + Send;
}

/// Passes a call on to the kind that a specification names.
macro_rules! dispatch {
    ($spec:expr, $kind:ident => $call:expr) => {
        match $spec {
            FaultSpec::ProcessKill($kind) => $call,
            FaultSpec::ProcessPause($kind) => $call,
            FaultSpec::ProcessSignal($kind) => $call,
            FaultSpec::ClockSkew($kind) => $call,
            FaultSpec::CpuStress($kind) => $call,
            FaultSpec::MemoryStress($kind) => $call,
            FaultSpec::IoStress($kind) => $call,
            FaultSpec::DiskFill($kind) => $call,
            FaultSpec::FileCorrupt($kind) => $call,
            FaultSpec::ProxyLatency($kind) => $call,
            FaultSpec::ProxyDown($kind) => $call,
            FaultSpec::ProxyTimeout($kind) => $call,
            FaultSpec::NetworkPartition($kind) => $call,
            FaultSpec::NetworkLoss($kind) => $call,
            FaultSpec::NetworkBandwidth($kind) => $call,
            FaultSpec::NetworkLatency($kind) => $call,
            FaultSpec::NetworkDuplicate($kind) => $call,
            FaultSpec::NetworkCorrupt($kind) => $call,
            FaultSpec::NetworkReorder($kind) => $call,
            FaultSpec::DnsFailure($kind) => $call,
            FaultSpec::DnsOverride($kind) => $call,
            FaultSpec::ProxyBandwidth($kind) => $call,
            FaultSpec::ProxySlowClose($kind) => $call,
            FaultSpec::ProxyReset($kind) => $call,
            FaultSpec::ProxySlicer($kind) => $call,
            FaultSpec::ProxyLimitData($kind) => $call,
            FaultSpec::ProxyPacketLoss($kind) => $call,
            FaultSpec::ProxyHttp($kind) => $call,
            FaultSpec::PostgresTerminateConnections($kind) => $call,
            FaultSpec::PostgresExhaustConnections($kind) => $call,
            FaultSpec::PostgresLockTable($kind) => $call,
            FaultSpec::PostgresSlowQueries($kind) => $call,
            FaultSpec::PostgresPromote($kind) => $call,
            FaultSpec::RedisPause($kind) => $call,
            FaultSpec::RedisEvict($kind) => $call,
            FaultSpec::RedisKillClients($kind) => $call,
            FaultSpec::CommandFault($kind) => $call,
            FaultSpec::ContainerKill($kind) => $call,
            FaultSpec::ContainerStop($kind) => $call,
            FaultSpec::ContainerRestart($kind) => $call,
            FaultSpec::ContainerPause($kind) => $call,
            FaultSpec::ContainerDisconnect($kind) => $call,
            FaultSpec::ContainerLimit($kind) => $call,
            FaultSpec::ContainerOom($kind) => $call,
            FaultSpec::ContainerDiskFill($kind) => $call,
            FaultSpec::ContainerStress($kind) => $call,
        }
    };
}

impl Fault for FaultSpec {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        dispatch!(self, kind => kind.prepare(world, context).await)
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        dispatch!(self, kind => kind.inject(world, undo, licence).await)
    }
}
