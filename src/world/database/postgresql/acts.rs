//! Acts: sessions of clients are ended, a standby is promoted; and the steps of a playbook.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::connect::Manner;
use super::{CONTROL, Postgres, first, lock};
use crate::safety::{PostgresSession, Standing};
use crate::scenario::step::PostgresAction;
use crate::world::DriverError;
use crate::world::database::{Again, OURS, Sessions};

/// Time between two looks at a server that is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Every session of a client but ours, with its start.
const LIST: &str = "SELECT pid, (extract(epoch FROM backend_start) * 1000000)::int8 FROM pg_stat_activity \
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND NOT starts_with(application_name, $1) \
    AND ($2 OR datname = current_database()) AND ($3::text IS NULL OR usename = $3) \
    AND ($4::text IS NULL OR application_name = $4)";

impl Postgres {
    /// The sessions that are meant right now.
    pub(super) async fn sessions(&self, url: &str, which: &Sessions) -> Result<Vec<PostgresSession>, DriverError> {
        let Sessions { user, application, every_database } = which;
        let rows = self.ask(url, LIST, &[&OURS, every_database, user, application]).await?;
        Ok(rows.iter().map(|row| PostgresSession { pid: row.get(0), started: row.get(1) }).collect())
    }

    /// Ends the sessions that the undo record names; after that, as often as asked, those that are meant then.
    pub(super) async fn terminate(
        self: &Arc<Self>,
        url: &str,
        tag: &str,
        sessions: &[PostgresSession],
        which: &Sessions,
        again: Again,
    ) -> Result<(), DriverError> {
        let mut these = sessions.to_vec();
        for time in 0..again.times {
            if time > 0 {
                sleep(again.every).await;
                these = self.sessions(url, which).await?;
            }
            let (pids, starts): (Vec<i32>, Vec<i64>) = these.iter().map(|s| (s.pid, s.started)).unzip();
            let sql = "SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) FROM pg_stat_activity a \
                       JOIN unnest($1::int4[], $2::int8[]) AS meant(pid, started) ON a.pid = meant.pid \
                       AND (extract(epoch FROM a.backend_start) * 1000000)::int8 = meant.started";
            let rows = self.ask(url, sql, &[&pids, &starts]).await?;
            let ended: i64 = first(&rows)?.get(0);
            *lock(&self.ended).entry(tag.to_owned()).or_default() += u64::try_from(ended).unwrap_or(0);
        }
        Ok(())
    }

    /// How many of the sessions are gone, or were ended from here if that is more.
    pub(super) async fn terminated(
        &self,
        url: &str,
        tag: &str,
        sessions: &[PostgresSession],
    ) -> Result<Standing, DriverError> {
        let sql = "SELECT pid, (extract(epoch FROM backend_start) * 1000000)::int8 FROM pg_stat_activity \
                   WHERE backend_start IS NOT NULL";
        let rows = self.ask(url, sql, &[]).await?;
        let there: HashSet<PostgresSession> =
            rows.iter().map(|row| PostgresSession { pid: row.get(0), started: row.get(1) }).collect();
        let gone = sessions.iter().filter(|session| !there.contains(session)).count() as u64;
        let ended = lock(&self.ended).get(tag).copied().unwrap_or(0);
        Ok(Standing::InForce { touched: gone.max(ended) })
    }

    /// Whether we may promote.
    pub(super) async fn can_promote(&self, url: &str, user: &str) -> Result<(), DriverError> {
        let sql = "SELECT has_function_privilege('pg_promote(boolean, integer)', 'EXECUTE')";
        let rows = self.ask(url, sql, &[]).await?;
        if first(&rows)?.get(0) {
            return Ok(());
        }
        let address = self.address(url)?;
        Err(DriverError::Refused(format!(
            "PostgreSQL at {address}: `{user}` may not promote: `GRANT EXECUTE ON FUNCTION pg_promote TO {user}` on the \
             primary, or use a superuser"
        )))
    }

    /// Promotes a standby and waits until it takes writes.
    pub(super) async fn promote(&self, url: &str, within: Duration) -> Result<(), DriverError> {
        let address = self.address(url)?;
        let deadline = Instant::now() + within;
        // Not the session that looks: this one waits.
        let session = self.open(&address, &Manner::of(CONTROL, &[])).await.map_err(|t| t.told(&address))?;
        let seconds = i32::try_from(within.as_secs().max(1)).unwrap_or(i32::MAX);
        let given: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&seconds];
        let asked = session.client.query("SELECT pg_promote(true, $1)", &given);
        let slow = || DriverError::Timeout(format!("PostgreSQL at {address} was not promoted within {within:?}"));
        let rows = tokio::time::timeout_at(deadline, asked).await.map_err(|_| slow())?;
        let rows = rows.map_err(|e| super::Trouble::from(e).told(&address))?;
        if !first(&rows)?.get::<_, bool>(0) {
            return Err(slow());
        }
        self.until(url, WRITABLE, deadline).await
    }

    /// A step of a playbook; what it saw, in words.
    pub(in crate::world::database) async fn step(
        &self,
        url: &str,
        action: PostgresAction,
        within: Duration,
    ) -> Result<String, DriverError> {
        let deadline = Instant::now() + within;
        let address = self.address(url)?;
        match action {
            PostgresAction::Promote if self.is_primary(url).await? => Ok(format!("{address} is a primary already")),
            PostgresAction::Promote => {
                self.promote(url, within).await?;
                Ok(format!("{address} was promoted and takes writes"))
            }
            PostgresAction::WaitWritable => {
                self.until(url, WRITABLE, deadline).await?;
                Ok(format!("{address} takes writes"))
            }
            PostgresAction::WaitRejoined => {
                self.until(url, REJOINED, deadline).await?;
                Ok(format!("{address} is a standby and receives"))
            }
        }
    }

    /// Waits until a question is answered with yes. A server that does not answer yet is asked again.
    async fn until(&self, url: &str, sql: &str, deadline: Instant) -> Result<(), DriverError> {
        loop {
            let seen = match self.ask(url, sql, &[]).await {
                Ok(rows) if first(&rows)?.get(0) => return Ok(()),
                Ok(_) => "it is not so yet".to_owned(),
                Err(e @ (DriverError::Refused(_) | DriverError::NotFound(_))) => return Err(e),
                Err(e) => e.to_string(),
            };
            if Instant::now() + LOOK_EVERY >= deadline {
                let address = self.address(url)?;
                return Err(DriverError::Timeout(format!("PostgreSQL at {address}, in the time given: {seen}")));
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

const WRITABLE: &str = "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'";

const REJOINED: &str =
    "SELECT pg_is_in_recovery() AND EXISTS (SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming')";
