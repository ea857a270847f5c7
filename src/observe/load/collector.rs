//! Puts the shards together, ten times a second, and says which windows have news. Pure: no clock, no threads.

use std::collections::BTreeMap;

use super::recorder::{Grid, Key, Taken, Tally};
use crate::timeline::load_line::WINDOW_MS;

/// An unchanged window with unanswered requests is told again after this, in nanoseconds.
const REPEAT_AFTER: i64 = 1_000_000_000;

/// A round that is later than this after the one before, in nanoseconds, does not vouch for what lies between: this
/// process may have been stopped.
const VOUCHED: u64 = 1_000 / WINDOW_MS;

/// Sums over all windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Requests that should have started.
    pub intended: u64,
    /// Handed to a sender.
    pub started: u64,
    /// Good answers.
    pub ok: u64,
    /// Failures.
    pub err: u64,
    /// Found every sender waiting.
    pub dropped: u64,
    /// Did not leave for reasons of our own.
    pub not_sent: u64,
    /// Unanswered.
    pub pending: u64,
}

/// News of one window and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The window, and the index of the name.
    pub key: Key,
    /// Whether further windows are in it.
    pub merged: bool,
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

/// What is known of windows that may still change.
#[derive(Debug)]
pub struct Collector {
    grid: Grid,
    open: BTreeMap<Key, OpenWindow>,
    totals: Totals,
    /// Every window before this one has been told, or is not vouched for.
    told_through: u64,
}

#[derive(Debug, Default)]
struct OpenWindow {
    held: Tally,
    /// The pending count and the time of the last update; `None` before the first.
    told: Option<(u64, i64)>,
}

impl Collector {
    /// Nothing known yet; the first request is meant for the raw time `start`.
    pub fn new(grid: Grid, start: i64) -> Self {
        let told_through = grid.window_of(start);
        Collector { grid, open: BTreeMap::new(), totals: Totals::default(), told_through }
    }

    /// The sums over all windows so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Takes in what the shards held at `now`. A window is told once its end has been reached by every shard, so that
    /// most windows need one line. With `closing`, everything is told: no request will start any more.
    pub fn collect(&mut self, taken: Vec<Taken>, now: i64, closing: bool) -> Vec<Update> {
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
                merged: false,
                at: now,
                last: count == 0,
                tally: std::mem::take(&mut window.held),
                pending: count,
                oldest: unanswered.map(|(_, oldest)| *oldest),
            });
            window.told = Some((count, now));
            count > 0
        });
        self.add_empty_windows(&mut updates, through, now);
        updates
    }

    /// Says of every window that has ended without any request that it was empty: silence would mean that we were
    /// blind.
    fn add_empty_windows(&mut self, updates: &mut Vec<Update>, through: u64, now: i64) {
        // A closing cursor lies beyond every window; only those that have ended by now can be called empty.
        let through = through.min(self.grid.window_of(now));
        for window in self.told_through.max(through.saturating_sub(VOUCHED))..through {
            if !updates.iter().any(|update| update.key.0 == window) {
                updates.push(Update {
                    key: (window, 0),
                    merged: false,
                    at: now,
                    last: true,
                    tally: Tally::default(),
                    pending: 0,
                    oldest: None,
                });
            }
        }
        self.told_through = self.told_through.max(through);
        updates.sort_by_key(|update| update.key);
    }

    fn count(&mut self, tally: &Tally) {
        let totals = &mut self.totals;
        totals.intended += tally.intended;
        totals.started += tally.started;
        totals.ok += tally.ok.len();
        totals.err += tally.err.len();
        totals.dropped += tally.dropped;
        totals.not_sent += tally.not_sent;
    }
}
