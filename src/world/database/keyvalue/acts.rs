//! Acts: keys are deleted, connections of clients are closed.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::{KeyValue, command, lock};
use crate::safety::Standing;
use crate::world::DriverError;
use crate::world::database::OURS;

/// Longest time for the deletion of keys.
const WITHIN: Duration = Duration::from_secs(50);

/// Keys that one step of a scan looks at.
const STEP: &str = "1000";

impl KeyValue {
    /// Deletes keys that match, at most so many.
    pub(super) async fn evict(&self, url: &str, tag: &str, keys: &str, limit: u64) -> Result<(), DriverError> {
        let deadline = Instant::now() + WITHIN;
        let mut cursor = "0".to_owned();
        let mut deleted = 0;
        lock(&self.evicted).insert(tag.to_owned(), 0);
        loop {
            let scan = command(&["SCAN", &cursor, "MATCH", keys, "COUNT", STEP]);
            let (next, mut found): (String, Vec<Vec<u8>>) = self.ask(url, &scan).await?;
            found.truncate(usize::try_from(limit - deleted).unwrap_or(usize::MAX));
            if !found.is_empty() {
                let mut unlink = redis::cmd("UNLINK");
                unlink.arg(&found);
                deleted += self.ask::<u64>(url, &unlink).await?;
                lock(&self.evicted).insert(tag.to_owned(), deleted);
            }
            cursor = next;
            if cursor == "0" || deleted >= limit {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let address = self.address(url)?;
                return Err(DriverError::Timeout(format!(
                    "Redis at {address}: {deleted} keys were deleted within {WITHIN:?}, and there are more: name fewer"
                )));
            }
        }
    }

    /// The numbers of all normal clients but ours.
    pub(super) async fn clients(&self, url: &str) -> Result<Vec<u64>, DriverError> {
        let list: String = self.ask(url, &command(&["CLIENT", "LIST", "TYPE", "NORMAL"])).await?;
        Ok(list.lines().filter_map(client).collect())
    }

    /// Closes the connections of exactly these clients.
    pub(super) async fn kill(&self, url: &str, clients: &[u64], server: &str) -> Result<(), DriverError> {
        if self.facts(url).await?.run != server {
            let address = self.address(url)?;
            let why = format!("Redis at {address} was restarted since its clients were listed; nothing was done");
            return Err(DriverError::Identity(why));
        }
        for id in clients {
            self.ask::<u64>(url, &command(&["CLIENT", "KILL", "ID", &id.to_string(), "SKIPME", "yes"])).await?;
        }
        Ok(())
    }

    /// How many of these clients are not connected any more. Numbers are never given out twice.
    pub(super) async fn killed(&self, url: &str, clients: &[u64], server: &str) -> Result<Standing, DriverError> {
        if self.facts(url).await?.run != server {
            return Ok(Standing::Foreign);
        }
        let there: HashSet<u64> = self.clients(url).await?.into_iter().collect();
        let gone = clients.iter().filter(|id| !there.contains(id)).count();
        Ok(Standing::InForce { touched: gone as u64 })
    }
}

/// The number of a client in a line of `CLIENT LIST`; none for ours.
fn client(line: &str) -> Option<u64> {
    let field = |name: &str| line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    if field("name").is_some_and(|name| name.starts_with(OURS)) {
        return None;
    }
    field("id")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_connections_are_spared() {
        assert_eq!(client("id=8 addr=127.0.0.1:48826 fd=8 name= age=0"), Some(8));
        assert_eq!(client("id=9 addr=127.0.0.1:48826 fd=8 name=shop age=0"), Some(9));
        assert_eq!(client("id=10 addr=127.0.0.1:1 fd=8 name=simulacro/control age=0"), None);
        assert_eq!(client(""), None);
    }
}
