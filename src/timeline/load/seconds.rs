//! Latencies by second, for a whole run: one histogram a second for the last hour, one a minute before it.
//!
//! A soak of a day would otherwise keep a histogram of 1.5 KB for each of its 86,400 seconds. Whoever asks for an old
//! time asks for a span (a phase, a fault, a stage), so a minute is put together only where no span begins or ends in
//! it: of every span the sum stays exact.

use std::ops::Range;

use super::SpanRange;
use crate::model::{Delta, Offset};
use crate::timeline::latency::{Hist, Sparse};
use crate::timeline::packed::Packed;

/// So many seconds stay apart.
const FINE: usize = 3_600;
/// So many are put together.
const MINUTE: usize = 60;
const SECOND: Delta = Delta::from_millis(1_000);

#[derive(Debug, Clone)]
enum Kept {
    /// A second of its own.
    Own(Packed),
    /// A minute, of which this is the first second.
    Minute(Packed),
    /// One of the 59 after it.
    Within,
}

/// Latencies of successes by second of the run.
#[derive(Debug, Clone, Default)]
pub(super) struct Seconds {
    kept: Vec<Kept>,
    /// The second that is being filled, not packed yet.
    filling: Option<(usize, Sparse)>,
    /// Seconds before this one have been looked at, and put together where that is right.
    looked_at: usize,
}

impl Seconds {
    /// Adds latencies to a second.
    pub fn add<'a>(&mut self, second: usize, hists: impl Iterator<Item = &'a Sparse>) {
        if self.filling.as_ref().is_none_or(|(filling, _)| *filling != second) {
            self.pack();
            if second >= self.kept.len() {
                self.kept.resize_with(second + 1, || Kept::Own(Packed::default()));
            }
            let hist = match &self.kept[second] {
                Kept::Own(packed) => packed.unpack(),
                Kept::Minute(_) | Kept::Within => Sparse::default(),
            };
            self.filling = Some((second, hist));
        }
        if let Some((_, hist)) = &mut self.filling {
            hists.for_each(|more| hist.merge(more.clone()));
        }
    }

    fn pack(&mut self) {
        let Some((second, hist)) = self.filling.take() else { return };
        let range = self.range(second);
        let packed = match &self.kept[range.start] {
            // An hour late: it belongs to the minute that holds it.
            Kept::Minute(minute) => {
                let mut all = minute.unpack();
                all.merge(hist);
                Kept::Minute(Packed::new(&all))
            }
            _ => Kept::Own(Packed::new(&hist)),
        };
        self.kept[range.start] = packed;
    }

    /// Puts together what is older than an hour. `spans`: all that began so long ago.
    pub fn thin(&mut self, spans: &[SpanRange]) {
        while self.looked_at + MINUTE + FINE <= self.kept.len() {
            let first = self.looked_at;
            self.looked_at += MINUTE;
            let (from, to) = (start_of(first), start_of(first + MINUTE));
            let cuts = |at: Offset| from < at && at < to;
            if spans.iter().any(|span| cuts(span.from) || span.to.is_some_and(cuts)) {
                continue;
            }
            let mut all = Sparse::default();
            (first..first + MINUTE).filter_map(|n| self.get(n)).for_each(|(hist, _)| all.merge(hist));
            self.kept[first] = Kept::Minute(Packed::new(&all));
            self.kept[first + 1..first + MINUTE].fill(Kept::Within);
        }
    }

    /// The seconds that one is kept with.
    fn range(&self, second: usize) -> Range<usize> {
        match self.kept.get(second) {
            Some(Kept::Minute(_) | Kept::Within) => {
                let first = second / MINUTE * MINUTE;
                first..first + MINUTE
            }
            _ => second..second + 1,
        }
    }

    /// The latencies of a second and of those it is kept with, and which these are.
    pub fn get(&self, second: usize) -> Option<(Sparse, Range<usize>)> {
        let range = self.range(second);
        let filling = self.filling.as_ref().filter(|(filling, _)| range.contains(filling)).map(|(_, hist)| hist);
        let hist = match self.kept.get(range.start)? {
            Kept::Own(packed) => filling.cloned().unwrap_or_else(|| packed.unpack()),
            Kept::Minute(packed) => {
                let mut hist = packed.unpack();
                filling.into_iter().for_each(|late| hist.merge(late.clone()));
                hist
            }
            Kept::Within => return None,
        };
        Some((hist, range))
    }

    /// Adds the latencies of the whole seconds in [`from`, `to`).
    pub fn sum(&self, from: Offset, to: Offset, into: &mut Hist) {
        let length = SECOND.nanos() as u64;
        let first = (from.nanos().max(0) as u64).div_ceil(length) as usize;
        let last = (to.nanos().max(0) as u64 / length) as usize;
        let mut next = first;
        while next < last.min(self.kept.len()) {
            let Some((hist, range)) = self.get(next) else { return };
            if range.start >= first && range.end <= last {
                into.merge_sparse(&hist);
            }
            next = range.end;
        }
    }

    /// Bytes it takes, about.
    pub fn heap(&self) -> usize {
        let packed = self.kept.iter().map(|kept| match kept {
            Kept::Own(packed) | Kept::Minute(packed) => packed.heap(),
            Kept::Within => 0,
        });
        packed.sum::<usize>() + self.kept.capacity() * size_of::<Kept>()
    }
}

fn start_of(second: usize) -> Offset {
    Offset(SECOND.nanos().saturating_mul(i64::try_from(second).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::super::Span;
    use super::*;
    use crate::scenario::phases::Phase;
    use proptest::prelude::*;

    /// Two hours of a few requests each second, told in the order of `shuffle` within two seconds.
    fn filled(spans: &[SpanRange], late: &[usize]) -> Seconds {
        let mut seconds = Seconds::default();
        for n in 0..7_200 {
            let hists = [Sparse::of([n as u64 + 1]), Sparse::of([5])];
            seconds.add(n, hists.iter());
            if n % 100 == 0 {
                seconds.thin(spans);
            }
        }
        late.iter().for_each(|n| seconds.add(*n, [Sparse::of([7])].iter()));
        seconds
    }

    fn span(n: usize, from: usize, to: Option<usize>) -> SpanRange {
        SpanRange { span: Span::Fault(n), from: start_of(from), to: to.map(start_of) }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
        #[test]
        fn of_every_span_the_sum_is_exact(
            cuts in prop::collection::btree_set(1usize..7_199, 1..6),
            late in prop::collection::vec(0usize..7_200, 0..20),
        ) {
            let ends: Vec<usize> = cuts.iter().copied().chain([7_200]).collect();
            let starts = [0].into_iter().chain(cuts.iter().copied());
            let spans: Vec<SpanRange> = starts.zip(&ends).enumerate().map(|(n, (a, b))| span(n, a, Some(*b))).collect();
            let seconds = filled(&spans, &late);
            for (range, (from, to)) in spans.iter().zip([0].into_iter().chain(cuts.iter().copied()).zip(&ends)) {
                let mut sum = Hist::default();
                seconds.sum(range.from, range.to.unwrap_or_default(), &mut sum);
                let late = late.iter().filter(|n| (from..*to).contains(*n)).count();
                prop_assert_eq!(sum.total(), (2 * (to - from) + late) as u64);
            }
        }
    }

    #[test]
    fn the_last_hour_stays_apart_and_what_is_older_is_kept_by_the_minute() {
        let baseline = SpanRange { span: Span::Phase(Phase::Baseline), from: Offset::ZERO, to: Some(start_of(25)) };
        let seconds = filled(&[baseline], &[]);
        assert_eq!(seconds.get(7_000).map(|(hist, range)| (hist.total(), range)), Some((2, 7_000..7_001)));
        assert_eq!(seconds.get(133).map(|(hist, range)| (hist.total(), range)), Some((120, 120..180)));
        assert_eq!(seconds.get(27).map(|(_, range)| range), Some(27..28), "the baseline ends within its minute");
        assert_eq!(seconds.get(7_200), None);
    }
}
