//! Counts of one window and of one slot of a load stream.

use crate::timeline::load_line::{Slot, WindowLine};

/// Counts of one window of 100 ms, all names together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cell {
    /// Requests that should have started.
    pub intended: u32,
    /// Requests that did start.
    pub started: u32,
    /// Answered as they should be.
    pub ok: u32,
    /// Of those, slower than the latency bound of the recovery signal.
    pub slow: u32,
    /// Failed.
    pub err: u32,
    /// Could not start because every sender waited for the target.
    pub dropped: u32,
    /// Could not start for reasons on our side.
    pub not_sent: u32,
    /// Still unanswered when last told.
    pub pending: u32,
    /// Longest time until a failure was known, in microseconds.
    pub err_max_us: u32,
    /// Whether there was any line about it, be it of zeros; where there is none the worker could not report.
    pub told: bool,
}

/// Counts of one slot of 10 ms, all names together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SlotCell {
    /// Answered as they should be.
    pub ok: u32,
    /// Failed or dropped.
    pub bad: u32,
    /// Largest latency of a success, in microseconds.
    pub max_us: u32,
}

fn small(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Cell {
    /// Adds a line. `before`: what was pending of its worker and name by the line before it.
    pub(super) fn add(&mut self, line: &WindowLine, slow: u64, err_max: Option<u64>, before: u64) {
        let add = |mine: &mut u32, more: u64| *mine = mine.saturating_add(small(more));
        self.told = true;
        add(&mut self.intended, line.intended);
        add(&mut self.started, line.started);
        add(&mut self.ok, line.ok);
        add(&mut self.slow, slow);
        add(&mut self.err, line.err);
        add(&mut self.dropped, line.dropped);
        add(&mut self.not_sent, line.not_sent);
        self.pending = self.pending.saturating_sub(small(before)).saturating_add(small(line.pending));
        self.err_max_us = self.err_max_us.max(small(err_max.unwrap_or(0)));
    }
}

impl SlotCell {
    pub(super) fn add(&mut self, slot: &Slot) {
        self.ok = self.ok.saturating_add(slot.ok);
        self.bad = self.bad.saturating_add(slot.bad);
        self.max_us = self.max_us.max(slot.max_us);
    }
}
