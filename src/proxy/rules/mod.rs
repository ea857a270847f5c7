//! Rules: pure decisions about connections and chunks. No I/O, no runtime, no clock; the pump acts on what they say.
//!
//! Adding a kind is one variant of [`LinkRule`], one file here, and one line in [`compile`]. A decision depends on
//! nothing but its arguments, so the pump may ask again whenever the rules change: a chunk that waits for a rule that
//! is gone passes at once, and nothing has to be recomputed or remembered.

mod down;
mod latency;
mod timeout;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::{LinkRule, Offset, RuleId, RuleStatus};

/// Which way a chunk travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the client to the upstream.
    Up,
    /// From the upstream to the client.
    Down,
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

/// A kind of rule. Every method has the answer of a link without rules as its default.
pub trait Rule: Send + Sync {
    /// What becomes of connections.
    fn gate(&self) -> Gate {
        Gate::Open
    }

    /// When a chunk may leave that reaches this rule at `ready` (later than its arrival where another rule delayed it).
    fn passage(&self, chunk: &Chunk, ready: Offset) -> Passage {
        let _ = chunk;
        Passage::At(ready)
    }
}

/// The decision-maker for a rule.
pub fn compile(rule: &LinkRule) -> Box<dyn Rule> {
    match rule {
        LinkRule::Latency { latency, jitter } => Box::new(latency::Latency::new(latency.get(), jitter.get())),
        LinkRule::Down {} => Box::new(down::Down),
        LinkRule::Timeout {} => Box::new(timeout::Timeout),
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
    touched: AtomicU64,
}

impl ActiveRule {
    /// A rule under its id; `serial` is unique on the link.
    pub fn new(id: RuleId, spec: LinkRule, serial: u64) -> Self {
        let salt = u64::from(crc32fast::hash(id.0.as_bytes()));
        ActiveRule { rule: compile(&spec), id, spec, serial, salt, touched: AtomicU64::new(0) }
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

    /// Counts one more connection or attempt that the rule affected.
    pub fn touch(&self) {
        self.touched.fetch_add(1, Ordering::Relaxed);
    }

    /// What it has done so far.
    pub fn status(&self) -> RuleStatus {
        RuleStatus { touched: self.touched.load(Ordering::Relaxed) }
    }
}

/// The rules of a link at one moment, in the order in which they were set. Immutable; a change makes a new set.
#[derive(Clone, Default)]
pub struct RuleSet {
    rules: Vec<Arc<ActiveRule>>,
}

impl RuleSet {
    /// Whether no rule stands: the pump takes its short way.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rule with that id.
    pub fn get(&self, id: &RuleId) -> Option<&Arc<ActiveRule>> {
        self.rules.iter().find(|r| r.id == *id)
    }

    /// Whether the rule with that serial stands.
    pub fn has_serial(&self, serial: u64) -> bool {
        self.rules.iter().any(|r| r.serial == serial)
    }

    /// This set and one more rule, behind all others.
    pub fn with(&self, rule: Arc<ActiveRule>) -> Self {
        let mut rules = self.rules.clone();
        rules.push(rule);
        RuleSet { rules }
    }

    /// This set without one rule.
    pub fn without(&self, id: &RuleId) -> Self {
        RuleSet { rules: self.rules.iter().filter(|r| r.id != *id).cloned().collect() }
    }

    /// What becomes of connections, and the first rule that demands it; none when the gate is open.
    pub fn gate(&self) -> (Gate, Option<&ActiveRule>) {
        let strictest = self.rules.iter().map(|r| r.rule.gate()).max().unwrap_or(Gate::Open);
        let by = self.rules.iter().find(|r| strictest > Gate::Open && r.rule.gate() == strictest);
        (strictest, by.map(Arc::as_ref))
    }

    /// When a chunk may leave: the rules act one after the other, as if their links were in line. `affects` is told of
    /// each rule that delays or holds the chunk.
    pub fn passage(&self, chunk: &Chunk, mut affects: impl FnMut(&ActiveRule)) -> Passage {
        let mut ready = chunk.arrived;
        for active in &self.rules {
            let salted = Chunk { lot: mix(chunk.lot ^ active.salt), ..*chunk };
            match active.rule.passage(&salted, ready) {
                Passage::At(at) => {
                    if at > ready {
                        affects(active);
                        ready = at;
                    }
                }
                Passage::Held => {
                    affects(active);
                    return Passage::Held;
                }
            }
        }
        Passage::At(ready)
    }
}

/// The lot of a chunk: the `sequence`-th of its direction on the `connection`-th connection of a link whose seed is
/// `seed`. A pure function, so that the same seed gives the same delays, and asking twice gives the same answer.
pub fn lot(seed: u64, connection: u64, direction: Direction, sequence: u64) -> u64 {
    let lane = connection << 1 | u64::from(direction == Direction::Down);
    mix(mix(seed.wrapping_add(lane)).wrapping_add(sequence))
}

/// SplitMix64's step and finaliser (Steele, Lea, Flood 2014): a bijection whose output is uniform for counting input.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
