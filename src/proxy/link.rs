//! A link: its door, its rules, its connections. The only place where rules change.
//!
//! One task owns the door and the rules and takes orders; it never touches data, so an order never waits for any.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::carry::{Carrier, carry};
use super::door::{Door, reset};
use super::hands::Hands;
use super::rules::{ActiveRule, Gate, RuleSet};
use super::view::View;
use crate::clock::Clock;
use crate::model::{LinkRule, RuleId, RuleStatus};

/// Longest time for established connections to be reset; each needs one turn of the scheduler.
const RESETTING: Duration = Duration::from_secs(1);

/// Why a link did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The id is taken.
    #[error("rule {0} stands already and asks for something else; remove it first")]
    Taken(String),
    /// The listening socket did not obey.
    #[error("the listening socket cannot be {0}: {1}")]
    Door(&'static str, io::Error),
    /// Connections are still there.
    #[error("some connections were not reset within {RESETTING:?}")]
    NotReset,
    /// The link's task is gone: a bug.
    #[error("the link has ended")]
    Ended,
}

enum Order {
    Set(RuleId, LinkRule, Replace, oneshot::Sender<Result<(), LinkError>>),
    Close(oneshot::Sender<()>),
    Remove(RuleId, oneshot::Sender<Result<bool, LinkError>>),
    Status(RuleId, oneshot::Sender<Option<RuleStatus>>),
}

/// What becomes of another rule under the same id.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Replace {
    Refused,
    Wanted,
}

/// The remote control of a link. Dropping it closes the link: its door is shut for good and its connections are reset.
#[derive(Clone)]
pub struct Link {
    orders: mpsc::Sender<Order>,
    local: SocketAddr,
}

impl Link {
    /// Opens a link between two addresses for at most that many connections at a time; more wait in the backlog of its
    /// socket. Its random choices come from `seed`.
    ///
    /// # Errors
    /// When its address cannot be listened on.
    pub fn open(
        listen: &str,
        upstream: &str,
        seed: u64,
        clock: Clock,
        most: u32,
        hands: &Arc<Hands>,
    ) -> io::Result<Self> {
        let door = Door::open(listen)?;
        let local = door.address()?;
        let (orders, taken) = mpsc::channel(16);
        let task = Task {
            door,
            rules: watch::Sender::new(Arc::default()),
            clock,
            hands: hands.clone(),
            carrier: Arc::new(Carrier::new(upstream)),
            seed,
            places: Arc::new(Semaphore::new(most as usize)),
            most,
            connections: 0,
            rules_set: 0,
        };
        tokio::spawn(task.run(taken));
        Ok(Link { orders, local })
    }

    /// The address that clients dial.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sets a rule; returns when it is in force for every byte and connection from then on. Setting the same again
    /// changes nothing.
    ///
    /// # Errors
    /// When another rule has that id, or the link cannot be cut. The rule may then stand all the same.
    pub async fn set(&self, id: RuleId, rule: LinkRule) -> Result<(), LinkError> {
        self.ask(|reply| Order::Set(id, rule, Replace::Refused, reply)).await?
    }

    /// Sets a rule in the place of the one with its id, which is counted anew.
    ///
    /// # Errors
    /// When the link cannot be cut. The rule may then stand all the same.
    pub async fn replace(&self, id: RuleId, rule: LinkRule) -> Result<(), LinkError> {
        self.ask(|reply| Order::Set(id, rule, Replace::Wanted, reply)).await?
    }

    /// Closes the link; returns when its address is free. Its connections are reset.
    pub async fn close(self) {
        // One that has ended is closed.
        let _ = self.ask(Order::Close).await;
    }

    /// Removes a rule; false when it did not stand. What it held is on its way when this returns.
    ///
    /// # Errors
    /// When the link cannot listen again; the rule then stands.
    pub async fn remove(&self, id: RuleId) -> Result<bool, LinkError> {
        self.ask(|reply| Order::Remove(id, reply)).await?
    }

    /// What a rule has done so far; none when it does not stand.
    ///
    /// # Errors
    /// When the link has ended.
    pub async fn status(&self, id: RuleId) -> Result<Option<RuleStatus>, LinkError> {
        self.ask(|reply| Order::Status(id, reply)).await
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, LinkError> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(order(reply)).await.map_err(|_| LinkError::Ended)?;
        answer.await.map_err(|_| LinkError::Ended)
    }
}

struct Task {
    door: Door,
    rules: watch::Sender<Arc<RuleSet>>,
    clock: Clock,
    hands: Arc<Hands>,
    carrier: Arc<Carrier>,
    seed: u64,
    places: Arc<Semaphore>,
    most: u32,
    connections: u64,
    rules_set: u64,
}

impl Task {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    None => return,
                    Some(Order::Close(reply)) => {
                        drop(self);
                        let _ = reply.send(());
                        return;
                    }
                    Some(Order::Set(id, rule, replace, reply)) => {
                        drop(reply.send(self.set(id, rule, replace).await));
                    }
                    Some(Order::Remove(id, reply)) => drop(reply.send(self.remove(&id))),
                    Some(Order::Status(id, reply)) => drop(reply.send(self.now().get(&id).map(|r| r.status()))),
                },
                (client, place) = next(&self.door, &self.places) => self.admit(client, place),
            }
        }
    }

    fn now(&self) -> Arc<RuleSet> {
        self.rules.borrow().clone()
    }

    async fn set(&mut self, id: RuleId, spec: LinkRule, replace: Replace) -> Result<(), LinkError> {
        let rules = self.now();
        let known = match rules.get(&id) {
            Some(same) if *same.spec() == spec => return Ok(()),
            Some(_) if replace == Replace::Refused => return Err(LinkError::Taken(id.0)),
            known => known.is_some(),
        };
        self.rules_set += 1;
        let rule = Arc::new(ActiveRule::new(id, spec, self.rules_set, self.clock.now()));
        let rules = if known { rules.replacing(&rule) } else { rules.with(rule) };
        if rules.of_all().gate().0 < Gate::Cut {
            // What was replaced may have shut it.
            self.door.reopen().map_err(|error| LinkError::Door("opened again", error))?;
        }
        self.rules.send_replace(Arc::new(rules));
        if self.now().of_all().gate().0 < Gate::Cut {
            return Ok(());
        }
        // Every connection holds a place: when all are free, all are reset.
        let all = tokio::time::timeout(RESETTING, self.places.acquire_many(self.most)).await;
        drop(all.map_err(|_| LinkError::NotReset)?.map_err(|_| LinkError::Ended)?);
        self.shut_once_met()
    }

    /// Shuts the door as soon as the rule that cuts the link has met somebody. The kernel refuses without telling us,
    /// so a refusal cannot be counted; where no connection stood that could be reset, the first attempt is accepted,
    /// counted and reset, and from then on the door is shut.
    fn shut_once_met(&mut self) -> Result<(), LinkError> {
        let rules = self.now().of_all();
        let (Gate::Cut, Some(rule)) = rules.gate() else { return Ok(()) };
        (0..self.door.reset_waiting()).for_each(|_| rule.touch());
        if rule.status().touched == 0 {
            return Ok(());
        }
        self.door.shut().map_err(|error| LinkError::Door("shut", error))
    }

    fn remove(&mut self, id: &RuleId) -> Result<bool, LinkError> {
        let rules = self.now();
        if rules.get(id).is_none() {
            return Ok(false);
        }
        let left = rules.without(id);
        if left.of_all().gate().0 < Gate::Cut {
            self.door.reopen().map_err(|error| LinkError::Door("opened again", error))?;
        }
        self.rules.send_replace(Arc::new(left));
        Ok(true)
    }

    fn admit(&mut self, client: TcpStream, place: OwnedSemaphorePermit) {
        self.connections += 1;
        let chance = (self.seed, self.connections);
        let rules = self.now().of_connection(chance);
        if let (Gate::Cut, Some(rule)) = rules.gate() {
            rule.touch();
            reset(&client);
            // Fails only where the door stays open; then the next attempt is reset as this one was.
            let _ = self.shut_once_met();
            return;
        }
        let view = View::new(self.rules.subscribe(), self.clock, chance);
        let carrier = self.carrier.clone();
        self.hands.give(client, async move |client| {
            carry(client, &carrier, view).await;
            drop(place);
        });
    }
}

/// The next connection, once there is a place for it. May be dropped and called again.
async fn next(door: &Door, places: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    match places.clone().acquire_owned().await {
        Ok(place) => (door.accept().await, place),
        // The semaphore is never closed.
        Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "weather_tests.rs"]
mod weather_tests;
