//! Sums of load over spans: a window belongs to a span only when it lies entirely inside, so that no number mixes
//! phases.

use super::Cell;
use crate::model::Offset;
use crate::scenario::phases::Phase;
use crate::timeline::latency::{Hist, Sparse};
use crate::timeline::load_line::WindowLine;

/// What sums are kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Span {
    /// A phase. The undo belongs to the fault phase: faults are still on.
    Phase(Phase),
    /// The fault with this number in the scenario: see [`crate::timeline::FaultTrack::span`].
    Fault(usize),
    /// The whole run.
    Total,
}

/// A span with its place in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanRange {
    /// The span.
    pub span: Span,
    /// Its start.
    pub from: Offset,
    /// Its end; none: it has not ended.
    pub to: Option<Offset>,
}

impl SpanRange {
    /// Whether [`from`, `to`) lies entirely inside.
    pub fn holds(&self, from: Offset, to: Offset) -> bool {
        self.from <= from && self.to.is_none_or(|end| to <= end)
    }
}

/// Counts of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Should have started.
    pub intended: u64,
    /// Did start.
    pub started: u64,
    /// Answered as they should be.
    pub ok: u64,
    /// Failed.
    pub err: u64,
    /// Could not start because every sender waited for the target.
    pub dropped: u64,
    /// Could not start for reasons on our side.
    pub not_sent: u64,
    /// Still unanswered.
    pub pending: u64,
}

impl Counts {
    /// Failed and dropped.
    pub fn bad(&self) -> u64 {
        self.err + self.dropped
    }

    /// All whose fate is known and not of our making.
    pub fn seen(&self) -> u64 {
        self.ok + self.bad()
    }

    /// Share of failures; zero when nothing was seen.
    pub fn error_rate(&self) -> f64 {
        if self.seen() == 0 { 0.0 } else { self.bad() as f64 / self.seen() as f64 }
    }

    /// Adds others.
    pub fn merge(&mut self, other: &Counts) {
        self.intended += other.intended;
        self.started += other.started;
        self.ok += other.ok;
        self.err += other.err;
        self.dropped += other.dropped;
        self.not_sent += other.not_sent;
        self.pending += other.pending;
    }

    pub(super) fn add_cell(&mut self, cell: &Cell) {
        self.intended += u64::from(cell.intended);
        self.started += u64::from(cell.started);
        self.ok += u64::from(cell.ok);
        self.err += u64::from(cell.err);
        self.dropped += u64::from(cell.dropped);
        self.not_sent += u64::from(cell.not_sent);
        self.pending += u64::from(cell.pending);
    }
}

/// Counts and latencies of a span.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sums {
    /// Counts.
    pub counts: Counts,
    /// Latencies of successes.
    pub ok: Hist,
    /// Latencies of failures.
    pub err: Hist,
}

impl Sums {
    /// Adds others.
    pub fn merge(&mut self, other: &Sums) {
        self.counts.merge(&other.counts);
        self.ok.merge(&other.ok);
        self.err.merge(&other.err);
    }

    pub(super) fn add(&mut self, piece: &Piece) {
        self.counts.merge(&piece.counts);
        self.ok.merge_sparse(&piece.ok);
        self.err.merge_sparse(&piece.err);
    }

    pub(super) fn heap(&self) -> usize {
        size_of::<Sums>() + self.ok.heap() + self.err.heap()
    }
}

/// What is known of one name in one window that is not put away yet.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub name: u16,
    pub counts: Counts,
    pub ok: Sparse,
    pub err: Sparse,
}

impl Piece {
    pub fn new(name: u16) -> Piece {
        Piece { name, counts: Counts::default(), ok: Sparse::default(), err: Sparse::default() }
    }

    /// Adds a line. `before`: what was pending by the line before it.
    pub fn add(&mut self, line: &WindowLine, ok: Sparse, err: Sparse, before: u64) {
        let counts = &mut self.counts;
        counts.intended += line.intended;
        counts.started += line.started;
        counts.ok += line.ok;
        counts.err += line.err;
        counts.dropped += line.dropped;
        counts.not_sent += line.not_sent;
        counts.pending = counts.pending.saturating_sub(before) + line.pending;
        self.ok.merge(ok);
        self.err.merge(err);
    }

    pub fn heap(&self) -> usize {
        size_of::<Piece>() + self.ok.heap() + self.err.heap()
    }
}
