//! Connections to PostgreSQL: never more than so many, each asked with a limit, and none trusted after a failure.
//!
//! A pool of its own, because a drill must be able to see it run dry: a request that gets no connection in time is told
//! so, and counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, Row, RowStream};

use super::store::StoreError;
use crate::clock::raw_now;

/// A connection is up within this, or the request fails: a database that cannot be reached must not hold requests.
const CONNECT: Duration = Duration::from_secs(1);

/// Limits of a pool.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Connections at most.
    pub connections: usize,
    /// Longest wait for a free one.
    pub wait: Duration,
    /// Longest wait for the answer to a statement.
    pub answer: Duration,
    /// A connection older than this is not used again, so that a moved database is followed.
    pub lifetime: Duration,
}

/// The connections.
pub(super) struct Pool {
    config: Config,
    limits: Limits,
    free: Semaphore,
    idle: Mutex<Vec<Connected>>,
    exhausted: AtomicU64,
    failed: AtomicU64,
}

struct Connected {
    client: Arc<Client>,
    since_raw: i64,
}

/// One connection, for one request. It goes back to the pool unless a statement failed or was given up.
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    connected: Option<Connected>,
    doubtful: bool,
    _permit: SemaphorePermit<'a>,
}

/// What a pool went through, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PoolFigures {
    pub limit: u64,
    pub busy: u64,
    pub exhausted: u64,
    pub failed: u64,
}

impl Pool {
    /// A pool for the database at `url`; nothing is connected yet.
    pub(super) fn new(url: &str, limits: Limits) -> Result<Pool, StoreError> {
        let mut config: Config = url.parse().map_err(|e: tokio_postgres::Error| StoreError::Address {
            // The address may hold a password: it is not repeated.
            what: "--database",
            reason: e.to_string(),
        })?;
        config.connect_timeout(CONNECT).tcp_user_timeout(limits.answer).keepalives_idle(Duration::from_secs(5));
        if config.get_application_name().is_none() {
            config.application_name("orders");
        }
        Ok(Pool {
            config,
            limits,
            free: Semaphore::new(limits.connections),
            idle: Mutex::default(),
            exhausted: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    /// A connection: an idle one, or a new one while there are fewer than the limit.
    pub(super) async fn lease(&self) -> Result<Lease<'_>, StoreError> {
        let Ok(Ok(permit)) = timeout(self.limits.wait, self.free.acquire()).await else {
            self.exhausted.fetch_add(1, Ordering::Relaxed);
            return Err(StoreError::Exhausted { limit: self.limits.connections });
        };
        let connected = match self.youngest() {
            Some(connected) => connected,
            None => self.connect().await.inspect_err(|_| self.count_failure())?,
        };
        Ok(Lease { pool: self, connected: Some(connected), doubtful: false, _permit: permit })
    }

    /// An idle connection that is neither closed nor too old; those that are go.
    fn youngest(&self) -> Option<Connected> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = raw_now() - i64::try_from(self.limits.lifetime.as_nanos()).unwrap_or(i64::MAX);
        idle.retain(|c| !c.client.is_closed() && c.since_raw >= oldest);
        idle.pop()
    }

    async fn connect(&self) -> Result<Connected, StoreError> {
        let since_raw = raw_now();
        // The name is looked up and the server greets us within the same limit, which `connect_timeout` does not cover.
        let connecting = timeout(CONNECT * 2, self.config.connect(NoTls)).await;
        let (client, connection) = connecting
            .map_err(|_| StoreError::Unreachable("no connection in time".into()))?
            .map_err(|error| StoreError::Unreachable(told(&error)))?;
        // Ends when the client is dropped, or with the connection; each statement hears of that by itself.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Connected { client: Arc::new(client), since_raw })
    }

    fn count_failure(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// The figures by now.
    pub(super) fn figures(&self) -> PoolFigures {
        let limit = self.limits.connections as u64;
        PoolFigures {
            limit,
            busy: limit.saturating_sub(self.free.available_permits() as u64),
            exhausted: self.exhausted.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    /// Closes what is idle; requests that still run keep theirs.
    pub(super) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.free.close();
    }
}

impl Lease<'_> {
    /// Asks one statement and reads all its rows.
    pub(super) async fn rows(
        &mut self,
        statement: &str,
        values: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, StoreError> {
        let client = self.client()?;
        self.bounded(client.query_typed(statement, values)).await
    }

    /// Asks one statement whose rows are read one by one. The connection is not used again.
    pub(super) async fn stream(&mut self, statement: &str, value: &str) -> Result<RowStream, StoreError> {
        let values = [(value, Type::TEXT)];
        let client = self.client()?;
        let rows = self.bounded(client.query_typed_raw(statement, values)).await;
        self.doubtful = true;
        rows
    }

    /// Runs statements that answer nothing.
    pub(super) async fn batch(&mut self, statements: &str) -> Result<(), StoreError> {
        let client = self.client()?;
        self.bounded(client.batch_execute(statements)).await
    }

    fn client(&self) -> Result<Arc<Client>, StoreError> {
        Ok(self.connected.as_ref().ok_or(StoreError::Closed)?.client.clone())
    }

    async fn bounded<T>(
        &mut self,
        ask: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        // A request that is dropped half-way leaves a statement behind on its connection: it must not be used again.
        self.doubtful = true;
        let answer = timeout(self.pool.limits.answer, ask).await;
        let result = match answer {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(StoreError::Sql(told(&error))),
            Err(_) => Err(StoreError::Late(self.pool.limits.answer)),
        };
        match &result {
            Ok(_) => self.doubtful = false,
            Err(_) => self.pool.count_failure(),
        }
        result
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(connected) = self.connected.take().filter(|c| !self.doubtful && !c.client.is_closed()) {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connected);
        }
    }
}

/// An error with its cause: tokio-postgres says only "db error" by itself.
fn told(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    }
}
