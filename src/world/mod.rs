//! Drivers that touch the world, and the simulated world; each driver reverts its own undo.
//!
//! The engine, the faults and the observers know only the traits here. [`World::host`] connects the real drivers;
//! `sim` stands in for all of them under a paused clock.

mod error;
pub mod backups;
pub mod command;
pub mod database;
pub mod docker;
pub mod grpc;
pub mod host;
pub mod http;
pub mod links;
pub mod machine;
pub mod network;
pub mod operator;
pub mod process;
pub mod secrets;
pub mod services;
pub mod sim;
pub mod tls;
pub mod workers;

use std::sync::Arc;

use crate::clock::Clock;
use crate::model::{Member, Readiness};
use crate::safety::{ContainerUndo, Failover, Reverted, Standing, Undo};
use crate::scenario::Target;
use crate::scenario::target::{AfterFailover, PostgresTarget, RedisTarget};

pub use backups::Backups;
pub use command::Commands;
pub use database::{Databases, Start};
pub use docker::Containers;
pub use error::DriverError;
pub use grpc::Grpc;
pub use http::Http;
pub use links::Links;
pub use machine::Machine;
pub use network::Networks;
pub use operator::Operator;
pub use process::Processes;
pub use services::Services;
pub use workers::Workers;

/// Everything outside this program that a drill can touch, behind one set of drivers.
#[derive(Clone)]
pub struct World {
    /// The run's clock.
    pub clock: Clock,
    /// Processes of this host.
    pub processes: Arc<dyn Processes>,
    /// Services that the drill starts and supervises itself.
    pub services: Arc<dyn Services>,
    /// Links that faults can bend.
    pub links: Arc<dyn Links>,
    /// Containers of an engine.
    pub containers: Arc<dyn Containers>,
    /// Networks: rules, shapers and queues in network namespaces.
    pub networks: Arc<dyn Networks>,
    /// Database servers.
    pub databases: Arc<dyn Databases>,
    /// Commands that the scenario names.
    pub commands: Arc<dyn Commands>,
    /// The machine that the drill runs on.
    pub machine: Arc<dyn Machine>,
    /// HTTP and TCP from the client's side.
    pub http: Arc<dyn Http>,
    /// gRPC from the client's side.
    pub grpc: Arc<dyn Grpc>,
    /// Load workers.
    pub workers: Arc<dyn Workers>,
    /// Backups and restore proofs.
    pub backups: Arc<dyn Backups>,
    /// The person in front of the drill.
    pub operator: Arc<dyn Operator>,
}

impl World {
    /// Takes one effect back, whatever state it is in: idempotent, refuses when the target's identity changed.
    ///
    /// # Errors
    /// When the driver cannot tell or cannot act; the fault may then remain.
    pub async fn revert(&self, undo: &Undo) -> Result<Reverted, DriverError> {
        match undo {
            Undo::Process(undo) => self.processes.revert(undo).await,
            Undo::Link(undo) => self.links.revert(undo).await,
            Undo::Command(undo) => self.commands.revert(undo).await,
            Undo::Machine(undo) => self.machine.revert(undo).await,
            Undo::Container(undo) => self.revert_container(undo).await,
            Undo::Network(undo) => self.networks.revert(undo).await,
            Undo::Database(undo) => self.databases.revert(undo).await,
        }
    }

    /// Ends the worker inside first; and starts nothing whose peer has taken over.
    async fn revert_container(&self, undo: &ContainerUndo) -> Result<Reverted, DriverError> {
        if let Some(worker) = undo.worker() {
            self.machine.revert(worker).await?;
        }
        if let (Some(failover), Some(ended)) = (&undo.failover, undo.ended())
            && self.containers.standing(undo).await? != Standing::Gone
        {
            let runs = match self.containers.view(&undo.container).await {
                Ok(view) => view.life == docker::Life::Running && view.started != ended,
                // Removed: the driver's own answer says so.
                Err(DriverError::NotFound(_)) => true,
                Err(e) => return Err(e),
            };
            if !runs && self.may_start(failover).await? == Start::LeaveDown {
                return Ok(Reverted::TargetGone);
            }
        }
        self.containers.revert(undo).await
    }

    /// Whether an undo may start what a fault stopped: never beside a peer that was promoted meanwhile.
    ///
    /// # Errors
    /// When the peer was promoted and the scenario does not say that the old primary stays down, or when the peer
    /// cannot be asked: then nothing is started.
    pub async fn may_start(&self, failover: &Failover) -> Result<Start, DriverError> {
        let peer = crate::scenario::database::node(&failover.peer);
        let promoted = self.databases.is_primary(&failover.peer).await.map_err(|e| {
            DriverError::Failed(format!("not started: whether its peer {peer} was promoted cannot be seen: {e}"))
        })?;
        match (promoted, failover.after) {
            (false, _) => Ok(Start::Yes),
            (true, Some(AfterFailover::LeaveDown)) => Ok(Start::LeaveDown),
            (true, Some(AfterFailover::Rejoin)) => Err(DriverError::Refused(format!(
                "not started: its peer {peer} was promoted; make it a standby of {peer} (pg_rewind or pg_basebackup), then \
                 start it"
            ))),
            (true, None) => Err(DriverError::Refused(format!(
                "not started: its peer {peer} was promoted, and two primaries would part ways; say what becomes of it \
                 with `after_failover: leave_down` or `rejoin`"
            ))),
        }
    }

    /// What a target means right now: its members, with owner, labels and readiness. Never empty; changes nothing.
    /// Guards, plans and plan tokens know a target only by this.
    ///
    /// # Errors
    /// When it means nothing, or cannot be looked at.
    pub async fn look(&self, target: &Target) -> Result<Vec<Member>, DriverError> {
        match target {
            Target::Process(selector) => self.processes.look(selector).await,
            Target::Container(selector) => self.containers.look(selector).await,
            Target::Host(_) => Ok(vec![this_machine()]),
            Target::Postgres(PostgresTarget { url, .. }) | Target::Redis(RedisTarget { url }) => {
                let found = self.databases.meant(url).await?;
                Ok(vec![server(crate::scenario::database::node(url), found)])
            }
        }
    }

    /// Looks whether the effect that `undo` would take back stands right now. Changes nothing.
    ///
    /// # Errors
    /// When the driver cannot see; the caller must treat that as not seen, never as fine.
    pub async fn standing(&self, undo: &Undo) -> Result<Standing, DriverError> {
        match undo {
            Undo::Process(undo) => self.processes.standing(undo).await,
            Undo::Link(undo) => self.links.standing(undo).await,
            Undo::Command(undo) => self.commands.standing(undo).await,
            Undo::Machine(undo) => self.machine.standing(undo).await,
            Undo::Container(undo) => self.containers.standing(undo).await,
            Undo::Network(undo) => self.networks.standing(undo).await,
            Undo::Database(undo) => self.databases.standing(undo).await,
        }
    }
}

/// The machine that the drill runs on, as a member of a target.
fn this_machine() -> Member {
    let host = crate::safety::Place::here().host;
    Member {
        shown: format!("this machine, {host}"),
        identity: host.clone(),
        name: host,
        owner: String::new(),
        labels: std::collections::BTreeMap::new(),
        readiness: Readiness::Ready,
        own: false,
    }
}

/// A server that answered, as a member of a target.
fn server(address: &str, database::Server { identity, shown }: database::Server) -> Member {
    Member {
        identity,
        name: address.to_owned(),
        shown,
        owner: String::new(),
        labels: std::collections::BTreeMap::new(),
        readiness: Readiness::Ready,
        own: false,
    }
}
