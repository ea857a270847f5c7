//! `CLIENT PAUSE`.
//!
//! A pause of writes is ended by `CLIENT UNPAUSE`. A pause of everything is not: the server makes that command wait,
//! too. So everything is paused for half a second at a time, and the orders for the next two half seconds are already
//! waiting, first in the queue, when one ends. They are withdrawn with their connection: without its runner such a pause
//! ends by itself within a second.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::connect::Trouble;
use super::{CALL, CONTROL, KeyValue, command, lock};
use crate::safety::{Reverted, Standing};
use crate::world::DriverError;

/// One pause of everything.
const SLICE: Duration = Duration::from_millis(500);

/// A command that is not answered for so long waits for the end of a pause.
const CANARY: Duration = Duration::from_millis(200);

/// Where the canary of writes is published: nobody listens.
const CHANNEL: &str = "simulacro/canary";

impl KeyValue {
    /// Suspends commands; returns when the server has accepted that.
    pub(super) async fn pause(&self, url: &str, tag: &str, writes: bool, hold: Duration) -> Result<(), DriverError> {
        if writes {
            let millis = hold.as_millis().max(1).to_string();
            return self.ask(url, &command(&["CLIENT", "PAUSE", &millis, "WRITE"])).await;
        }
        let address = self.address(url)?;
        let mut link = self.open(&address, CONTROL).await.map_err(|trouble| trouble.told(&address))?;
        let end = Instant::now() + hold;
        let order = command(&["CLIENT", "PAUSE", &SLICE.as_millis().to_string(), "ALL"]);
        let first = timeout(CALL, link.ask::<()>(&order)).await;
        let late = |_| DriverError::Timeout(format!("Redis at {address} did not accept the pause within {CALL:?}"));
        first.map_err(late)?.map_err(|trouble| trouble.told(&address))?;
        let keeper = tokio::spawn(async move {
            let next = || {
                let (mut link, order) = (link.clone(), order.clone());
                async move { link.ask::<()>(&order).await }
            };
            // Two at a time: the second waits on the same connection, and so before every command that came meanwhile.
            let mut under_way: FuturesUnordered<_> = [next(), next()].into_iter().collect();
            while let Some(answered) = under_way.next().await {
                if answered.is_err() || Instant::now() + SLICE * 2 > end {
                    break;
                }
                under_way.push(next());
            }
            // Those that still wait are withdrawn with their connection.
            tokio::time::sleep_until(end.min(Instant::now() + SLICE)).await;
        });
        lock(&self.held).insert(tag.to_owned(), AbortOnDropHandle::new(keeper));
        Ok(())
    }

    /// Lets commands go on, and sees that they do.
    pub(in crate::world::database) async fn unpause(
        &self,
        url: &str,
        tag: &str,
        writes: bool,
    ) -> Result<Reverted, DriverError> {
        let here = lock(&self.held).remove(tag).is_some();
        let was = self.waits(url, writes).await? || here;
        if !was {
            return Ok(Reverted::AlreadyBack);
        }
        if writes {
            self.ask::<()>(url, &command(&["CLIENT", "UNPAUSE"])).await?;
        }
        let deadline = Instant::now() + CALL;
        while self.waits(url, writes).await? {
            if Instant::now() >= deadline {
                let address = self.address(url)?;
                return Err(DriverError::Timeout(format!(
                    "Redis at {address} does not answer {CALL:?} after its pause was to end: it hangs, or somebody else \
                     paused it"
                )));
            }
        }
        Ok(Reverted::Restored)
    }

    /// Refused where it is paused already: the undo would end what somebody else began.
    pub(super) async fn is_not_paused(&self, url: &str) -> Result<(), DriverError> {
        if !self.waits(url, true).await? {
            return Ok(());
        }
        let address = self.address(url)?;
        Err(DriverError::Refused(format!(
            "Redis at {address} is paused already, and not by this drill: `CLIENT UNPAUSE` it, or wait"
        )))
    }

    /// Whether commands wait.
    pub(super) async fn paused(&self, url: &str, tag: &str, writes: bool) -> Result<Standing, DriverError> {
        // Between two pauses of everything a few commands slip through; three in a row do not.
        let looks = if writes { 1 } else { 3 };
        for _ in 0..looks {
            if self.waits(url, writes).await? {
                return Ok(Standing::InForce { touched: 1 });
            }
            let held = lock(&self.held).get(tag).is_some_and(|keeper| !keeper.is_finished());
            if !held {
                break;
            }
        }
        Ok(Standing::Gone)
    }

    /// Sends a harmless command of the sort that is paused, and looks whether it waits. On a connection of its own,
    /// which is given up then: it would hold up whatever comes after it.
    async fn waits(&self, url: &str, writes: bool) -> Result<bool, DriverError> {
        let address = self.address(url)?;
        let canary = if writes { command(&["PUBLISH", CHANNEL, ""]) } else { command(&["PING"]) };
        let asked = async {
            let mut link = self.open(&address, CONTROL).await?;
            link.ask::<redis::Value>(&canary).await
        };
        match timeout(CANARY, asked).await {
            Ok(Ok(_)) => Ok(false),
            // Busy or not, it answers.
            Ok(Err(Trouble::Server { code, .. })) if code == "LOADING" || code == "BUSY" => Ok(false),
            Ok(Err(trouble)) => Err(trouble.told(&address)),
            Err(_) if writes => self.answers(url).await.map(|()| true),
            Err(_) => Ok(true),
        }
    }

    /// Whether it answers what is not paused: else it hangs altogether, and nothing can be said of a pause.
    async fn answers(&self, url: &str) -> Result<(), DriverError> {
        self.ask::<redis::Value>(url, &command(&["PING"])).await.map(|_| ())
    }
}
