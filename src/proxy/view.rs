//! What a connection sees of its link's rules: always the newest, those that cover it, and each counted once.

use std::sync::Arc;

use tokio::sync::watch;

use super::rules::{ActiveRule, End, Gate, Lives, RuleSet};
use super::window::{Due, Window};
use crate::clock::Clock;
use crate::model::Offset;

/// One connection's view of the rules of its link.
pub struct View {
    newest: watch::Receiver<Arc<RuleSet>>,
    /// Those of the newest that cover this connection.
    rules: Arc<RuleSet>,
    lives: Lives,
    clock: Clock,
    /// When the connection was let in.
    began: Offset,
    /// The link's seed and the connection's number.
    chance: (u64, u64),
}

impl View {
    /// A new connection's view.
    pub fn new(newest: watch::Receiver<Arc<RuleSet>>, clock: Clock, chance: (u64, u64)) -> Self {
        let (rules, lives, began) = (Arc::default(), Lives::default(), clock.now());
        let mut view = View { newest, rules, lives, clock, began, chance };
        view.take_up();
        view
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
        self.rules = self.newest.borrow_and_update().of_connection(self.chance);
        self.lives = self.rules.lives(&self.lives, self.began);
    }

    /// A watcher for changes, apart from this view.
    pub fn watcher(&self) -> watch::Receiver<Arc<RuleSet>> {
        self.newest.clone()
    }

    /// The rules that cover this connection.
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// The link's seed and the connection's number.
    pub fn chance(&self) -> (u64, u64) {
        self.chance
    }

    /// What becomes of this connection; the rule that keeps it from being carried on is counted.
    pub fn gate(&mut self) -> Gate {
        let (gate, by) = self.rules.gate();
        if let Some(serial) = by.map(ActiveRule::serial) {
            self.rules.touch(serial, &mut self.lives);
        }
        gate
    }

    /// Whether the connection must be reset; only then is the rule counted. (A connection that stands meets a black
    /// hole with its first byte, not before.)
    pub fn is_cut(&mut self) -> bool {
        self.rules.gate().0 == Gate::Cut && self.gate() == Gate::Cut
    }

    /// When a rule ends this connection, and how, if one does.
    pub fn end(&self) -> Option<(Offset, End, u64)> {
        if self.rules.is_empty() { None } else { self.rules.end(&self.lives) }
    }

    /// Counts the rule that ends this connection.
    pub fn ended_by(&mut self, serial: u64) {
        self.rules.touch(serial, &mut self.lives);
    }

    /// What is to be done with the head of a window; rules that bend it are counted.
    pub fn due<'w>(&mut self, window: &'w mut Window) -> Due<'w> {
        window.due(&self.rules, &mut self.lives, || self.clock.now())
    }

    /// `written` bytes of the head of a window have left.
    pub fn advance(&mut self, window: &mut Window, written: usize) {
        window.advance(written, &self.rules, &mut self.lives, || self.clock.now());
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
