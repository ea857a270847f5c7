//! `targets:`: what faults are aimed at.

mod container;
mod host;
mod database;
mod process;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use container::ContainerSelector;
pub use database::{AfterFailover, PostgresTarget, RedisTarget};
pub use host::HostSelector;
pub use process::{ForeignProcess, ProcessSelector};

/// What a fault is aimed at. Resolved when the fault begins; the plan binds the selector and the count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Processes of this host.
    Process(ProcessSelector),
    /// Containers of an engine: Docker, or Podman by its Docker socket.
    Container(ContainerSelector),
    /// The machine that the drill runs on.
    Host(HostSelector),
    /// A PostgreSQL server.
    Postgres(PostgresTarget),
    /// A Redis server.
    Redis(RedisTarget),
}

impl Target {
    /// The key that says what sort of target it is.
    pub fn sort(&self) -> &'static str {
        match self {
            Target::Process(_) => "process",
            Target::Container(_) => "container",
            Target::Host(_) => "host",
            Target::Postgres(_) => "postgres",
            Target::Redis(_) => "redis",
        }
    }
}
