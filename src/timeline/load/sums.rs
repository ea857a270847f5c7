//! Sums of load over a span, and the parts that they are made of.

use std::collections::BTreeMap;

use super::Counts;
use crate::timeline::latency::{Hist, Sparse};
use crate::timeline::load_line::WindowLine;

/// Counts and latencies of a span.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sums {
    /// Counts.
    pub counts: Counts,
    /// Latencies of successes, from their intended start.
    pub ok: Hist,
    /// Latencies of failures, likewise.
    pub err: Hist,
    /// Service times of successes, from their actual start; empty in a closed model, where it is the same.
    pub service: Hist,
    /// Starts more than 10 ms behind their intended time.
    pub late: u64,
    /// Latencies beyond the largest that is told apart.
    pub saturated: u64,
    later: Later,
}

/// Requests that ended in a later window than they were meant to start in, by the window they ended in, as far as a
/// span may end before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Later {
    ended: BTreeMap<u64, u64>,
    /// Those of them that failed, by that window and the one they were meant to start in.
    failed: BTreeMap<(u64, u64), u64>,
    /// One after the last window with a request.
    through: u64,
    /// A worker did not say when requests ended.
    untold: bool,
}

impl Later {
    /// Adds others. No span that holds both ends before the last window of either, so earlier ends are forgotten.
    fn merge(&mut self, other: &Later) {
        self.untold |= other.untold;
        self.through = self.through.max(other.through);
        other.ended.iter().for_each(|(window, n)| *self.ended.entry(*window).or_default() += n);
        other.failed.iter().for_each(|(windows, n)| *self.failed.entry(*windows).or_default() += n);
        self.ended = self.ended.split_off(&self.through);
        self.failed = self.failed.split_off(&(self.through, 0));
    }

    fn heap(&self) -> usize {
        (self.ended.len() * 2 + self.failed.len() * 3) * size_of::<u64>()
    }
}

impl Sums {
    /// Adds others.
    pub fn merge(&mut self, other: &Sums) {
        self.counts.merge(&other.counts);
        self.ok.merge(&other.ok);
        self.err.merge(&other.err);
        self.service.merge(&other.service);
        self.late += other.late;
        self.saturated += other.saturated;
        self.later.merge(&other.later);
    }

    pub(super) fn add(&mut self, piece: &Piece) {
        self.counts.merge(&piece.counts);
        self.counts.pending = self.counts.pending.saturating_sub(piece.settled);
        self.ok.merge_sparse(&piece.ok);
        self.err.merge_sparse(&piece.err);
        self.service.merge_sparse(&piece.service);
        self.late += piece.late;
        self.saturated += piece.saturated;
        self.later.merge(&piece.later);
    }

    /// Requests that were meant to start in the span and were unanswered at its end, whatever became of them later.
    /// `end`: the first window after the span. None: the worker did not say when requests ended.
    pub(super) fn censored(&self, end: u64) -> Option<u64> {
        let ended: u64 = self.later.ended.range(end..).map(|(_, n)| n).sum();
        (!self.later.untold).then_some(ended + self.counts.pending)
    }

    /// Failures among them that came in window `from` or later, at the end of the span or after it, of requests that
    /// were meant to start in window `begun` or later.
    pub(super) fn failed_from(&self, from: u64, begun: u64) -> u64 {
        self.later.failed.range((from, 0)..).filter(|((_, start), _)| *start >= begun).map(|(_, n)| n).sum()
    }

    pub(super) fn heap(&self) -> usize {
        size_of::<Sums>() + self.ok.heap() + self.err.heap() + self.service.heap() + self.later.heap()
    }
}

/// What is known of one name in one window.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub name: u16,
    pub counts: Counts,
    /// Of what was pending when the window was put away before its time, what is told of now.
    settled: u64,
    pub ok: Sparse,
    err: Sparse,
    service: Sparse,
    late: u64,
    saturated: u64,
    later: Later,
}

/// The histograms of a line, read.
#[derive(Debug, Clone, Default)]
pub(super) struct Read {
    pub ok: Sparse,
    pub err: Sparse,
    pub service: Sparse,
}

impl Read {
    /// Reads them.
    ///
    /// # Errors
    /// When one of them is none, in words.
    pub fn of(line: &WindowLine) -> Result<Read, String> {
        let read = |text: &str| Sparse::decode(text).map_err(|why| why.to_string());
        Ok(Read { ok: read(&line.hist_ok)?, err: read(&line.hist_err)?, service: read(&line.hist_service)? })
    }
}

impl Piece {
    pub fn new(name: u16) -> Piece {
        Piece {
            name,
            counts: Counts::default(),
            settled: 0,
            ok: Sparse::default(),
            err: Sparse::default(),
            service: Sparse::default(),
            late: 0,
            saturated: 0,
            later: Later::default(),
        }
    }

    /// Adds a line. `before`: what was pending by the line before it.
    pub fn add(&mut self, line: &WindowLine, read: Read, before: u64) {
        let counts = &mut self.counts;
        counts.intended += line.intended;
        counts.started += line.started;
        counts.ok += line.ok;
        counts.err += line.err;
        counts.dropped += line.dropped;
        counts.not_sent += line.not_sent;
        self.settled += before.saturating_sub(counts.pending);
        counts.pending = counts.pending.saturating_sub(before) + line.pending;
        self.ok.merge(read.ok);
        self.err.merge(read.err);
        self.service.merge(read.service);
        self.late += line.late;
        self.saturated += line.saturated;
        let Some(later) = &line.later else {
            self.later.untold |= line.ok + line.err > 0;
            return self.reach(line);
        };
        for (windows, n) in later {
            *self.later.ended.entry(line.window.saturating_add(u64::from(*windows))).or_default() += u64::from(*n);
        }
        for (windows, n) in &line.later_failed {
            let ended = line.window.saturating_add(u64::from(*windows));
            *self.later.failed.entry((ended, line.window)).or_default() += u64::from(*n);
        }
        self.reach(line);
    }

    fn reach(&mut self, line: &WindowLine) {
        if line.intended > 0 {
            self.later.through = self.later.through.max(line.window.saturating_add(1));
        }
    }

    pub fn heap(&self) -> usize {
        size_of::<Piece>() + self.ok.heap() + self.err.heap() + self.service.heap() + self.later.heap()
    }
}
