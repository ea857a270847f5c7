//! Networks: rules, shapers and queues in network namespaces, done by the kernel's own tools (`nft`, `tc`, `iptables`).
//!
//! Everything that is set carries a tag of the run and the fault, and is found and taken away by it: nothing is ever
//! flushed. A rule belongs to its namespace, so the undo finds the namespace again and not whatever lives there by
//! then. Rules of nftables also expire in the kernel; a shaper is watched by a [`keeper`] of its own.

mod answer;
mod delay;
mod host;
mod keeper;
mod namespace;
mod probe;
mod queue;
mod rules;
mod shape;
mod tool;

use std::collections::BTreeMap;
use std::net::IpAddr;

use async_trait::async_trait;

use super::DriverError;
use crate::model::{BitRate, HumanDuration, NetworkSpace, ProcessId, Ratio};
use crate::safety::{Licence, NetworkUndo, Reverted, Standing};
use crate::scenario::fault::{Flow, NoAnswer, Refusal};

pub use host::HostNetworks;
pub use keeper::network_keeper;
pub use probe::{Ability, abilities};

/// What is done to a network.
#[derive(Debug, Clone, PartialEq)]
pub enum NetworkEffect {
    /// Packets may not pass.
    Cut {
        /// Which.
        flow: Flow,
        /// What becomes of them.
        action: Refusal,
    },
    /// Packets are lost by chance.
    Loss {
        /// Which.
        flow: Flow,
        /// How many of them.
        share: Ratio,
    },
    /// Questions for names get no answer.
    Unnamed(NoAnswer),
    /// Questions for some names get another answer.
    Renamed(BTreeMap<String, IpAddr>),
    /// Something is done to what devices send, or receive.
    Shape {
        /// The only device; none for all that are up, loopback excepted.
        device: Option<String>,
        /// What.
        how: Shape,
    },
}

/// What is done to the packets of a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// No more than that is sent.
    Rate(BitRate),
    /// They are late.
    Delay {
        /// So much.
        latency: HumanDuration,
        /// Largest deviation.
        jitter: HumanDuration,
    },
    /// A share is sent twice.
    Duplicate(Ratio),
    /// A share has a bit flipped.
    Corrupt(Ratio),
    /// A share is sent at once, all others late.
    Reorder {
        /// The share.
        share: Ratio,
        /// How late.
        latency: HumanDuration,
    },
}

/// Networks of this machine, each by its namespace.
#[async_trait]
pub trait Networks: Send + Sync {
    /// The network that a process lives in.
    async fn space(&self, process: ProcessId) -> Result<NetworkSpace, DriverError>;
    /// The network that this program lives in.
    async fn own(&self) -> Result<NetworkSpace, DriverError>;
    /// The addresses that a network has, loopback excepted.
    async fn addresses(&self, space: &NetworkSpace) -> Result<Vec<IpAddr>, DriverError>;
    /// Chooses how an effect is made there, and says how that is taken back. Changes nothing; refuses with the reason
    /// what this machine cannot do, or what would displace something that is not ours.
    async fn prepare(
        &self,
        space: &NetworkSpace,
        tag: &str,
        effect: &NetworkEffect,
        expires: HumanDuration,
    ) -> Result<Vec<NetworkUndo>, DriverError>;
    /// Makes the effect that `undo` takes back.
    async fn inject(&self, undo: &NetworkUndo, effect: &NetworkEffect, licence: Licence<'_>)
    -> Result<(), DriverError>;
    /// Takes it back.
    async fn revert(&self, undo: &NetworkUndo) -> Result<Reverted, DriverError>;
    /// Whether it stands, and how many packets it touched.
    async fn standing(&self, undo: &NetworkUndo) -> Result<Standing, DriverError>;
}
