//! Spans that load is summed up over: a window belongs to a span only when it lies entirely inside, so that no number
//! mixes phases.

use super::{Cell, WINDOW};
use crate::model::Offset;
use crate::scenario::phases::Phase;

/// What sums are kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Span {
    /// A phase. The undo belongs to the fault phase: faults are still on.
    Phase(Phase),
    /// The fault with this number in the scenario: see [`crate::timeline::FaultTrack::span`].
    Fault(usize),
    /// The stage with this number of the stream's own ramp.
    Stage(usize),
    /// The step with this number of the stream's own search.
    Step(usize),
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

    /// The number of the first window after it that lies not entirely inside; none: it has not ended.
    pub(super) fn end_window(&self) -> Option<u64> {
        self.to.map(|end| end.nanos().max(0) as u64 / WINDOW.nanos() as u64)
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

    /// Whether every request is accounted for: it was answered, failed, dropped, not sent, or is still unanswered.
    pub fn balanced(&self) -> bool {
        self.ok + self.err + self.dropped + self.not_sent + self.pending == self.intended
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

    /// The sums of windows.
    pub fn of(cells: &[Cell]) -> Counts {
        let mut counts = Counts::default();
        cells.iter().for_each(|cell| counts.add_cell(cell));
        counts
    }

    fn add_cell(&mut self, cell: &Cell) {
        self.intended += u64::from(cell.intended);
        self.started += u64::from(cell.started);
        self.ok += u64::from(cell.ok);
        self.err += u64::from(cell.err);
        self.dropped += u64::from(cell.dropped);
        self.not_sent += u64::from(cell.not_sent);
        self.pending += u64::from(cell.pending);
    }
}
