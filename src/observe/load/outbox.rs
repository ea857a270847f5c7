//! News waiting for the writer thread, bounded: when the pipe is not read, windows are put together and nothing is
//! lost.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::collector::{Totals, Update};
use crate::timeline::load_line::Hello;

/// How many windows wait before the oldest are merged: one minute.
pub const MOST_WINDOWS: usize = 600;

/// What the writer writes next, in this order.
#[derive(Debug, Default)]
pub struct Batch {
    /// The first line.
    pub hello: Option<Hello>,
    /// News, by window.
    pub updates: Vec<Update>,
    /// The last line.
    pub end: Option<Totals>,
}

/// What waits.
#[derive(Debug, Default)]
pub struct Outbox {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct State {
    hello: Option<Hello>,
    windows: BTreeMap<u64, BTreeMap<u16, Update>>,
    end: Option<Totals>,
}

impl Outbox {
    /// The first line.
    pub fn hello(&self, hello: Hello) {
        self.lock().hello = Some(hello);
        self.news.notify_one();
    }

    /// A round of news. Never waits.
    pub fn put(&self, updates: Vec<Update>) {
        let mut state = self.lock();
        for update in updates {
            let names = state.windows.entry(update.key.0).or_default();
            add(names, update);
        }
        while state.windows.len() > MOST_WINDOWS {
            state.merge_oldest();
        }
        drop(state);
        self.news.notify_one();
    }

    /// The last line; the writer ends after it.
    pub fn end(&self, totals: Totals) {
        self.lock().end = Some(totals);
        self.news.notify_one();
    }

    /// Waits for news and takes all there is.
    pub fn take(&self) -> Batch {
        let mut state = self.lock();
        while state.hello.is_none() && state.windows.is_empty() && state.end.is_none() {
            // Without a limit on purpose: this thread has nothing else to do, and the process ends without it.
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let state = std::mem::take(&mut *state);
        let updates = state.windows.into_values().flat_map(BTreeMap::into_values).collect();
        Batch { hello: state.hello, updates, end: state.end }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Puts the oldest window into the one after it. The result bears the older number and covers both.
    fn merge_oldest(&mut self) {
        let (Some((first, mut older)), Some((_, newer))) = (self.windows.pop_first(), self.windows.pop_first()) else {
            return;
        };
        for mut update in newer.into_values() {
            let name = update.key.1;
            update.key.0 = first;
            update.merged = true;
            update.tally.slots.clear();
            match older.get_mut(&name) {
                Some(earlier) => {
                    earlier.tally.slots.clear();
                    earlier.tally.absorb(update.tally);
                    earlier.merged = true;
                    earlier.pending += update.pending;
                    earlier.oldest = [earlier.oldest, update.oldest].into_iter().flatten().min();
                    earlier.last &= update.last;
                    earlier.at = update.at;
                }
                None => {
                    older.insert(name, update);
                }
            }
        }
        self.windows.insert(first, older);
    }
}

/// Adds news to what waits for the same window: counts add up, the state is the newer one.
fn add(names: &mut BTreeMap<u16, Update>, update: Update) {
    match names.get_mut(&update.key.1) {
        Some(waiting) => {
            waiting.tally.absorb(update.tally);
            if waiting.merged {
                waiting.tally.slots.clear();
            }
            waiting.at = update.at;
            waiting.last = update.last;
            waiting.pending = update.pending;
            waiting.oldest = update.oldest;
        }
        None => {
            names.insert(update.key.1, update);
        }
    }
}
