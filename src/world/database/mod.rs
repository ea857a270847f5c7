//! Database servers, by their own protocols: PostgreSQL, and Redis or what speaks the same.
//!
//! Whatever is held ends at the server by itself: our sessions carry limits that the server keeps, and end with the
//! process that opened them. An undo finds them by their tag, so that it needs nothing but its record.

#[cfg(feature = "databases")]
mod address;
#[cfg(feature = "databases")]
mod host;
#[cfg(feature = "databases")]
mod keyvalue;
#[cfg(feature = "databases")]
mod postgresql;
#[cfg(not(feature = "databases"))]
mod stub;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::DriverError;
use super::http::ExchangeFailure;
use super::secrets::Secrets;
use crate::model::{HumanDuration, Name, RunId};
use crate::safety::{DatabaseUndo, Licence, Reverted, Standing};
use crate::scenario::fault::LockMode;
use crate::scenario::ledger::{PostgresRead, RedisRead};
use crate::scenario::step::PostgresAction;

/// Longest `application_name` that PostgreSQL keeps whole, in bytes.
const LONGEST_TAG: usize = 63;

/// What is done to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Harm {
    /// Ends sessions of clients.
    Terminate(Sessions, Again),
    /// Takes all connections but so many.
    Exhaust {
        /// How many ordinary ones stay free.
        leave: u32,
    },
    /// Holds a lock on a table.
    Lock {
        /// The table.
        table: String,
        /// What it blocks.
        mode: LockMode,
        /// Longest wait for the lock itself.
        wait: Duration,
    },
    /// Holds a table for a moment, again and again.
    Slow {
        /// The table.
        table: String,
        /// How long each time.
        delay: Duration,
        /// From one time to the next.
        every: Duration,
    },
    /// Promotes a standby.
    Promote {
        /// Longest time until it takes writes.
        within: Duration,
    },
    /// Suspends clients' commands.
    Pause {
        /// Only those that write.
        writes: bool,
    },
    /// Deletes keys.
    Evict {
        /// The pattern.
        keys: String,
        /// Largest number.
        limit: u64,
    },
    /// Closes clients' connections.
    KillClients,
}

/// Which sessions of clients are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sessions {
    /// Only those of this user.
    pub user: Option<String>,
    /// Only those with this `application_name`.
    pub application: Option<String>,
    /// Those of every database of the server.
    pub every_database: bool,
}

/// How often an act is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// How many times in all.
    pub times: u32,
    /// Time between two.
    pub every: Duration,
}

/// Which effect, and how long it may last.
#[derive(Debug, Clone, Copy)]
pub struct Effect<'a> {
    /// Unique among all runs and their faults; see [`tag`].
    pub tag: &'a str,
    /// After this time it ends at the server by itself.
    pub hold: HumanDuration,
}

/// One write of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseWrite<'a> {
    /// A row.
    Postgres {
        /// The server.
        url: &'a str,
        /// The table, by its checked name.
        table: &'a str,
        /// The row as a JSON object, by column.
        row: String,
    },
    /// A key.
    Redis {
        /// The server.
        url: &'a str,
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// How many replicas must have it.
        replicas: u32,
    },
}

/// What came of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The server says that it is done: committed, or set.
    Acked,
    /// The server says that it was not done.
    Refused(String),
    /// The server says that it cannot tell.
    Unknown(String),
    /// No whole answer.
    Failed(ExchangeFailure),
}

/// A read of all entries of a ledger.
#[derive(Debug, Clone, Copy)]
pub enum DatabaseRead<'a> {
    /// The rows of a table.
    Postgres(&'a PostgresRead),
    /// The keys that match a pattern.
    Redis(&'a RedisRead),
}

/// A row of a ledger: its id, and the object that holds it where there is one.
pub type Row = (Value, Option<Value>);

/// What answers at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Which server it is: another one at the same address has another.
    pub identity: String,
    /// In words.
    pub shown: String,
}

/// Whether something may be started after a failover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Nobody took over.
    Yes,
    /// Its peer took over, and the scenario says that it stays down.
    LeaveDown,
}

/// Database servers.
#[async_trait]
pub trait Databases: Send + Sync {
    /// What answers at an address right now.
    async fn meant(&self, url: &str) -> Result<Server, DriverError>;
    /// How a harm would be taken back. Reads the server, and refuses what it could not do there.
    async fn prepare(&self, url: &str, harm: &Harm, effect: Effect<'_>) -> Result<DatabaseUndo, DriverError>;
    /// Harms.
    async fn inject(&self, undo: &DatabaseUndo, harm: &Harm, licence: Licence<'_>) -> Result<(), DriverError>;
    /// Takes an effect back.
    async fn revert(&self, undo: &DatabaseUndo) -> Result<Reverted, DriverError>;
    /// Whether an effect stands.
    async fn standing(&self, undo: &DatabaseUndo) -> Result<Standing, DriverError>;
    /// Whether a PostgreSQL server is a primary: no standby, or one that was promoted.
    async fn is_primary(&self, url: &str) -> Result<bool, DriverError>;
    /// A step of a playbook; what it saw, in words.
    async fn step(&self, url: &str, action: PostgresAction, within: Duration) -> Result<String, DriverError>;
    /// One write of a ledger.
    async fn write(&self, write: DatabaseWrite<'_>, timeout: Duration) -> WriteOutcome;
    /// All entries of a ledger.
    async fn read(&self, read: DatabaseRead<'_>, timeout: Duration) -> Result<Vec<Row>, String>;
}

/// The driver of this host; one that refuses where this program was built without.
#[cfg(feature = "databases")]
pub fn connect(secrets: Secrets) -> Arc<dyn Databases> {
    Arc::new(host::HostDatabases::new(secrets))
}

/// The driver of this host; one that refuses where this program was built without.
#[cfg(not(feature = "databases"))]
pub fn connect(_: Secrets) -> Arc<dyn Databases> {
    Arc::new(stub::NoDatabases)
}

/// The mark of a fault's sessions: `simulacro/<run>/<fault>`, shortened so that the server keeps it whole. It is short
/// text without quotes, so that a person can paste it.
pub fn tag(run: &RunId, fault: &Name) -> String {
    let plain: String = fault.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let whole = format!("simulacro/{run}/{plain}");
    let digest = Sha256::digest(format!("{run}/{fault}").as_bytes());
    if whole.len() <= LONGEST_TAG && plain == fault.as_str() {
        return whole;
    }
    let mark: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let start: String = whole.chars().filter(char::is_ascii).take(LONGEST_TAG - mark.len() - 1).collect();
    format!("{start}~{mark}")
}

/// What every tag begins with: sessions that carry it are ours.
#[cfg(feature = "databases")]
const OURS: &str = "simulacro/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_kept_whole_by_the_server_and_differ() {
        let run = RunId("20261123T101112Z-orders-database-outage-a1b2c3".into());
        let tags: Vec<String> = ["a", "a b", "a-b", "a rather long name of a fault", "a rather long name of a fauna"]
            .iter()
            .map(|name| tag(&run, &name.parse().unwrap()))
            .collect();
        for (i, one) in tags.iter().enumerate() {
            assert!(one.len() <= LONGEST_TAG && one.starts_with("simulacro/20261123T101112Z"), "{one}");
            assert!(!one.contains(['\'', '"', ' ']) && !tags[..i].contains(one), "{one}");
        }
    }
}
