//! `postgres` and `redis`: database servers, reached by their own protocols.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Name;

/// A PostgreSQL server, version 14 or later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresTarget {
    /// `postgres://user:${env:PGPASSWORD}@host:5432/database`, with `?sslmode=require` and the like behind it. The server
    /// itself, not a pooler before it.
    pub url: String,
    /// The target, a container or a process, that this server runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Name>,
    /// The postgres target that takes over when this one fails. Once it is promoted, no undo starts this one again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Name>,
    /// What becomes of this server once its peer was promoted; absent, an undo that would start it refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_failover: Option<AfterFailover>,
}

/// What becomes of the old primary after a failover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterFailover {
    /// It stays down, and that counts as clean: the result says so.
    LeaveDown,
    /// A step of the playbook makes it a standby of the new primary. Until it runs again the undo is not done.
    Rejoin,
}

/// A Redis server, version 6.2 or later, or one that speaks the same (Valkey).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisTarget {
    /// `redis://:${env:REDIS_PASSWORD}@host:6379/0`; `rediss://` for TLS.
    pub url: String,
}
