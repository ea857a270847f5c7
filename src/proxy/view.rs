//! What a connection sees of its link's rules: always the newest, and each rule counted once per connection.

use std::sync::Arc;

use tokio::sync::watch;

use super::rules::{ActiveRule, Gate, RuleSet};
use super::window::{Due, Window};
use crate::clock::Clock;
use crate::model::Offset;

/// One connection's view of the rules of its link.
pub struct View {
    newest: watch::Receiver<Arc<RuleSet>>,
    rules: Arc<RuleSet>,
    clock: Clock,
    tally: Tally,
}

/// The rules that this connection has met, by serial.
#[derive(Default)]
struct Tally(Vec<u64>);

impl Tally {
    fn touch(&mut self, rule: &ActiveRule) {
        if !self.0.contains(&rule.serial()) {
            self.0.push(rule.serial());
            rule.touch();
        }
    }
}

impl View {
    /// A new connection's view.
    pub fn new(mut newest: watch::Receiver<Arc<RuleSet>>, clock: Clock) -> Self {
        let rules = newest.borrow_and_update().clone();
        View { newest, rules, clock, tally: Tally::default() }
    }

    /// Takes up the newest rules; false once the link is gone. Costs one atomic load when nothing changed, so it is
    /// asked after every read: a byte that arrives after a rule was set must meet it.
    pub fn refresh(&mut self) -> bool {
        match self.newest.has_changed() {
            Ok(false) => true,
            Ok(true) => {
                self.take_up();
                true
            }
            Err(_) => false,
        }
    }

    /// Waits for the next change and takes it up; false once the link is gone.
    pub async fn changed(&mut self) -> bool {
        let alive = self.newest.changed().await.is_ok();
        if alive {
            self.take_up();
        }
        alive
    }

    fn take_up(&mut self) {
        self.rules = self.newest.borrow_and_update().clone();
        // Forgetting rules that are gone keeps the tally as small as the set.
        let rules = &self.rules;
        self.tally.0.retain(|serial| rules.has_serial(*serial));
    }

    /// A watcher for changes, apart from this view.
    pub fn watcher(&self) -> watch::Receiver<Arc<RuleSet>> {
        self.newest.clone()
    }

    /// The rules.
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// What becomes of this connection; the rule that keeps it from being carried on is counted.
    pub fn gate(&mut self) -> Gate {
        let (gate, by) = self.rules.gate();
        if let Some(rule) = by {
            self.tally.touch(rule);
        }
        gate
    }

    /// Whether the connection must be reset; only then is the rule counted. (A connection that stands meets a black
    /// hole with its first byte, not before.)
    pub fn is_cut(&mut self) -> bool {
        self.rules.gate().0 == Gate::Cut && self.gate() == Gate::Cut
    }

    /// What is to be done with the head of a window; rules that delay or hold it are counted.
    pub fn due<'w>(&mut self, window: &'w Window) -> Due<'w> {
        window.due(&self.rules, || self.clock.now(), |rule| self.tally.touch(rule))
    }

    /// Now, in the time of the rules.
    pub fn now(&self) -> Offset {
        self.clock.now()
    }

    /// The timer's instant of a moment in the time of the rules.
    pub fn instant(&self, at: Offset) -> tokio::time::Instant {
        self.clock.instant_of(at)
    }
}
