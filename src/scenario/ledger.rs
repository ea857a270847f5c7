//! `ledger:`: numbered writes whose survival is checked.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// How all entries are read back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LedgerRead {
    /// By HTTP: a JSON list of ids, or of objects with `id` and, optionally, the content that was written.
    Http(HttpRead),
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
