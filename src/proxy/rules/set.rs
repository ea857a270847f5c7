//! The rules of a link at one moment, and what they decide together.

use std::sync::Arc;

use super::{ActiveRule, Chunk, Direction, End, Gate, Passage, Past, chance};
use crate::model::{Offset, RuleId};

/// What a connection has lived through under one rule.
#[derive(Debug, Clone)]
pub struct Life {
    serial: u64,
    counted: bool,
    up: Past,
    down: Past,
}

impl Life {
    fn past(&mut self, direction: Direction) -> &mut Past {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    /// The rule affects this connection: counted once.
    fn touch(&mut self, rule: &ActiveRule) {
        if !self.counted {
            self.counted = true;
            rule.touch();
        }
    }
}

/// What a connection has lived through under each rule of its set, in the set's order.
#[derive(Debug, Clone, Default)]
pub struct Lives(Vec<Life>);

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

    /// The rules.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ActiveRule>> {
        self.rules.iter()
    }

    /// Whether a rule for HTTP is among them.
    pub fn has_http(&self) -> bool {
        self.rules.iter().any(|r| r.http().is_some())
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

    /// This set with a rule in the place of the one with its id.
    pub fn replacing(&self, rule: &Arc<ActiveRule>) -> Self {
        RuleSet { rules: self.rules.iter().map(|r| if r.id == rule.id { rule } else { r }.clone()).collect() }
    }

    /// This set without one rule.
    pub fn without(&self, id: &RuleId) -> Self {
        RuleSet { rules: self.rules.iter().filter(|r| r.id != *id).cloned().collect() }
    }

    /// The rules that cover one connection, by the link's seed and the connection's number.
    pub fn of_connection(self: &Arc<Self>, (seed, connection): (u64, u64)) -> Arc<Self> {
        if self.rules.iter().all(|r| r.scope().probability.0 >= 1.0) {
            return self.clone();
        }
        let lot = chance::connection_lot(seed, connection);
        Arc::new(RuleSet { rules: self.rules.iter().filter(|r| r.covers(lot)).cloned().collect() })
    }

    /// The rules that cover every connection.
    pub fn of_all(&self) -> Self {
        RuleSet { rules: self.rules.iter().filter(|r| r.scope().probability.0 >= 1.0).cloned().collect() }
    }

    /// What a connection knows of these rules: what it knew, and nothing yet of those that are new. `began`: when the
    /// connection was let in.
    pub fn lives(&self, old: &Lives, began: Offset) -> Lives {
        let life = |rule: &Arc<ActiveRule>| {
            let known = old.0.iter().find(|life| life.serial == rule.serial);
            let past = Past::new(rule.since.max(began));
            known.cloned().unwrap_or(Life { serial: rule.serial, counted: false, up: past, down: past })
        };
        Lives(self.rules.iter().map(life).collect())
    }

    /// What becomes of connections, and the first rule that demands it; none when the gate is open.
    pub fn gate(&self) -> (Gate, Option<&ActiveRule>) {
        let strictest = self.rules.iter().map(|r| r.rule.gate()).max().unwrap_or(Gate::Open);
        let by = self.rules.iter().find(|r| strictest > Gate::Open && r.rule.gate() == strictest);
        (strictest, by.map(Arc::as_ref))
    }

    /// Counts that a rule affected the connection.
    pub fn touch(&self, serial: u64, lives: &mut Lives) {
        let met = self.rules.iter().zip(&mut lives.0).find(|(rule, _)| rule.serial == serial);
        if let Some((rule, life)) = met {
            life.touch(rule);
        }
    }

    /// How much of a chunk travels as one: at least a byte, at most all of it.
    pub fn cut(&self, chunk: &Chunk, lives: &mut Lives) -> usize {
        let mut len = chunk.len;
        for (active, life) in self.covering(chunk.direction, lives) {
            let cut = active.rule.cut(&active.salted(chunk), life.past(chunk.direction)).max(1);
            if cut < len {
                life.touch(active);
                len = cut;
            }
        }
        len
    }

    /// When a chunk may leave: the rules act one after the other, as if their links were in line.
    pub fn passage(&self, chunk: &Chunk, lives: &mut Lives) -> Passage {
        let mut ready = self.released(chunk);
        for (active, life) in self.covering(chunk.direction, lives) {
            let past = life.past(chunk.direction);
            past.first.get_or_insert(chunk.arrived.max(past.since));
            match active.rule.passage(&active.salted(chunk), ready, past) {
                Passage::At(at) => {
                    if at > ready {
                        life.touch(active);
                        ready = at;
                    }
                }
                Passage::Held => {
                    life.touch(active);
                    return Passage::Held;
                }
            }
        }
        Passage::At(ready)
    }

    /// The chunk left now.
    pub fn left(&self, chunk: &Chunk, lives: &mut Lives, now: Offset) {
        let mut ready = self.released(chunk);
        for (active, life) in self.covering(chunk.direction, lives) {
            let past = life.past(chunk.direction);
            let salted = active.salted(chunk);
            if let Passage::At(at) = active.rule.passage(&salted, ready, past) {
                active.rule.left(&salted, at, now, past);
                ready = at;
            }
        }
    }

    /// When and how the connection ends by these rules, and the serial of the rule that ends it.
    pub fn end(&self, lives: &Lives) -> Option<(Offset, End, u64)> {
        let ends = self.rules.iter().zip(&lives.0).flat_map(|(active, life)| {
            let pasts = [(Direction::Up, &life.up), (Direction::Down, &life.down)];
            pasts
                .into_iter()
                .filter(|(direction, _)| active.is_for(*direction))
                .filter_map(move |(_, past)| active.rule.end(past).map(|(at, end)| (at, end, active.serial)))
        });
        ends.min()
    }

    /// When a chunk sets out: at its arrival, unless a rule for HTTP that still stands keeps it.
    fn released(&self, chunk: &Chunk) -> Offset {
        match chunk.hold {
            Some((serial, until)) if self.has_serial(serial) => chunk.arrived.max(until),
            _ => chunk.arrived,
        }
    }

    fn covering<'s>(
        &'s self,
        direction: Direction,
        lives: &'s mut Lives,
    ) -> impl Iterator<Item = (&'s ActiveRule, &'s mut Life)> {
        let pairs = self.rules.iter().zip(&mut lives.0).map(|(rule, life)| (rule.as_ref(), life));
        pairs.filter(move |(rule, _)| rule.is_for(direction))
    }
}
