//! `backups:`: backups whose restore is proven.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fault::Exclusive;
use crate::model::HumanDuration;

/// A backup to prove.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// An SQLite database. Exactly one provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlite: Option<SqliteBackup>,
    /// Where the backup comes from.
    #[serde(default)]
    pub source: BackupSource,
    /// When the drill takes it, counted from the start of the baseline; in the middle of the baseline when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<HumanDuration>,
    /// What is checked on the restored copy, beside presence, digest, structure and the restore itself.
    #[serde(default = "all_checks")]
    pub checks: Vec<BackupCheck>,
    /// A query on the restored copy and the answer it must give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smoke: Option<SmokeQuery>,
    /// Longest time for the whole proof.
    #[serde(default = "proof_within")]
    pub within: HumanDuration,
}

fn all_checks() -> Vec<BackupCheck> {
    vec![BackupCheck::Integrity, BackupCheck::RowCounts, BackupCheck::Content]
}

fn proof_within() -> HumanDuration {
    HumanDuration::from_secs(300)
}

/// The engine that made the backup and can restore it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Provider<'a> {
    /// SQLite's online backup.
    Sqlite(&'a SqliteBackup),
}

impl Backup {
    /// The one provider.
    ///
    /// # Errors
    /// When none is given.
    pub fn provider(&self) -> Result<Provider<'_>, Exclusive> {
        Exclusive::pick([self.sqlite.as_ref().map(Provider::Sqlite)], "sqlite")
    }
}

/// An SQLite database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqliteBackup {
    /// The live database file.
    pub database: String,
    /// With `source: existing`: the backup file, with its manifest beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Table of the ledger's entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_table: Option<String>,
}

/// Where a backup comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackupSource {
    /// The drill takes it, under load.
    #[default]
    Take,
    /// It exists already.
    Existing,
}

/// A check on the restored copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BackupCheck {
    /// Every write acknowledged before the backup is there.
    Ledger,
    /// The engine's own integrity check, and foreign keys.
    Integrity,
    /// Rows by table as in the manifest.
    RowCounts,
    /// Fingerprint of every row as in the manifest.
    Content,
}

/// A query and the answer it must give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmokeQuery {
    /// SQL that returns one value.
    pub query: String,
    /// That value, as text.
    pub expect: String,
}
