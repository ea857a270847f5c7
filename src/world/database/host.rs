//! The driver of this host: passes on to the one that speaks the server's protocol, and keeps secrets out of messages.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::keyvalue::KeyValue;
use super::postgresql::Postgres;
use super::{DatabaseRead, DatabaseWrite, Databases, Effect, Harm, Row, Server, WriteOutcome};
use crate::safety::{DatabaseUndo, Licence, Reverted, Standing};
use crate::scenario::step::PostgresAction;
use crate::world::DriverError;
use crate::world::http::ExchangeFailure;
use crate::world::secrets::{Redactor, Secrets};

/// PostgreSQL and Redis, as this host reaches them.
pub(super) struct HostDatabases {
    postgres: Arc<Postgres>,
    redis: KeyValue,
    redactor: Redactor,
}

impl HostDatabases {
    pub(super) fn new(secrets: Secrets) -> Self {
        HostDatabases {
            redactor: secrets.redactor(),
            postgres: Arc::new(Postgres::new(secrets.clone())),
            redis: KeyValue::new(secrets),
        }
    }

    fn clean<T>(&self, result: Result<T, DriverError>) -> Result<T, DriverError> {
        let clean = |text: String| self.redactor.redact(&text);
        result.map_err(|e| match e {
            DriverError::NotFound(why) => DriverError::NotFound(clean(why)),
            DriverError::Identity(why) => DriverError::Identity(clean(why)),
            DriverError::Refused(why) => DriverError::Refused(clean(why)),
            DriverError::Timeout(why) => DriverError::Timeout(clean(why)),
            DriverError::Failed(why) => DriverError::Failed(clean(why)),
        })
    }
}

fn is_redis(url: &str) -> bool {
    url.starts_with("redis")
}

#[async_trait]
impl Databases for HostDatabases {
    async fn meant(&self, url: &str) -> Result<Server, DriverError> {
        self.clean(if is_redis(url) { self.redis.meant(url).await } else { self.postgres.meant(url).await })
    }

    async fn prepare(&self, url: &str, harm: &Harm, effect: Effect<'_>) -> Result<DatabaseUndo, DriverError> {
        self.clean(if is_redis(url) {
            self.redis.prepare(url, harm, effect).await
        } else {
            self.postgres.prepare(url, harm, effect).await
        })
    }

    async fn inject(&self, undo: &DatabaseUndo, harm: &Harm, licence: Licence<'_>) -> Result<(), DriverError> {
        self.clean(if is_redis(undo.url()) {
            self.redis.inject(undo, harm, licence).await
        } else {
            self.postgres.inject(undo, harm, licence).await
        })
    }

    async fn revert(&self, undo: &DatabaseUndo) -> Result<Reverted, DriverError> {
        self.clean(match undo {
            DatabaseUndo::PostgresSessions { url, tag, server, .. } => {
                self.postgres.end_sessions(url, tag, server).await
            }
            DatabaseUndo::RedisPaused { url, tag, writes, .. } => self.redis.unpause(url, tag, *writes).await,
            // What was done is done: nothing can take it back, and nothing is there to go.
            _ => Ok(Reverted::AlreadyBack),
        })
    }

    async fn standing(&self, undo: &DatabaseUndo) -> Result<Standing, DriverError> {
        self.clean(if is_redis(undo.url()) {
            self.redis.standing(undo).await
        } else {
            self.postgres.standing(undo).await
        })
    }

    async fn is_primary(&self, url: &str) -> Result<bool, DriverError> {
        self.clean(self.postgres.is_primary(url).await)
    }

    async fn step(&self, url: &str, action: PostgresAction, within: Duration) -> Result<String, DriverError> {
        self.clean(self.postgres.step(url, action, within).await)
    }

    async fn write(&self, write: DatabaseWrite<'_>, timeout: Duration) -> WriteOutcome {
        let outcome = match write {
            DatabaseWrite::Postgres { url, table, row } => self.postgres.write(url, table, row, timeout).await,
            DatabaseWrite::Redis { url, key, value, replicas } => {
                self.redis.write(url, key, value, replicas, timeout).await
            }
        };
        let clean = |text: String| self.redactor.redact(&text);
        match outcome {
            WriteOutcome::Acked => WriteOutcome::Acked,
            WriteOutcome::Refused(why) => WriteOutcome::Refused(clean(why)),
            WriteOutcome::Unknown(why) => WriteOutcome::Unknown(clean(why)),
            WriteOutcome::Failed(failure) => {
                WriteOutcome::Failed(ExchangeFailure { detail: clean(failure.detail), ..failure })
            }
        }
    }

    async fn read(&self, read: DatabaseRead<'_>, timeout: Duration) -> Result<Vec<Row>, String> {
        let found = match read {
            DatabaseRead::Postgres(read) => self.postgres.read(read, timeout).await,
            DatabaseRead::Redis(read) => self.redis.read(read, timeout).await,
        };
        self.clean(found).map_err(|e| e.to_string())
    }
}
