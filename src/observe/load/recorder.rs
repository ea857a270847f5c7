//! Where senders write down what happened: one shard per worker thread, emptied by the collector.
//!
//! A shard also knows every request under way, so that what is pending and how old it is can be told exactly while the
//! target hangs.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::latencies::{Latencies, micros};
use super::reason::Reason;
use crate::clock::raw_now;
use crate::timeline::load_line::{SLOT_MS, Slot, WINDOW_MS};

/// The length of a slot, in nanoseconds.
const SLOT: i64 = SLOT_MS as i64 * 1_000_000;
/// The length of a window, in nanoseconds.
const WINDOW: i64 = WINDOW_MS as i64 * 1_000_000;

/// A request that starts later than this is told as late, in nanoseconds.
pub const LATE: i64 = 10_000_000;

/// Windows and slots on the raw clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// The raw time at which window 0 begins.
    pub epoch: i64,
}

/// A window's number, and the index of a request's name.
pub type Key = (u64, u16);

/// What happened to the requests of one window and name since the shard was last emptied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// As in `load_line::Window`, like the rest.
    pub intended: u64,
    /// Handed to a sender.
    pub started: u64,
    /// Found every sender waiting.
    pub dropped: u64,
    /// Did not leave for reasons of our own.
    pub not_sent: u64,
    /// The latest start, in nanoseconds.
    pub late_max: i64,
    /// Beyond the histogram's range.
    pub saturated: u64,
    /// The first reason for a failure.
    pub why: Option<Reason>,
    /// Latencies of the good answers.
    pub ok: Latencies,
    /// Latencies of the failures.
    pub err: Latencies,
    /// Service times of the good answers; empty in a closed model.
    pub service: Latencies,
    /// Starts more than [`LATE`] behind their time.
    pub late: u64,
    /// Slots in which something happened, ordered.
    pub slots: Vec<Slot>,
    /// Requests that ended in a later window: how many windows later, and how many; ordered.
    pub later: Vec<(u32, u32)>,
    /// Those of them that failed, likewise.
    pub later_failed: Vec<(u32, u32)>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A good answer, wholly received.
    Ok,
    /// Failed, or did not leave.
    Bad(Reason),
}

/// A request under way; give it back with [`Shard::finish`].
#[derive(Debug)]
#[must_use = "a request that is never finished stays pending"]
pub struct Ticket {
    place: usize,
    name: u16,
    intended: i64,
    /// When it did start; none in a closed model, where that is when it was meant to.
    started: Option<i64>,
}

/// The records of one worker thread.
#[derive(Debug)]
pub struct Shard {
    grid: Grid,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The newest window of each name: nearly every request belongs to it, and a map costs more than all its counting.
    newest: Vec<Option<(u64, Tally)>>,
    /// Those before it.
    tallies: BTreeMap<Key, Tally>,
    /// Intended start and name of each request under way.
    under_way: Vec<Option<(i64, u16)>>,
    free: Vec<usize>,
    /// Every request intended before this has been written down; `None` in a closed model, where that is always now.
    cursor: Option<i64>,
}

/// What a shard held.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// What happened since it was last emptied.
    pub tallies: BTreeMap<Key, Tally>,
    /// How many requests are under way, and the earliest intended start among them.
    pub pending: BTreeMap<Key, (u64, i64)>,
    /// Every request intended before this raw time is in, here or earlier.
    pub cursor: i64,
}

impl Grid {
    /// The window that a raw time lies in; times before the epoch count to the first.
    pub fn window_of(&self, raw: i64) -> u64 {
        u64::try_from((raw - self.epoch).div_euclid(WINDOW)).unwrap_or(0)
    }

    /// The raw time at which the first window that begins at `raw` or later begins.
    pub fn next_begin(&self, raw: i64) -> i64 {
        let windows = (raw - self.epoch).max(0) as u64;
        self.epoch + windows.div_ceil(WINDOW as u64) as i64 * WINDOW
    }

    fn slot_of(&self, raw: i64) -> u8 {
        ((raw - self.epoch).max(0) % WINDOW / SLOT) as u8
    }
}

impl Tally {
    /// Adds all of `other`.
    pub fn absorb(&mut self, other: Tally) {
        self.intended += other.intended;
        self.started += other.started;
        self.dropped += other.dropped;
        self.not_sent += other.not_sent;
        self.late_max = self.late_max.max(other.late_max);
        self.saturated += other.saturated;
        self.why = self.why.or(other.why);
        self.ok.absorb(other.ok);
        self.err.absorb(other.err);
        self.service.absorb(other.service);
        self.late += other.late;
        for slot in other.slots {
            let mine = self.slot(slot.slot);
            mine.ok += slot.ok;
            mine.bad += slot.bad;
            mine.max_us = mine.max_us.max(slot.max_us);
        }
        other.later.into_iter().for_each(|(windows, n)| end_later(&mut self.later, windows, n));
        other.later_failed.into_iter().for_each(|(windows, n)| end_later(&mut self.later_failed, windows, n));
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.intended == 0 && self.dropped == 0 && self.not_sent == 0 && self.ok.is_empty() && self.err.is_empty()
    }

    fn slot(&mut self, slot: u8) -> &mut Slot {
        let at = match self.slots.binary_search_by_key(&slot, |s| s.slot) {
            Ok(at) => at,
            Err(at) => {
                self.slots.insert(at, Slot { slot, ..Slot::default() });
                at
            }
        };
        &mut self.slots[at]
    }
}

/// Counts requests that ended so many windows later.
fn end_later(list: &mut Vec<(u32, u32)>, windows: u32, n: u32) {
    match list.binary_search_by_key(&windows, |(windows, _)| *windows) {
        Ok(at) => list[at].1 += n,
        Err(at) => list.insert(at, (windows, n)),
    }
}

impl Shard {
    /// An empty shard. `cursor`: the first intended start of an open model; `None` for a closed one.
    pub fn new(grid: Grid, cursor: Option<i64>) -> Self {
        let state =
            State { newest: Vec::new(), tallies: BTreeMap::new(), under_way: Vec::new(), free: Vec::new(), cursor };
        Shard { grid, state: Mutex::new(state) }
    }

    /// A request meant to start at `intended` starts `now`.
    pub fn begin(&self, name: u16, intended: i64, now: i64) -> Ticket {
        let ticket = self.lock().begin(&self.grid, name, intended, now);
        Ticket { started: Some(now), ..ticket }
    }

    /// A request starts now, and was meant to: in a closed model nothing is scheduled. The clock is read behind the
    /// lock, so that no request can turn up in a window that the collector has seen the end of.
    pub fn begin_now(&self, name: u16) -> Ticket {
        let mut state = self.lock();
        let now = raw_now();
        state.begin(&self.grid, name, now, now)
    }

    /// A request ended `now`.
    pub fn finish(&self, ticket: Ticket, outcome: Outcome, now: i64) {
        let mut state = self.lock();
        state.under_way[ticket.place] = None;
        state.free.push(ticket.place);
        let slot = self.grid.slot_of(ticket.intended);
        let later = self.grid.window_of(now).saturating_sub(self.grid.window_of(ticket.intended));
        let tally = state.tally(&self.grid, ticket.name, ticket.intended);
        if later > 0 {
            let windows = u32::try_from(later).unwrap_or(u32::MAX);
            end_later(&mut tally.later, windows, 1);
            if matches!(outcome, Outcome::Bad(reason) if !reason.is_ours()) {
                end_later(&mut tally.later_failed, windows, 1);
            }
        }
        let (latency, beyond) = micros(now - ticket.intended);
        match outcome {
            Outcome::Ok => {
                tally.ok.push(latency);
                tally.saturated += u64::from(beyond);
                if let Some(started) = ticket.started {
                    tally.service.push(micros(now - started).0);
                }
                let slot = tally.slot(slot);
                slot.ok += 1;
                slot.max_us = slot.max_us.max(latency);
            }
            Outcome::Bad(reason) => {
                tally.why.get_or_insert(reason);
                if reason.is_ours() {
                    tally.not_sent += 1;
                } else {
                    tally.err.push(latency);
                    tally.saturated += u64::from(beyond);
                    tally.slot(slot).bad += 1;
                }
            }
        }
    }

    /// A request found every sender waiting for the target.
    pub fn dropped(&self, name: u16, intended: i64) {
        let slot = self.grid.slot_of(intended);
        let mut state = self.lock();
        let tally = state.tally(&self.grid, name, intended);
        tally.intended += 1;
        tally.dropped += 1;
        tally.why.get_or_insert(Reason::Dropped);
        tally.slot(slot).bad += 1;
    }

    /// Whether two intended starts lie in one window.
    pub fn is_same_window(&self, one: i64, other: i64) -> bool {
        self.grid.window_of(one) == self.grid.window_of(other)
    }

    /// So many requests of one window did not start, because this process was too late for them.
    pub fn not_sent(&self, name: u16, intended: i64, count: u64) {
        let mut state = self.lock();
        let tally = state.tally(&self.grid, name, intended);
        tally.intended += count;
        tally.not_sent += count;
        tally.why.get_or_insert(Reason::TooLate);
    }

    /// Every request intended before `cursor` has been written down.
    pub fn reached(&self, cursor: i64) {
        self.lock().cursor = Some(cursor);
    }

    /// How many requests are under way.
    pub fn under_way(&self) -> usize {
        let state = self.lock();
        state.under_way.len() - state.free.len()
    }

    /// Empties the shard.
    pub fn take(&self) -> Taken {
        let mut state = self.lock();
        let tallies = state.take_tallies();
        let mut pending: BTreeMap<Key, (u64, i64)> = BTreeMap::new();
        for (intended, name) in state.under_way.iter().flatten() {
            let entry = pending.entry((self.grid.window_of(*intended), *name)).or_insert((0, *intended));
            entry.0 += 1;
            entry.1 = entry.1.min(*intended);
        }
        Taken { tallies, pending, cursor: state.cursor.unwrap_or_else(raw_now) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change leaves the state whole, so one that a panicking thread left behind can be used.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tally(&mut self, grid: &Grid, name: u16, intended: i64) -> &mut Tally {
        let window = grid.window_of(intended);
        let place = usize::from(name);
        if self.newest.len() <= place {
            self.newest.resize_with(place + 1, || None);
        }
        match self.newest[place].as_ref().map(|(newest, _)| *newest) {
            Some(newest) if newest > window => return self.tallies.entry((window, name)).or_default(),
            Some(newest) if newest == window => {}
            _ => {
                if let Some((before, tally)) = self.newest[place].replace((window, Tally::default())) {
                    self.tallies.insert((before, name), tally);
                }
            }
        }
        &mut self.newest[place].get_or_insert_with(|| (window, Tally::default())).1
    }

    fn take_tallies(&mut self) -> BTreeMap<Key, Tally> {
        let mut tallies = std::mem::take(&mut self.tallies);
        for (name, newest) in self.newest.iter_mut().enumerate() {
            if let Some((window, tally)) = newest.take() {
                tallies.insert((window, name as u16), tally);
            }
        }
        tallies
    }

    fn begin(&mut self, grid: &Grid, name: u16, intended: i64, now: i64) -> Ticket {
        let lateness = (now - intended).max(0);
        let tally = self.tally(grid, name, intended);
        tally.intended += 1;
        tally.started += 1;
        tally.late_max = tally.late_max.max(lateness);
        tally.late += u64::from(lateness > LATE);
        let place = self.free.pop().unwrap_or_else(|| {
            self.under_way.push(None);
            self.under_way.len() - 1
        });
        self.under_way[place] = Some((intended, name));
        Ticket { place, name, intended, started: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        Grid { epoch: 1_000 }
    }

    #[test]
    fn a_request_belongs_to_the_window_and_slot_of_its_intended_start() {
        let shard = Shard::new(grid(), Some(1_000));
        let intended = 1_000 + 123_000_000;
        let ticket = shard.begin(0, intended, intended + 15_000_000);
        let taken = shard.take();
        assert_eq!(taken.pending[&(1, 0)], (1, intended));
        shard.finish(ticket, Outcome::Ok, intended + 2_000_000_000);
        let tally = &shard.take().tallies[&(1, 0)];
        assert_eq!(tally.slots, [Slot { slot: 2, ok: 1, bad: 0, max_us: 2_000_000 }]);
        let started = &taken.tallies[&(1, 0)];
        assert_eq!((started.late_max, started.started, started.intended), (15_000_000, 1, 1));
    }

    #[test]
    fn the_first_window_boundary_is_found() {
        assert_eq!(grid().next_begin(1_000), 1_000);
        assert_eq!(grid().next_begin(1_001), 100_001_000);
        assert_eq!(grid().next_begin(-50), 1_000);
    }

    #[test]
    fn places_of_finished_requests_are_used_again() {
        let shard = Shard::new(grid(), None);
        for _ in 0..10 {
            let ticket = shard.begin_now(0);
            shard.finish(ticket, Outcome::Bad(Reason::Unresolved), raw_now());
        }
        assert_eq!(shard.under_way(), 0);
        assert_eq!(shard.lock().under_way.len(), 1);
    }
}
