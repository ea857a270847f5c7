//! Puts the shards together, ten times a second, and says which windows have news. Pure: no clock, no threads.

use std::collections::BTreeMap;

use super::recorder::{Grid, Key, Taken, Tally};
use crate::timeline::load_line::Totals;

/// An unchanged window with unanswered requests is told again after this, in nanoseconds.
const REPEAT_AFTER: i64 = 1_000_000_000;

/// News of one window and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The window, and the index of the name.
    pub key: Key,
    /// How many further windows are in it.
    pub merged: u64,
    /// The raw time it describes.
    pub at: i64,
    /// Nothing more will come.
    pub last: bool,
    /// What happened since the last update.
    pub tally: Tally,
    /// Unanswered requests.
    pub pending: u64,
    /// The earliest intended start among them.
    pub oldest: Option<i64>,
}

/// The news of one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// When it was made.
    pub at: i64,
    /// Windows with news, in order.
    pub updates: Vec<Update>,
    /// Everything intended before this window has been told.
    pub through: u64,
}

/// What is known of windows that may still change.
#[derive(Debug)]
pub struct Collector {
    grid: Grid,
    open: BTreeMap<Key, OpenWindow>,
    totals: Totals,
}

#[derive(Debug, Default)]
struct OpenWindow {
    held: Tally,
    /// The pending count and the time of the last update; `None` before the first.
    told: Option<(u64, i64)>,
}

impl Collector {
    /// Nothing known yet.
    pub fn new(grid: Grid) -> Self {
        Collector { grid, open: BTreeMap::new(), totals: Totals::default() }
    }

    /// The sums over all windows so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Takes in what the shards held at `now`. A window is told once its end has been reached by every shard, so that most
    /// windows need one line. With `closing`, everything is told: no request will start any more.
    pub fn collect(&mut self, taken: Vec<Taken>, now: i64, closing: bool) -> Round {
        let cursor = taken.iter().map(|t| t.cursor).min().unwrap_or(now).min(now);
        let through = self.grid.window_of(cursor);
        let mut pending: BTreeMap<Key, (u64, i64)> = BTreeMap::new();
        for shard in taken {
            for (key, tally) in shard.tallies {
                self.count(&tally);
                self.open.entry(key).or_default().held.absorb(tally);
            }
            for (key, (count, oldest)) in shard.pending {
                let entry = pending.entry(key).or_insert((0, oldest));
                entry.0 += count;
                entry.1 = entry.1.min(oldest);
            }
        }
        self.totals.pending = pending.values().map(|(count, _)| count).sum();
        let mut updates = Vec::new();
        self.open.retain(|key, window| {
            if key.0 >= through && !closing {
                return true;
            }
            let unanswered = pending.get(key);
            let count = unanswered.map_or(0, |(count, _)| *count);
            let quiet = window.held.is_empty()
                && window.told.is_some_and(|(told, at)| told == count && now - at < REPEAT_AFTER)
                && !closing;
            if quiet && count > 0 {
                return true;
            }
            updates.push(Update {
                key: *key,
                merged: 0,
                at: now,
                last: count == 0,
                tally: std::mem::take(&mut window.held),
                pending: count,
                oldest: unanswered.map(|(_, oldest)| *oldest),
            });
            window.told = Some((count, now));
            count > 0
        });
        Round { at: now, updates, through }
    }

    fn count(&mut self, tally: &Tally) {
        let totals = &mut self.totals;
        totals.intended += tally.intended;
        totals.started += tally.started;
        totals.ok += tally.ok.len();
        totals.err += tally.err.len();
        totals.dropped += tally.dropped;
        totals.not_sent += tally.not_sent;
        totals.late += tally.late;
        totals.saturated += tally.saturated;
    }
}
