//! Database servers, simulated: each fault stands or not, and the ledger's entries are kept with those of services.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::Driver;
use super::clients::SERVICE_TIME;
use crate::safety::{DatabaseUndo, Held, Licence, PostgresServer, PostgresSession, Reverted, Standing, Undo};
use crate::scenario::database::node;
use crate::scenario::step::PostgresAction;
use crate::world::DriverError;
use crate::world::database::{DatabaseRead, DatabaseWrite, Databases, Effect, Harm, Row, Server, WriteOutcome};

/// Clients connect again, and a new primary is found, after this time.
const HEALS_AFTER: Duration = Duration::from_millis(300);

#[async_trait]
impl Databases for Driver {
    async fn meant(&self, url: &str) -> Result<Server, DriverError> {
        let identity = node(url).to_owned();
        Ok(Server { shown: format!("a simulated database at {identity}"), identity })
    }

    async fn prepare(&self, url: &str, harm: &Harm, effect: Effect<'_>) -> Result<DatabaseUndo, DriverError> {
        let (url, tag, hold) = (url.to_owned(), effect.tag.to_owned(), effect.hold);
        let server = PostgresServer { system: "1".into(), started: 1 };
        let held = match harm {
            Harm::Exhaust { leave } => Held::Connections { leave: *leave },
            Harm::Lock { table, mode, .. } => Held::Lock { table: table.clone(), mode: *mode },
            Harm::Slow { table, .. } => Held::Pulses { table: table.clone() },
            Harm::Terminate(..) => {
                let sessions = vec![PostgresSession { pid: 1, started: 1 }];
                return Ok(DatabaseUndo::PostgresTerminated { url, tag, sessions });
            }
            Harm::Promote { .. } => return Ok(DatabaseUndo::PostgresPromoted { url, server }),
            Harm::Pause { writes } => {
                return Ok(DatabaseUndo::RedisPaused { url, tag, writes: *writes, hold, server: "1".into() });
            }
            Harm::Evict { keys, .. } => return Ok(DatabaseUndo::RedisEvicted { url, tag, keys: keys.clone() }),
            Harm::KillClients => {
                return Ok(DatabaseUndo::RedisClientsKilled { url, clients: vec![1], server: "1".into() });
            }
        };
        Ok(DatabaseUndo::PostgresSessions { url, tag, held, hold, server })
    }

    async fn inject(&self, undo: &DatabaseUndo, _: &Harm, _: Licence<'_>) -> Result<(), DriverError> {
        let held = matches!(undo, DatabaseUndo::PostgresSessions { .. } | DatabaseUndo::RedisPaused { .. });
        self.harm(&Undo::Database(undo.clone()), (!held).then_some(HEALS_AFTER)).await;
        Ok(())
    }

    async fn revert(&self, undo: &DatabaseUndo) -> Result<Reverted, DriverError> {
        Ok(self.heal(&Undo::Database(undo.clone())).await)
    }

    async fn standing(&self, undo: &DatabaseUndo) -> Result<Standing, DriverError> {
        Ok(self.effect(&Undo::Database(undo.clone())))
    }

    async fn is_primary(&self, _: &str) -> Result<bool, DriverError> {
        Ok(false)
    }

    async fn step(&self, url: &str, _: PostgresAction, _: Duration) -> Result<String, DriverError> {
        tokio::time::sleep(SERVICE_TIME).await;
        Ok(format!("{} (simulated)", node(url)))
    }

    async fn write(&self, write: DatabaseWrite<'_>, timeout: Duration) -> WriteOutcome {
        let (url, key, value) = match write {
            DatabaseWrite::Postgres { url, row, .. } => (url, None, row),
            DatabaseWrite::Redis { url, key, value, .. } => (url, Some(key), value),
        };
        if let Err(failure) = self.sim.travel(self.clock, node(url), timeout).await {
            return WriteOutcome::Failed(failure);
        }
        match key {
            Some(key) => {
                self.sim.change(|state| state.store.insert(key, value));
            }
            None => self.sim.store(&value),
        }
        WriteOutcome::Acked
    }

    async fn read(&self, read: DatabaseRead<'_>, timeout: Duration) -> Result<Vec<Row>, String> {
        let (url, name) = match read {
            DatabaseRead::Postgres(read) => (&read.url, read.id.as_str()),
            DatabaseRead::Redis(read) => (&read.url, "id"),
        };
        self.sim.travel(self.clock, node(url), timeout).await.map_err(|failure| failure.detail)?;
        let id = |row: Value| Some((row.get(name)?.clone(), Some(row)));
        Ok(self.sim.rows(name).into_iter().filter_map(id).collect())
    }
}
