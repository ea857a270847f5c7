//! The ledger in a table: each entry a transaction of its own, its commit the acknowledgement.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Statement;
use tokio_postgres::error::SqlState;

use super::connect::{Manner, Session, Trouble};
use super::{Postgres, lock, quoted};
use crate::scenario::ledger::PostgresRead;
use crate::world::DriverError;
use crate::world::database::{OURS, Row, WriteOutcome};
use crate::world::http::{ExchangeFailure, FailureClass};

/// Sessions of one ledger at most, those that hang included: it must not exhaust the server that it watches.
const SESSIONS: usize = 16;

/// How long a session whose write hangs is kept: its answer may still come, and without it the server keeps the session.
const HANGS: Duration = Duration::from_secs(60);

/// Largest list that is read, in bytes of text.
const MAX_LIST: usize = 64 << 20;

/// The sessions of a ledger.
pub(super) struct Pool {
    idle: Mutex<Vec<Writer>>,
    permits: Arc<Semaphore>,
}

/// A session with its statement ready.
struct Writer {
    session: Session,
    insert: Statement,
}

impl Postgres {
    /// Writes one row.
    pub(in crate::world::database) async fn write(
        self: &Arc<Self>,
        url: &str,
        table: &str,
        row: String,
        timeout: Duration,
    ) -> WriteOutcome {
        let deadline = Instant::now() + timeout;
        let key = format!("{table} {url}");
        let fresh = || Arc::new(Pool { idle: Mutex::default(), permits: Arc::new(Semaphore::new(SESSIONS)) });
        let pool = lock(&self.pools).entry(key).or_insert_with(fresh).clone();
        let Ok(Ok(permit)) = timeout_at(deadline, pool.permits.clone().acquire_owned()).await else {
            let detail = format!("all {SESSIONS} sessions of the ledger still wait for earlier writes");
            return WriteOutcome::Failed(ExchangeFailure { class: FailureClass::Timeout, detail, sent: false });
        };
        let sent = Arc::new(AtomicBool::new(false));
        let (me, url, table, told) = (self.clone(), url.to_owned(), table.to_owned(), sent.clone());
        let work = async move { me.insert(&pool, &url, &table, &row, permit, &told).await };
        // In a task of its own: when we give up, it still waits for the session's answer, and so counts it as taken.
        let work = tokio::spawn(tokio::time::timeout(timeout + HANGS, work));
        match timeout_at(deadline, work).await {
            Ok(Ok(Ok(outcome))) => outcome,
            Ok(_) => WriteOutcome::Unknown("the write's task ended without an answer".into()),
            Err(_) => WriteOutcome::Failed(ExchangeFailure {
                sent: sent.load(Ordering::SeqCst),
                ..ExchangeFailure::late("no answer in time")
            }),
        }
    }

    async fn insert(
        &self,
        pool: &Pool,
        url: &str,
        table: &str,
        row: &str,
        _permit: OwnedSemaphorePermit,
        sent: &AtomicBool,
    ) -> WriteOutcome {
        let idle = std::iter::from_fn(|| lock(&pool.idle).pop()).find(|writer| !writer.session.client.is_closed());
        let writer = match idle {
            Some(writer) => writer,
            None => match self.writer(url, table, row).await {
                Ok(writer) => writer,
                Err(outcome) => return outcome,
            },
        };
        sent.store(true, Ordering::SeqCst);
        // Until the server is ready for the next statement: only then it has committed.
        let outcome = match writer.session.client.execute(&writer.insert, &[&row]).await {
            Ok(1) => WriteOutcome::Acked,
            Ok(rows) => WriteOutcome::Unknown(format!("{rows} rows were written in place of one")),
            Err(e) => fate(Trouble::from(e)),
        };
        if !writer.session.client.is_closed() {
            lock(&pool.idle).push(writer);
        }
        outcome
    }

    /// A new session for writes. Nothing is written here, whatever goes wrong.
    async fn writer(&self, url: &str, table: &str, row: &str) -> Result<Writer, WriteOutcome> {
        let ours = |why: String| WriteOutcome::Failed(ExchangeFailure::local(&why));
        let address = self.address(url).map_err(|e| ours(e.to_string()))?;
        let unwritten = |trouble: Trouble| match trouble {
            Trouble::Exchange(failure) => WriteOutcome::Failed(ExchangeFailure { sent: false, ..failure }),
            Trouble::Server { said, .. } => WriteOutcome::Refused(said),
        };
        let manner = Manner::of(&format!("{OURS}ledger"), &[]);
        let session = self.open(&address, &manner).await.map_err(unwritten)?;
        let fields: Map<String, Value> = serde_json::from_str(row).map_err(|e| ours(format!("the row: {e}")))?;
        let columns: Vec<String> = fields.keys().map(|name| quoted(name)).collect();
        let (columns, table) = (columns.join(", "), quoted(table));
        let sql = format!(
            "INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_record(NULL::{table}, $1::text::json)"
        );
        let insert = session.client.prepare(&sql).await.map_err(|e| unwritten(e.into()))?;
        Ok(Writer { session, insert })
    }

    /// Reads the whole table.
    pub(in crate::world::database) async fn read(
        &self,
        read: &PostgresRead,
        timeout: Duration,
    ) -> Result<Vec<Row>, DriverError> {
        let deadline = Instant::now() + timeout;
        let address = self.address(&read.url)?;
        let told = |trouble: Trouble| trouble.told(&address);
        let limit = timeout.as_millis().max(1);
        let manner = Manner::of(&format!("{OURS}ledger"), &[("statement_timeout", limit)]);
        let session = self.open(&address, &manner).await.map_err(told)?;
        let columns = std::iter::once(&read.id).chain(read.columns.iter().filter(|name| **name != read.id));
        let columns: Vec<String> = columns.map(|name| quoted(name)).collect();
        let sql = format!(
            "SELECT row_to_json(entry)::text FROM (SELECT {} FROM {}) AS entry",
            columns.join(", "),
            quoted(&read.table)
        );
        let reading = async {
            let given: [&str; 0] = [];
            let rows = session.client.query_raw(&sql, given).await.map_err(|e| told(e.into()))?;
            let mut rows = pin!(rows);
            let (mut found, mut size) = (Vec::new(), 0);
            while let Some(row) = rows.next().await {
                let text: String = row.and_then(|row| row.try_get(0)).map_err(|e| told(e.into()))?;
                size += text.len();
                if size > MAX_LIST {
                    let why = format!("{address}: the table `{}` is larger than {MAX_LIST} bytes", read.table);
                    return Err(DriverError::Failed(why));
                }
                let wrong = || DriverError::Failed(format!("{address} answered with a row without `{}`", read.id));
                let row: Value = serde_json::from_str(&text).map_err(|_| wrong())?;
                let id = row.get(&read.id).cloned().ok_or_else(wrong)?;
                found.push((id, Some(row)));
            }
            Ok(found)
        };
        let late = || DriverError::Timeout(format!("PostgreSQL at {address}: the read did not end within {timeout:?}"));
        timeout_at(deadline, reading).await.map_err(|_| late())?
    }
}

/// What an error says of a write that was sent. An error of the statement rolled it back. When the session ended with
/// it, or when the server says so itself, nobody knows.
fn fate(trouble: Trouble) -> WriteOutcome {
    match trouble {
        Trouble::Exchange(failure) => WriteOutcome::Failed(ExchangeFailure { sent: true, ..failure }),
        Trouble::Server { code, fatal, said } => {
            let untold = code == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN || code.code().starts_with("08");
            if fatal || untold { WriteOutcome::Unknown(said) } else { WriteOutcome::Refused(said) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_of_the_statement_refuses() {
        let server = |code: SqlState, fatal| Trouble::Server { code, fatal, said: "said".into() };
        let refused = WriteOutcome::Refused("said".into());
        let unknown = WriteOutcome::Unknown("said".into());
        assert_eq!(fate(server(SqlState::UNIQUE_VIOLATION, false)), refused);
        assert_eq!(fate(server(SqlState::READ_ONLY_SQL_TRANSACTION, false)), refused);
        assert_eq!(fate(server(SqlState::ADMIN_SHUTDOWN, true)), unknown);
        assert_eq!(fate(server(SqlState::CRASH_SHUTDOWN, true)), unknown);
        assert_eq!(fate(server(SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN, false)), unknown);
        assert_eq!(fate(server(SqlState::CONNECTION_FAILURE, false)), unknown);
        let broken = ExchangeFailure { class: FailureClass::Reset, detail: "reset".into(), sent: false };
        assert!(matches!(fate(Trouble::Exchange(broken)), WriteOutcome::Failed(ExchangeFailure { sent: true, .. })));
    }
}
