//! PostgreSQL, version 14 or later.

mod acts;
mod connect;
mod hold;
mod ledger;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_postgres::Row as Found;
use tokio_postgres::types::ToSql;

use super::address::Address;
use super::{Effect, Harm, Server};
use crate::safety::{DatabaseUndo, Held, Licence, PostgresServer, Reverted, Standing};
use crate::world::DriverError;
use crate::world::http::dial::Dialler;
use crate::world::http::{ExchangeFailure, FailureClass};
use crate::world::secrets::Secrets;

use connect::{Manner, PORT, Session, Trouble, connect};
use hold::Holding;
use ledger::Pool;

/// Longest time for one question to a server, opening a session included.
const CALL: Duration = Duration::from_secs(4);

/// The `application_name` of the sessions that only look.
const CONTROL: &str = "simulacro/control";

/// Since 14 a server ends idle sessions by itself, so that nothing of ours can outlive its limit.
const OLDEST: i32 = 140_000;

/// PostgreSQL servers, as this host reaches them.
pub(super) struct Postgres {
    secrets: Secrets,
    dialler: Dialler,
    /// A session to look with, by address. It is kept, because a server without a free connection would give no other.
    control: Mutex<HashMap<String, Arc<Session>>>,
    /// What is held from here, by tag.
    held: Mutex<HashMap<String, Holding>>,
    /// Sessions that were ended, by tag.
    ended: Mutex<HashMap<String, u64>>,
    pools: Mutex<HashMap<String, Arc<Pool>>>,
}

/// What a server and our user are.
struct Facts {
    version: String,
    server: PostgresServer,
    standby: bool,

    sees_all: bool,
    signals: bool,
    user: String,
    database: String,
}

/// A lock that a panic elsewhere does not spoil: each holder changes it in one statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A name as a statement has it; lint lets only plain ones through.
fn quoted(name: &str) -> String {
    name.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect::<Vec<_>>().join(".")
}

impl Postgres {
    pub(super) fn new(secrets: Secrets) -> Self {
        Postgres {
            secrets,
            dialler: Dialler::default(),
            control: Mutex::default(),
            held: Mutex::default(),
            ended: Mutex::default(),
            pools: Mutex::default(),
        }
    }

    fn address(&self, url: &str) -> Result<Address, DriverError> {
        Address::of(&self.secrets, url, PORT)
    }

    /// A new session.
    async fn open(&self, address: &Address, manner: &Manner) -> Result<Session, Trouble> {
        connect(address, &self.dialler, manner, Instant::now() + CALL).await
    }

    /// Asks over the session that is kept for that; once more over a new one where it is lost.
    async fn ask(&self, url: &str, sql: &str, given: &[&(dyn ToSql + Sync)]) -> Result<Vec<Found>, DriverError> {
        let address = self.address(url)?;
        self.try_ask(url, &address, sql, given).await.map_err(|trouble| trouble.told(&address))
    }

    async fn try_ask(
        &self,
        url: &str,
        address: &Address,
        sql: &str,
        given: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Found>, Trouble> {
        let kept = lock(&self.control).get(url).filter(|session| !session.client.is_closed()).cloned();
        if let Some(session) = kept {
            match answer(&session, sql, given).await {
                Err(trouble) if trouble.is_lost() => lock(&self.control).remove(url),
                answer => return answer,
            };
        }
        let manner = Manner::of(CONTROL, &[("statement_timeout", CALL.as_millis())]);
        let session = Arc::new(self.open(address, &manner).await?);
        lock(&self.control).insert(url.to_owned(), session.clone());
        answer(&session, sql, given).await
    }

    async fn facts(&self, url: &str) -> Result<Facts, DriverError> {
        let version = self.ask(url, "SELECT current_setting('server_version_num')::int4", &[]).await?;
        let version: i32 = first(&version)?.get(0);
        if version < OLDEST {
            let address = self.address(url)?;
            return Err(DriverError::Refused(format!(
                "PostgreSQL at {address} is version {}.{}: before 14 a server does not end idle sessions by itself, so \
                 nothing may be held there",
                version / 10_000,
                version % 10_000
            )));
        }
        let sql = "SELECT current_setting('server_version'), (SELECT system_identifier::text FROM pg_control_system()), \
                   (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::int8, pg_is_in_recovery(), \
                   current_setting('is_superuser') = 'on', pg_has_role('pg_read_all_stats', 'USAGE'), \
                   pg_has_role('pg_signal_backend', 'USAGE'), current_user::text, current_database()::text";
        let rows = self.ask(url, sql, &[]).await?;
        let row = first(&rows)?;
        let superuser: bool = row.get(4);
        Ok(Facts {
            version: row.get(0),
            server: PostgresServer { system: row.get(1), started: row.get(2) },
            standby: row.get(3),

            sees_all: superuser || row.get(5),
            signals: superuser || row.get(6),
            user: row.get(7),
            database: row.get(8),
        })
    }

    pub(super) async fn meant(&self, url: &str) -> Result<Server, DriverError> {
        let facts = self.facts(url).await?;
        let role = if facts.standby { "standby" } else { "primary" };
        let address = self.address(url)?;
        let shown = format!("PostgreSQL {} at {address}, {role}, database {}", facts.version, facts.database);
        Ok(Server { identity: format!("{address} {}", facts.server.system), shown })
    }

    pub(super) async fn is_primary(&self, url: &str) -> Result<bool, DriverError> {
        let rows = self.ask(url, "SELECT NOT pg_is_in_recovery()", &[]).await?;
        Ok(first(&rows)?.get(0))
    }

    pub(super) async fn prepare(
        &self,
        url: &str,
        harm: &Harm,
        effect: Effect<'_>,
    ) -> Result<DatabaseUndo, DriverError> {
        let facts = self.facts(url).await?;
        let address = self.address(url)?;
        let refused = |why: String| Err(DriverError::Refused(format!("PostgreSQL at {address}: {why}")));
        let held = match harm {
            Harm::Exhaust { leave } if facts.sees_all => Held::Connections { leave: *leave },
            Harm::Exhaust { .. } => {
                let user = facts.user;
                return refused(format!("`{user}` does not see all sessions: `GRANT pg_read_all_stats TO {user}`"));
            }
            Harm::Lock { table, mode, .. } => {
                self.can_lock(url, table, &facts).await?;
                Held::Lock { table: table.clone(), mode: *mode }
            }
            Harm::Slow { table, .. } => {
                self.can_lock(url, table, &facts).await?;
                Held::Pulses { table: table.clone() }
            }
            Harm::Terminate(which, _) if facts.signals && facts.sees_all => {
                let sessions = self.sessions(url, which).await?;
                let (url, tag) = (url.to_owned(), effect.tag.to_owned());
                return Ok(DatabaseUndo::PostgresTerminated { url, tag, sessions });
            }
            Harm::Terminate(..) => {
                let user = facts.user;
                let grant = format!("`GRANT pg_signal_backend, pg_read_all_stats TO {user}`");
                return refused(format!("`{user}` may not end the sessions of others: {grant}"));
            }
            Harm::Promote { .. } if facts.standby => {
                self.can_promote(url, &facts.user).await?;
                return Ok(DatabaseUndo::PostgresPromoted { url: url.to_owned(), server: facts.server });
            }
            Harm::Promote { .. } => return refused("it is no standby, so there is nothing to promote".into()),
            Harm::Pause { .. } | Harm::Evict { .. } | Harm::KillClients => {
                return refused("this is done to Redis only".into());
            }
        };
        Ok(DatabaseUndo::PostgresSessions {
            url: url.to_owned(),
            tag: effect.tag.to_owned(),
            held,
            hold: effect.hold,
            server: facts.server,
        })
    }

    /// Whether a table is there, and we may lock it. Locks it not.
    async fn can_lock(&self, url: &str, table: &str, facts: &Facts) -> Result<(), DriverError> {
        let address = self.address(url)?;
        if facts.standby {
            let why = format!("PostgreSQL at {address} is a standby, where nobody can lock tables: aim at its primary");
            return Err(DriverError::Refused(why));
        }
        let sql = "SELECT to_regclass($1) IS NOT NULL, coalesce(has_table_privilege(to_regclass($1), \
                   'UPDATE, DELETE, TRUNCATE'), false)";
        let rows = self.ask(url, sql, &[&quoted(table)]).await?;
        let row = first(&rows)?;
        let (there, may): (bool, bool) = (row.get(0), row.get(1));
        let database = &facts.database;
        if !there {
            let why =
                format!("PostgreSQL at {address} has no table `{table}` in database `{database}`: correct `table`");
            return Err(DriverError::NotFound(why));
        }
        if !may {
            let user = &facts.user;
            let why = format!(
                "PostgreSQL at {address}: `{user}` may not lock `{table}`: `GRANT UPDATE ON {table} TO {user}`"
            );
            return Err(DriverError::Refused(why));
        }
        Ok(())
    }

    pub(super) async fn inject(
        self: &Arc<Self>,
        undo: &DatabaseUndo,
        harm: &Harm,
        licence: Licence<'_>,
    ) -> Result<(), DriverError> {
        match (undo, harm) {
            (DatabaseUndo::PostgresSessions { url, tag, held, hold, .. }, harm) => {
                self.hold(url, tag, held, harm, hold.get()).await
            }
            (DatabaseUndo::PostgresTerminated { url, tag, sessions }, Harm::Terminate(which, again)) => {
                self.terminate(url, tag, sessions, which, *again).await
            }
            (DatabaseUndo::PostgresPromoted { url, .. }, Harm::Promote { within }) => self.promote(url, *within).await,
            _ => Err(DriverError::Failed(format!(
                "fault {}: its undo record does not fit; nothing was done",
                licence.fault()
            ))),
        }
    }

    pub(super) async fn standing(&self, undo: &DatabaseUndo) -> Result<Standing, DriverError> {
        match undo {
            DatabaseUndo::PostgresSessions { url, tag, held, .. } => self.sessions_standing(url, tag, held).await,
            DatabaseUndo::PostgresTerminated { url, tag, sessions } => self.terminated(url, tag, sessions).await,
            DatabaseUndo::PostgresPromoted { url, .. } => {
                let primary = self.is_primary(url).await?;
                Ok(if primary { Standing::InForce { touched: 1 } } else { Standing::Gone })
            }
            _ => Err(DriverError::Failed("this is no undo of PostgreSQL".into())),
        }
    }

    /// Ends our sessions of a tag, those of another process, too, and waits until they are gone.
    pub(super) async fn end_sessions(
        &self,
        url: &str,
        tag: &str,
        was: &PostgresServer,
    ) -> Result<Reverted, DriverError> {
        // First what is ours to close: it may hold the very connections that are needed to ask.
        let here = lock(&self.held).remove(tag).is_some();
        let facts = self.facts(url).await?;
        if facts.server.system != was.system {
            let address = self.address(url)?;
            return Err(DriverError::Identity(format!(
                "PostgreSQL at {address} is not the server that the fault was done to: it has other data"
            )));
        }
        if facts.server != *was {
            // Sessions end with their server; should the address lead to another one now, the first ends them itself.
            return Ok(Reverted::TargetGone);
        }
        let deadline = Instant::now() + CALL;
        let mut found = here;
        loop {
            let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1";
            let rows = self.ask(url, sql, &[&tag]).await?;
            let left: i64 = first(&rows)?.get(0);
            found |= left > 0;
            if left == 0 {
                return Ok(if found { Reverted::Restored } else { Reverted::AlreadyBack });
            }
            if Instant::now() >= deadline {
                let address = self.address(url)?;
                return Err(DriverError::Timeout(format!(
                    "PostgreSQL at {address}: {left} sessions `{tag}` do not end"
                )));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn answer(session: &Session, sql: &str, given: &[&(dyn ToSql + Sync)]) -> Result<Vec<Found>, Trouble> {
    match timeout(CALL, session.client.query(sql, given)).await {
        Ok(rows) => Ok(rows?),
        // What hangs is of no use for the next question either.
        Err(_) => Err(Trouble::Exchange(ExchangeFailure {
            class: FailureClass::Timeout,
            detail: format!("no answer within {CALL:?}"),
            sent: true,
        })),
    }
}

fn first(rows: &[Found]) -> Result<&Found, DriverError> {
    rows.first().ok_or_else(|| DriverError::Failed("PostgreSQL answered a question without a row".into()))
}
