//! The ledger in keys: `OK` is the acknowledgement, and where the scenario asks for replicas, that they have it.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::connect::{Link, Trouble, connect};
use super::{KeyValue, command, lock};
use crate::scenario::ledger::RedisRead;
use crate::world::DriverError;
use crate::world::database::{OURS, Row, WriteOutcome};
use crate::world::http::ExchangeFailure;

/// A connection that has answered nothing for so long is given up: the next write opens another.
const SILENT: Duration = Duration::from_secs(5);

/// Keys that one step of a scan looks at.
const STEP: &str = "10000";

/// Largest list that is read, in bytes of text.
const MAX_LIST: usize = 64 << 20;

/// The connection of a ledger, shared by all its writes.
pub(super) struct Writer {
    link: Link,
    answered: Instant,
    number: u64,
}

impl KeyValue {
    /// Writes one key.
    pub(in crate::world::database) async fn write(
        &self,
        url: &str,
        key: String,
        value: String,
        replicas: u32,
        timeout: Duration,
    ) -> WriteOutcome {
        let deadline = Instant::now() + timeout;
        let (mut link, number) = match self.writer(url, deadline).await {
            Ok(writer) => writer,
            Err(outcome) => return outcome,
        };
        let set = command(&["SET", &key, &value]);
        let asked = async {
            if replicas == 0 {
                return link.ask::<()>(&set).await.map(|()| 0);
            }
            let within = deadline.saturating_duration_since(Instant::now()).as_millis().max(1).to_string();
            link.ask_both::<u32>(set, command(&["WAIT", &replicas.to_string(), &within])).await
        };
        let answer = timeout_at(deadline, asked).await;
        match answer {
            Ok(Err(Trouble::Exchange(failure))) => {
                self.give_up(url, number);
                WriteOutcome::Failed(ExchangeFailure { sent: true, ..failure })
            }
            Ok(answer) => {
                self.answered(url, number);
                match answer {
                    Ok(have) if have >= replicas => WriteOutcome::Acked,
                    Ok(have) => WriteOutcome::Unknown(format!("{have} of {replicas} replicas had it in time")),
                    Err(trouble) => fate(trouble),
                }
            }
            Err(_) => {
                if lock(&self.writers).get(url).is_some_and(|writer| writer.answered.elapsed() > SILENT) {
                    self.give_up(url, number);
                }
                WriteOutcome::Failed(ExchangeFailure::late("no answer in time"))
            }
        }
    }

    /// The connection for writes; a new one where there is none. Nothing is written here.
    async fn writer(&self, url: &str, deadline: Instant) -> Result<(Link, u64), WriteOutcome> {
        if let Some(writer) = lock(&self.writers).get(url) {
            return Ok((writer.link.clone(), writer.number));
        }
        let ours = |e: DriverError| WriteOutcome::Failed(ExchangeFailure::local(&e.to_string()));
        let address = self.address(url).map_err(ours)?;
        let link = connect(&address, &self.dialler, &format!("{OURS}ledger"), deadline).await;
        let link = link.map_err(|trouble| match trouble {
            Trouble::Exchange(failure) => WriteOutcome::Failed(ExchangeFailure { sent: false, ..failure }),
            Trouble::Server { said, .. } => WriteOutcome::Refused(said),
        })?;
        let number = rand::random();
        let writer = Writer { link: link.clone(), answered: Instant::now(), number };
        lock(&self.writers).insert(url.to_owned(), writer);
        Ok((link, number))
    }

    fn answered(&self, url: &str, number: u64) {
        if let Some(writer) = lock(&self.writers).get_mut(url).filter(|writer| writer.number == number) {
            writer.answered = Instant::now();
        }
    }

    fn give_up(&self, url: &str, number: u64) {
        let mut writers = lock(&self.writers);
        if writers.get(url).is_some_and(|writer| writer.number == number) {
            writers.remove(url);
        }
    }

    /// Reads all keys that match, and their values where asked.
    pub(in crate::world::database) async fn read(
        &self,
        read: &RedisRead,
        timeout: Duration,
    ) -> Result<Vec<Row>, DriverError> {
        let deadline = Instant::now() + timeout;
        let address = self.address(&read.url)?;
        let late = || DriverError::Timeout(format!("Redis at {address}: the read did not end within {timeout:?}"));
        timeout_at(deadline, self.scan(read)).await.map_err(|_| late())?
    }

    async fn scan(&self, read: &RedisRead) -> Result<Vec<Row>, DriverError> {
        let mut cursor = "0".to_owned();
        // A scan may give a key more than once; there is only one of each.
        let mut keys: HashSet<String> = HashSet::new();
        let mut found = Vec::new();
        let mut size = 0;
        loop {
            let scan = command(&["SCAN", &cursor, "MATCH", &read.keys, "COUNT", STEP]);
            let (next, step): (String, Vec<Vec<u8>>) = self.ask(&read.url, &scan).await?;
            let step = step.into_iter().map(|key| String::from_utf8_lossy(&key).into_owned());
            let step: Vec<String> = step.filter(|key| keys.insert(key.clone())).collect();
            let values = match read.values && !step.is_empty() {
                true => {
                    let mut get = redis::cmd("MGET");
                    get.arg(&step);
                    self.ask::<Vec<Option<Vec<u8>>>>(&read.url, &get).await?
                }
                false => vec![None; step.len()],
            };
            for (key, value) in step.into_iter().zip(values) {
                size += key.len() + value.as_ref().map_or(0, Vec::len);
                let value = value.and_then(|value| serde_json::from_slice(&value).ok()).filter(Value::is_object);
                found.push((Value::from(key), value));
            }
            if size > MAX_LIST {
                let address = self.address(&read.url)?;
                let why = format!("Redis at {address}: `{}` matches more than {MAX_LIST} bytes", read.keys);
                return Err(DriverError::Failed(why));
            }
            cursor = next;
            if cursor == "0" {
                return Ok(found);
            }
        }
    }
}

/// What an error says of a write that was sent. The server answers one command after the other, and an error means that
/// this one was not done; but for one that was let go while it waited.
fn fate(trouble: Trouble) -> WriteOutcome {
    match trouble {
        Trouble::Exchange(failure) => WriteOutcome::Failed(ExchangeFailure { sent: true, ..failure }),
        Trouble::Server { code, said } if code == "UNBLOCKED" => WriteOutcome::Unknown(said),
        Trouble::Server { said, .. } => WriteOutcome::Refused(said),
    }
}
