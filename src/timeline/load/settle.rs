//! Histograms find their place: each window goes to the sums of the spans that it lies in, and to its second.

use std::ops::Range;

use super::sums::Piece;
use super::{GRACE, IN_SECOND, LoadTrack, Span, SpanRange, Sums, WINDOW, start_of};
use crate::model::{Delta, Offset};
use crate::timeline::latency::{Hist, Sparse};

/// How long windows are kept by request name after they were put away, where anything asks for that.
const KEPT: u64 = 60 * IN_SECOND;

/// Steps of a search whose sums are kept by request name: the one that is on, and the one that is still looked at.
const STEPS: usize = 2;

impl LoadTrack {
    /// Puts histograms away. A window goes when nothing more will come for it (or nothing came for too long) and it
    /// ends at `through` or earlier: up to there `spans` are known. `all`: the run is over, nothing more will come at
    /// all.
    pub fn settle(&mut self, now: Offset, through: Offset, spans: &[SpanRange], all: bool) {
        self.put_away(now, through, spans, all);
        let own = self.own_spans().into_iter().map(|(_, range)| range).chain(self.steps());
        let all_spans: Vec<SpanRange> = spans.iter().copied().chain(own).collect();
        self.seconds.thin(&all_spans);
        self.cells.thin();
    }

    fn put_away(&mut self, now: Offset, through: Offset, spans: &[SpanRange], all: bool) {
        let own: Vec<SpanRange> = self.own_spans().into_iter().map(|(_, range)| range).chain(self.steps()).collect();
        while let Some((&window, _)) = self.open.first_key_value() {
            let (from, to) = (start_of(window), start_of(window + 1));
            let late = now > to + self.timeout + GRACE;
            let complete = to <= self.told() && self.waiting.range((window, 0, 0)..(window + 1, 0, 0)).next().is_none();
            if !all && (to > through || !(late || complete)) {
                return;
            }
            let pieces = self.open.remove(&window).unwrap_or_default();
            let merged = self.missing.iter().any(|m| m.merged && m.from < to && m.to.is_none_or(|end| end > from));
            let all_spans = spans.iter().chain(&own);
            for span in all_spans.filter(|span| span.span == Span::Total || (!merged && span.holds(from, to))) {
                let sums = self.sums.entry(span.span).or_default();
                sums.resize_with(sums.len().max(self.names.len()), Sums::default);
                pieces.iter().for_each(|piece| sums[usize::from(piece.name)].add(piece));
            }
            self.seconds.add((window / IN_SECOND) as usize, pieces.iter().map(|piece| &piece.ok));
            self.put_recent(window, pieces);
        }
    }

    fn put_recent(&mut self, window: u64, pieces: Vec<Piece>) {
        let Some(recent) = &mut self.recent else { return };
        recent.push_back((window, pieces));
        while recent.front().is_some_and(|(first, _)| first + KEPT < window) {
            recent.pop_front();
        }
    }

    /// The sums of steps that are long over lose their names: a search may have hundreds.
    pub(super) fn fold_steps(&mut self) {
        let count = self.search.as_ref().map_or(0, |search| search.steps.len());
        for nth in 0..count.saturating_sub(STEPS) {
            for sums in self.sums.remove(&Span::Step(nth)).unwrap_or_default() {
                self.folded.entry(Span::Step(nth)).or_default().merge(&sums);
            }
        }
    }

    /// The stages of its ramp, with their names.
    pub fn own_spans(&self) -> Vec<(&str, SpanRange)> {
        self.stages.ranges(self.begin())
    }

    /// The steps of its search.
    fn steps(&self) -> impl Iterator<Item = SpanRange> {
        self.search.iter().flat_map(|search| search.ranges())
    }

    /// Its request names, as far as they are known.
    pub fn requests(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The request name of a number.
    pub fn request(&self, number: u16) -> &str {
        self.names.get(usize::from(number)).map_or("", String::as_str)
    }

    /// The number of a request name.
    pub fn name_of(&self, request: &str) -> Option<u16> {
        self.names.iter().position(|name| name == request).and_then(|at| u16::try_from(at).ok())
    }

    /// The sums of a span by request name.
    pub fn sums(&self, span: Span) -> Vec<(&str, &Sums)> {
        let sums = self.sums.get(&span).into_iter().flatten();
        let named = sums.enumerate().map(|(name, sums)| (self.names[name].as_str(), sums));
        named.filter(|(_, sums)| sums.counts.intended > 0).collect()
    }

    /// The sums of a span, of one request name or of all.
    pub fn sum(&self, span: Span, request: Option<u16>) -> Sums {
        let mut all = Sums::default();
        let sums = self.sums.get(&span).into_iter().flatten().enumerate();
        let asked = sums.filter(|(name, _)| request.is_none_or(|asked| usize::from(asked) == *name));
        asked.for_each(|(_, sums)| all.merge(sums));
        self.folded.get(&span).filter(|_| request.is_none()).into_iter().for_each(|sums| all.merge(sums));
        all
    }

    /// The same with what is not put away yet: what is known of the span so far.
    pub fn so_far(&self, range: &SpanRange, request: Option<u16>) -> Sums {
        let mut all = self.sum(range.span, request);
        for (window, pieces) in &self.open {
            if range.span == Span::Total || range.holds(start_of(*window), start_of(*window + 1)) {
                pieces.iter().filter(|p| request.is_none_or(|name| p.name == name)).for_each(|p| all.add(p));
            }
        }
        all
    }

    /// What is known of one request name in the windows that lie entirely inside [`from`, `to`), exactly; none: that
    /// is too long ago, and no span.
    pub fn between(&self, request: u16, from: Offset, to: Offset, spans: &[SpanRange]) -> Option<Sums> {
        let first = |at: Offset| at.nanos().max(0).unsigned_abs().div_ceil(WINDOW.nanos().unsigned_abs());
        let same = |range: &&SpanRange| {
            range.span != Span::Total
                && first(range.from) == first(from)
                && range.to.is_none_or(|end| end.nanos() / WINDOW.nanos() == to.nanos() / WINDOW.nanos())
        };
        let own: Vec<SpanRange> = self.own_spans().into_iter().map(|(_, range)| range).chain(self.steps()).collect();
        if let Some(range) = spans.iter().chain(&own).find(same) {
            return Some(self.so_far(range, Some(request)));
        }
        let recent = self.recent.as_ref()?;
        let window = first(from);
        if recent.front().is_some_and(|(oldest, _)| *oldest > window && *oldest + KEPT < self.cells.len() as u64) {
            return None;
        }
        let mut all = Sums::default();
        let put_away = recent.iter().map(|(window, pieces)| (window, pieces));
        for (window, pieces) in put_away.chain(&self.open) {
            if start_of(*window) >= from && start_of(*window + 1) <= to {
                pieces.iter().filter(|piece| piece.name == request).for_each(|piece| all.add(piece));
            }
        }
        Some(all)
    }

    /// Requests that were meant to start in a span and were unanswered at its end, whatever became of them later; of
    /// the whole run, at the end of its last window with a request. `sums`: of all names, or of one. None: the worker
    /// did not say when requests ended.
    pub fn censored(&self, range: &SpanRange, sums: &Sums) -> Option<u64> {
        let end = match range.span {
            Span::Total => self.last().nanos().unsigned_abs() / WINDOW.nanos().unsigned_abs(),
            _ => range.end_window().unwrap_or(self.cells.len() as u64),
        };
        sums.censored(end)
    }

    /// Failures among the requests of a span that a fault which acted at `act`, at its end or later, may have caused:
    /// they came after it, and the requests had not been under way for longer then than the slowest good answer of the
    /// span took. One that waited longer had failed already. `sums`: of all names, or of one.
    pub fn failed_by(&self, range: &SpanRange, sums: &Sums, act: Offset) -> u64 {
        let Some(end) = range.end_window() else { return 0 };
        let window = |at: Offset| at.nanos().max(0).unsigned_abs() / WINDOW.nanos().unsigned_abs();
        let Some(slowest) = sums.ok.max() else { return 0 };
        let begun = act - Delta(i64::try_from(slowest).unwrap_or(i64::MAX).saturating_mul(1_000));
        sums.failed_from(end.max(window(act)), window(begun))
    }

    /// Latencies of successes in [`from`, `to`): of the whole seconds inside, and of windows not yet put away.
    pub fn latencies(&self, from: Offset, to: Offset) -> Hist {
        let mut hist = Hist::default();
        self.seconds.sum(from, to, &mut hist);
        for (window, pieces) in &self.open {
            if start_of(*window) >= from && start_of(*window + 1) <= to {
                pieces.iter().for_each(|piece| hist.merge_sparse(&piece.ok));
            }
        }
        hist
    }

    /// Latencies of successes of second `n` of the run, and the seconds that they are kept with; none: the run was over
    /// by then.
    pub fn second(&self, n: usize) -> Option<(Sparse, Range<usize>)> {
        self.seconds.get(n)
    }

    /// Bytes it takes, about.
    pub fn heap(&self) -> usize {
        let sums: usize = self.sums.values().flatten().chain(self.folded.values()).map(Sums::heap).sum();
        let recent = self.recent.iter().flatten().flat_map(|(_, pieces)| pieces);
        let pieces: usize = self.open.values().flatten().chain(recent).map(Piece::heap).sum();
        let slots = self.slots.as_ref().map_or(0, |slots| size_of_val(slots.as_slice()));
        let cells = self.cells.heap() + slots;
        sums + pieces + cells + self.seconds.heap()
    }
}
