//! `ledger:`: numbered writes whose survival is checked.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::clickhouse::{ClickHouseRead, ClickHouseWrite};
pub use super::database::{PostgresRead, PostgresWrite, RedisRead, RedisWrite};
use super::grpc::GrpcCall;
use crate::model::HumanDuration;

/// A stream of uniquely numbered writes, and how to read them back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Time between two writes.
    pub every: HumanDuration,
    /// After this time an unanswered write's fate is unknown.
    #[serde(default = "ledger_timeout")]
    pub timeout: HumanDuration,
    /// How one entry is written; `${id}` is its number.
    pub write: LedgerWrite,
    /// How all entries are read back.
    pub read: LedgerRead,
    /// Longest time the final read may take, repeats included.
    #[serde(default = "read_within")]
    pub read_within: HumanDuration,
    /// Ids read that were never sent: how many are still fine.
    #[serde(default)]
    pub max_unexpected: u64,
    /// Entries whose content differs from what was sent: how many are still fine.
    #[serde(default)]
    pub max_altered: u64,
}

fn ledger_timeout() -> HumanDuration {
    HumanDuration::from_secs(2)
}

fn read_within() -> HumanDuration {
    HumanDuration::from_secs(30)
}

/// How one entry is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LedgerWrite {
    /// By HTTP: a status from 200 to 299 acknowledges, from 400 to 499 refuses, anything else leaves the fate unknown.
    Http(HttpWrite),
    /// By a unary call of gRPC: status OK acknowledges; INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS,
    /// PERMISSION_DENIED, FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED and UNAUTHENTICATED refuse; anything else
    /// leaves the fate unknown.
    Grpc(GrpcWrite),
    /// As one row of a ClickHouse table, by ClickHouse's HTTP interface: status 200 with an empty body acknowledges.
    #[serde(rename = "clickhouse")]
    ClickHouse(ClickHouseWrite),
    /// As one row of a PostgreSQL table, in a transaction of its own: the commit acknowledges, an error of the statement
    /// refuses, a session that ends leaves the fate unknown.
    Postgres(PostgresWrite),
    /// As one key of a Redis server: `OK` acknowledges, an error refuses, a connection that breaks leaves the fate
    /// unknown.
    Redis(RedisWrite),
}

/// An HTTP write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpWrite {
    /// Method; PUT when absent.
    #[serde(default = "put")]
    pub method: String,
    /// Absolute address with `${id}`.
    pub url: String,
    /// Headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Body with `${id}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

fn put() -> String {
    "PUT".into()
}

/// A write by gRPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrpcWrite {
    /// `http://host:port` for cleartext HTTP/2, `https://host:port` for TLS.
    pub url: String,
    /// Descriptor set with the method, relative to this file: `protoc --include_imports --descriptor_set_out=FILE`.
    pub descriptors: String,
    /// `package.Service/Method`; must be unary.
    pub method: String,
    /// The message, as JSON with `${id}`.
    pub message: String,
    /// Metadata.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl GrpcWrite {
    /// The call, with `${id}` still in its message.
    pub fn call(&self) -> GrpcCall {
        GrpcCall {
            url: self.url.clone(),
            descriptors: Some(self.descriptors.clone()),
            method: self.method.clone(),
            message: self.message.clone(),
            metadata: self.metadata.clone(),
        }
    }
}

/// How all entries are read back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LedgerRead {
    /// By HTTP: a JSON list of ids, or of objects with `id` and, optionally, the content that was written.
    Http(HttpRead),
    /// By a unary call of gRPC, whose answer holds all ids.
    Grpc(GrpcRead),
    /// From a ClickHouse table.
    #[serde(rename = "clickhouse")]
    ClickHouse(ClickHouseRead),
    /// From a PostgreSQL table.
    Postgres(PostgresRead),
    /// From the keys of a Redis server.
    Redis(RedisRead),
}

impl LedgerRead {
    /// The address that is read.
    pub fn url(&self) -> &str {
        match self {
            LedgerRead::Http(read) => &read.url,
            LedgerRead::Grpc(read) => &read.url,
            LedgerRead::ClickHouse(read) => &read.url,
            LedgerRead::Postgres(read) => &read.url,
            LedgerRead::Redis(read) => &read.url,
        }
    }

    /// The name under which a row holds its id.
    pub fn id_name(&self) -> &str {
        match self {
            LedgerRead::Http(_) | LedgerRead::Redis(_) => "id",
            LedgerRead::Grpc(read) => read.ids.rsplit('.').next().unwrap_or_default(),
            LedgerRead::ClickHouse(read) => &read.id,
            LedgerRead::Postgres(read) => &read.id,
        }
    }
}

/// An HTTP read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpRead {
    /// Absolute address.
    pub url: String,
    /// Headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// A read by gRPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrpcRead {
    /// `http://host:port` for cleartext HTTP/2, `https://host:port` for TLS.
    pub url: String,
    /// Descriptor set with the method, relative to this file.
    pub descriptors: String,
    /// `package.Service/Method`; must be unary.
    pub method: String,
    /// The message, as JSON; empty when absent.
    #[serde(default = "empty")]
    pub message: String,
    /// Where the answer holds the ids, as names of fields with dots between: `items.id` is the `id` of every item.
    pub ids: String,
    /// Metadata.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

fn empty() -> String {
    "{}".into()
}

impl GrpcRead {
    /// The call.
    pub fn call(&self) -> GrpcCall {
        GrpcCall {
            url: self.url.clone(),
            descriptors: Some(self.descriptors.clone()),
            method: self.method.clone(),
            message: self.message.clone(),
            metadata: self.metadata.clone(),
        }
    }
}
