//! Orders that were read lately, in Redis. A cache that fails costs time, never an answer.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};
use tokio::sync::Mutex;

use super::store::StoreError;
use crate::clock::raw_now;

/// Longest wait for Redis: beyond this the database is quicker.
const PATIENCE: Duration = Duration::from_millis(100);

/// After a failure Redis is left alone for this long, so that not every request waits for it.
const PAUSE: Duration = Duration::from_millis(500);

/// An order is kept for this many seconds.
const KEPT: u64 = 60;

/// The cache.
pub(super) struct Cache {
    client: Client,
    connection: Mutex<Option<MultiplexedConnection>>,
    not_before_raw: AtomicI64,
    figures: [AtomicU64; 3],
}

/// What a cache went through, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CacheFigures {
    pub hits: u64,
    pub misses: u64,
    pub failures: u64,
}

const HITS: usize = 0;
const MISSES: usize = 1;
const FAILURES: usize = 2;

impl Cache {
    /// The cache at `url`, `redis://host:port`; nothing is connected yet.
    pub(super) fn new(url: &str) -> Result<Cache, StoreError> {
        let failed = |e: redis::RedisError| StoreError::Address { what: "--cache", reason: e.to_string() };
        Ok(Cache {
            client: Client::open(url).map_err(failed)?,
            connection: Mutex::default(),
            not_before_raw: AtomicI64::new(i64::MIN),
            figures: Default::default(),
        })
    }

    /// The text kept for `id`; none also when Redis does not answer.
    pub(super) async fn get(&self, id: &str) -> Option<String> {
        let found: Option<Option<String>> = self.ask(redis::cmd("GET").arg(key(id))).await;
        self.count(if matches!(found, Some(Some(_))) { HITS } else { MISSES });
        found.flatten()
    }

    /// Keeps `text` for `id` for a while, if Redis takes it.
    pub(super) async fn put(&self, id: &str, text: &str) {
        let _: Option<()> = self.ask(redis::cmd("SET").arg(key(id)).arg(text).arg("EX").arg(KEPT)).await;
    }

    /// The figures by now.
    pub(super) fn figures(&self) -> CacheFigures {
        let read = |at: usize| self.figures[at].load(Ordering::Relaxed);
        CacheFigures { hits: read(HITS), misses: read(MISSES), failures: read(FAILURES) }
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Option<T> {
        if raw_now() < self.not_before_raw.load(Ordering::Relaxed) {
            return None;
        }
        let mut connection = self.connection().await?;
        match tokio::time::timeout(PATIENCE, command.query_async(&mut connection)).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(_)) | Err(_) => {
                *self.connection.lock().await = None;
                self.failed()
            }
        }
    }

    async fn connection(&self) -> Option<MultiplexedConnection> {
        // One request connects; the others meanwhile do without.
        let mut place = self.connection.try_lock().ok()?;
        if place.is_none() {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(PATIENCE))
                .set_response_timeout(Some(PATIENCE));
            let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
            match tokio::time::timeout(PATIENCE, connecting).await {
                Ok(Ok(connected)) => *place = Some(connected),
                Ok(Err(_)) | Err(_) => return self.failed(),
            }
        }
        place.clone()
    }

    fn failed<T>(&self) -> Option<T> {
        self.count(FAILURES);
        self.not_before_raw.store(raw_now() + PAUSE.as_nanos() as i64, Ordering::Relaxed);
        None
    }

    fn count(&self, which: usize) {
        self.figures[which].fetch_add(1, Ordering::Relaxed);
    }
}

fn key(id: &str) -> String {
    format!("order:{id}")
}
