//! Redis, version 6.2 or later, and what speaks the same.

mod acts;
mod connect;
mod ledger;
mod pause;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::FromRedisValue;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::address::Address;
use super::{Effect, Harm, Server};
use crate::safety::{DatabaseUndo, Licence, Standing};
use crate::world::DriverError;
use crate::world::http::ExchangeFailure;
use crate::world::http::dial::Dialler;
use crate::world::secrets::Secrets;

use connect::{Link, PORT, Trouble, connect};

/// Longest time for one question to a server, opening a connection included.
const CALL: Duration = Duration::from_secs(3);

/// The name of the connections that only look.
const CONTROL: &str = "simulacro/control";

/// `CLIENT UNPAUSE`, and pauses of writes only.
const OLDEST: (u32, u32) = (6, 2);

/// Redis servers, as this host reaches them.
pub(super) struct KeyValue {
    secrets: Secrets,
    dialler: Dialler,
    /// A connection to look with, by address.
    control: Mutex<HashMap<String, Link>>,
    /// Pauses that are renewed from here, by tag.
    held: Mutex<HashMap<String, AbortOnDropHandle<()>>>,
    /// Keys that were deleted, by tag.
    evicted: Mutex<HashMap<String, u64>>,
    writers: Mutex<HashMap<String, ledger::Writer>>,
}

/// What a server is.
struct Facts {
    version: String,
    run: String,
    role: String,
}

/// A lock that a panic elsewhere does not spoil: each holder changes it in one statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn command(words: &[&str]) -> redis::Cmd {
    let mut command = redis::Cmd::new();
    words.iter().for_each(|word| {
        command.arg(*word);
    });
    command
}

impl KeyValue {
    pub(super) fn new(secrets: Secrets) -> Self {
        KeyValue {
            secrets,
            dialler: Dialler::default(),
            control: Mutex::default(),
            held: Mutex::default(),
            evicted: Mutex::default(),
            writers: Mutex::default(),
        }
    }

    fn address(&self, url: &str) -> Result<Address, DriverError> {
        Address::of(&self.secrets, url, PORT)
    }

    async fn open(&self, address: &Address, name: &str) -> Result<Link, Trouble> {
        connect(address, &self.dialler, name, Instant::now() + CALL).await
    }

    /// Asks over the connection that is kept for that; once more over a new one where it is lost.
    async fn ask<T: FromRedisValue>(&self, url: &str, command: &redis::Cmd) -> Result<T, DriverError> {
        let address = self.address(url)?;
        let kept = lock(&self.control).get(url).cloned();
        if let Some(mut link) = kept {
            match answer(&mut link, command).await {
                Err(trouble) if trouble.is_lost() => lock(&self.control).remove(url),
                told => return told.map_err(|trouble| trouble.told(&address)),
            };
        }
        let mut link = self.open(&address, CONTROL).await.map_err(|trouble| trouble.told(&address))?;
        let told = answer(&mut link, command).await;
        if told.as_ref().err().is_none_or(|trouble| !trouble.is_lost()) {
            lock(&self.control).insert(url.to_owned(), link);
        }
        told.map_err(|trouble| trouble.told(&address))
    }

    async fn facts(&self, url: &str) -> Result<Facts, DriverError> {
        let said: String = self.ask(url, &command(&["INFO"])).await?;
        let field = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_default().trim().to_owned()
        };
        let facts = Facts { version: field("redis_version"), run: field("run_id"), role: field("role") };
        let mut numbers = facts.version.split('.').map(|part| part.parse().unwrap_or(0));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if version < OLDEST {
            let address = self.address(url)?;
            return Err(DriverError::Refused(format!(
                "Redis at {address} is version {}: 6.2 is the oldest whose pauses can be ended again",
                facts.version
            )));
        }
        Ok(facts)
    }

    pub(super) async fn meant(&self, url: &str) -> Result<Server, DriverError> {
        let facts = self.facts(url).await?;
        let address = self.address(url)?;
        let shown = format!("Redis {} at {address}, {}", facts.version, facts.role);
        Ok(Server { identity: format!("{address} {}", facts.run), shown })
    }

    pub(super) async fn prepare(
        &self,
        url: &str,
        harm: &Harm,
        effect: Effect<'_>,
    ) -> Result<DatabaseUndo, DriverError> {
        let facts = self.facts(url).await?;
        let (url, tag) = (url.to_owned(), effect.tag.to_owned());
        match harm {
            Harm::Pause { writes } => {
                self.is_not_paused(&url).await?;
                Ok(DatabaseUndo::RedisPaused { url, tag, writes: *writes, hold: effect.hold, server: facts.run })
            }
            Harm::Evict { .. } if facts.role != "master" => {
                let address = self.address(&url)?;
                let why = format!("Redis at {address} is a replica, which takes no writes: aim at its primary");
                Err(DriverError::Refused(why))
            }
            Harm::Evict { keys, .. } => Ok(DatabaseUndo::RedisEvicted { url, tag, keys: keys.clone() }),
            Harm::KillClients => {
                let clients = self.clients(&url).await?;
                Ok(DatabaseUndo::RedisClientsKilled { url, clients, server: facts.run })
            }
            _ => Err(DriverError::Refused("this is done to PostgreSQL only".into())),
        }
    }

    pub(super) async fn inject(
        &self,
        undo: &DatabaseUndo,
        harm: &Harm,
        licence: Licence<'_>,
    ) -> Result<(), DriverError> {
        match (undo, harm) {
            (DatabaseUndo::RedisPaused { url, tag, writes, hold, .. }, Harm::Pause { .. }) => {
                self.pause(url, tag, *writes, hold.get()).await
            }
            (DatabaseUndo::RedisEvicted { url, tag, keys }, Harm::Evict { limit, .. }) => {
                self.evict(url, tag, keys, *limit).await
            }
            (DatabaseUndo::RedisClientsKilled { url, clients, server }, Harm::KillClients) => {
                self.kill(url, clients, server).await
            }
            _ => Err(DriverError::Failed(format!(
                "fault {}: its undo record does not fit; nothing was done",
                licence.fault()
            ))),
        }
    }

    pub(super) async fn standing(&self, undo: &DatabaseUndo) -> Result<Standing, DriverError> {
        match undo {
            DatabaseUndo::RedisPaused { url, tag, writes, .. } => self.paused(url, tag, *writes).await,
            DatabaseUndo::RedisEvicted { tag, .. } => match lock(&self.evicted).get(tag) {
                Some(keys) => Ok(Standing::InForce { touched: *keys }),
                None => Err(DriverError::Failed("how many keys were deleted is known only where it was done".into())),
            },
            DatabaseUndo::RedisClientsKilled { url, clients, server } => self.killed(url, clients, server).await,
            _ => Err(DriverError::Failed("this is no undo of Redis".into())),
        }
    }
}

async fn answer<T: FromRedisValue>(link: &mut Link, command: &redis::Cmd) -> Result<T, Trouble> {
    match timeout(CALL, link.ask(command)).await {
        Ok(answer) => answer,
        Err(_) => Err(Trouble::Exchange(ExchangeFailure::late(&format!("no answer within {CALL:?}")))),
    }
}
