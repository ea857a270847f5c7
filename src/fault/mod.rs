//! One file per fault kind: what it prepares, how it injects.
//!
//! Faults know neither each other nor the engine. A kind reads the world in `prepare` and says how it will be taken
//! back; it acts in `inject`, which cannot be called without a licence; it never undoes: the driver of its undo does.

mod command;
mod link_rule;
mod process_kill;
mod process_pause;
mod processes;
#[cfg(test)]
mod process_tests;
mod proxy_down;
mod proxy_latency;
mod proxy_timeout;

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
            FaultSpec::ProxyLatency($kind) => $call,
            FaultSpec::ProxyDown($kind) => $call,
            FaultSpec::ProxyTimeout($kind) => $call,
            FaultSpec::CommandFault($kind) => $call,
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
