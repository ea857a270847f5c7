//! Rules: pure decisions about connections and chunks. No I/O, no runtime, no clock; the pump acts on what they say.
//!
//! Adding a kind is one variant of [`LinkRule`], one file here, and one line in [`compile`]. A decision depends on
//! nothing but its arguments: the chunk, and what this connection has lived through under the rule ([`Past`]). So the
//! pump may ask again whenever the rules change: a chunk that waits for a rule that is gone passes at once.

mod bandwidth;
mod chance;
mod down;
mod latency;
mod limit_data;
mod packet_loss;
mod reset;
mod set;
mod slicer;
mod slow_close;
mod timeout;

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::{Delta, HttpRule, LinkRule, Offset, RuleId, RuleStatus, Scope, Ways};

pub use chance::{connection_lot, lot, remainder};
pub use set::{Lives, RuleSet};

/// How far a rule that spaces chunks out may catch up when one left late: timers are a little late every time, and
/// without this the rate that was asked for would never be reached.
const CATCH_UP: Delta = Delta(20_000_000);

/// Which way a chunk travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the client to the upstream.
    Up,
    /// From the upstream to the client.
    Down,
}

impl Direction {
    /// Whether a rule for these ways covers it.
    pub fn is_of(self, ways: Ways) -> bool {
        match ways {
            Ways::Both => true,
            Ways::Up => self == Direction::Up,
            Ways::Down => self == Direction::Down,
        }
    }
}

/// What a rule may know about a piece of the stream: never its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Which way it travels.
    pub direction: Direction,
    /// When it arrived at the proxy.
    pub arrived: Offset,
    /// Its length in bytes; 0 for the end of the stream, which travels like any chunk.
    pub len: usize,
    /// Its share of chance, from the seed, the connection and its place in the stream: see [`lot`].
    pub lot: u64,
    /// The rule for HTTP, by serial, that holds it until then.
    pub hold: Option<(u64, Offset)>,
}

/// What becomes of a connection, or of an attempt to make one. The strictest of all rules counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// It is let in, and carried on to the upstream.
    Open,
    /// It is let in and kept, but not carried on.
    Held,
    /// It is refused; one that stands is reset.
    Cut,
}

/// When a chunk may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Then, or when the chunk before it has left, whichever is later.
    At(Offset),
    /// Not while this rule stands.
    Held,
}

/// How a rule ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Both sides are closed in good order.
    Closed,
    /// Both sides are reset.
    Reset,
}

/// What one direction of a connection has lived through under one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// From when on the rule covers the connection.
    pub since: Offset,
    /// When the first chunk met the rule.
    pub first: Option<Offset>,
    /// Bytes that passed.
    pub bytes: u64,
    /// When the way is free again.
    pub free: Offset,
}

impl Past {
    /// Nothing happened since then.
    pub fn new(since: Offset) -> Self {
        Past { since, first: None, bytes: 0, free: since }
    }
}

/// A kind of rule. Every method has the answer of a link without rules as its default.
pub trait Rule: Send + Sync {
    /// What becomes of connections.
    fn gate(&self) -> Gate {
        Gate::Open
    }

    /// How much of the chunk travels as one; the rest follows as a chunk of its own.
    fn cut(&self, chunk: &Chunk, past: &Past) -> usize {
        let _ = past;
        chunk.len
    }

    /// When a chunk may leave that reaches this rule at `ready` (later than its arrival where another rule delayed it).
    fn passage(&self, chunk: &Chunk, ready: Offset, past: &Past) -> Passage {
        let _ = (chunk, past);
        Passage::At(ready)
    }

    /// The chunk left: it might at `at`, and did now.
    fn left(&self, chunk: &Chunk, at: Offset, now: Offset, past: &mut Past) {
        let _ = (chunk, at, now, past);
    }

    /// When and how the connection ends by this rule, judged by one direction that it covers.
    fn end(&self, past: &Past) -> Option<(Offset, End)> {
        let _ = past;
        None
    }

    /// What it does to HTTP.
    fn http(&self) -> Option<&HttpRule> {
        None
    }
}

/// A rule whose work is done where the bytes are read.
struct Http(HttpRule);

impl Rule for Http {
    fn http(&self) -> Option<&HttpRule> {
        Some(&self.0)
    }
}

/// The decision-maker for a rule.
pub fn compile(rule: &LinkRule) -> Box<dyn Rule> {
    match rule {
        LinkRule::Latency { latency, jitter, .. } => Box::new(latency::Latency::new(latency.get(), jitter.get())),
        LinkRule::Bandwidth { rate, .. } => Box::new(bandwidth::Bandwidth::new(rate.0)),
        LinkRule::SlowClose { delay, .. } => Box::new(slow_close::SlowClose::new(delay.get())),
        LinkRule::Timeout { timeout, scope } => Box::new(timeout::Timeout::new(timeout.get(), scope.direction)),
        LinkRule::Reset { after, .. } => Box::new(reset::Reset::new(after.get())),
        LinkRule::Slicer { average_size, size_variation, delay, .. } => {
            Box::new(slicer::Slicer::new(average_size.0, size_variation.0, delay.get()))
        }
        LinkRule::LimitData { bytes, .. } => Box::new(limit_data::LimitData::new(bytes.0)),
        LinkRule::PacketLoss { loss, retransmit, .. } => {
            Box::new(packet_loss::PacketLoss::new(loss.0, retransmit.get()))
        }
        LinkRule::Down { .. } => Box::new(down::Down),
        LinkRule::Http { rule, .. } => Box::new(Http(rule.clone())),
    }
}

/// A rule that stands on a link.
pub struct ActiveRule {
    id: RuleId,
    spec: LinkRule,
    rule: Box<dyn Rule>,
    /// Differs for every rule ever set on the link, so that a rule set again is counted anew.
    serial: u64,
    /// Two rules on one link draw different lots for the same chunk.
    salt: u64,
    /// When it was set.
    since: Offset,
    touched: AtomicU64,
}

impl ActiveRule {
    /// A rule under its id, set at that time; `serial` is unique on the link.
    pub fn new(id: RuleId, spec: LinkRule, serial: u64, since: Offset) -> Self {
        // Ids begin with the run's own, which differs where the seed is the same: chance must not.
        let fault = id.0.rsplit('/').next().unwrap_or_default();
        let salt = u64::from(crc32fast::hash(fault.as_bytes()));
        ActiveRule { rule: compile(&spec), id, spec, serial, salt, since, touched: AtomicU64::new(0) }
    }

    /// Its id.
    pub fn id(&self) -> &RuleId {
        &self.id
    }

    /// What was asked for.
    pub fn spec(&self) -> &LinkRule {
        &self.spec
    }

    /// Unique on the link, over its whole life.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// What it does to HTTP.
    pub fn http(&self) -> Option<&HttpRule> {
        self.rule.http()
    }

    /// Counts one more connection, attempt or request that the rule affected.
    pub fn touch(&self) {
        self.touched.fetch_add(1, Ordering::Relaxed);
    }

    /// What it has done so far.
    pub fn status(&self) -> RuleStatus {
        RuleStatus { touched: self.touched.load(Ordering::Relaxed) }
    }

    fn scope(&self) -> Scope {
        self.spec.scope()
    }

    /// The chunk with this rule's own share of chance.
    fn salted(&self, chunk: &Chunk) -> Chunk {
        Chunk { lot: chance::mix(chunk.lot ^ self.salt), ..*chunk }
    }

    /// Whether it covers the connection with that lot.
    fn covers(&self, connection: u64) -> bool {
        let probability = self.scope().probability.0;
        // Of HTTP it covers some requests on every connection.
        probability >= 1.0 || self.http().is_some() || chance::share(chance::mix(connection ^ self.salt)) < probability
    }

    /// Whether a rule for HTTP covers the `n`-th request of the connection with that lot.
    pub fn draws(&self, connection: u64, n: u64) -> bool {
        chance::share(chance::mix(chance::mix(connection.wrapping_add(n)) ^ self.salt)) < self.scope().probability.0
    }

    /// Whether it covers that direction.
    fn is_for(&self, direction: Direction) -> bool {
        direction.is_of(self.scope().direction)
    }
}

#[cfg(test)]
mod tests;
