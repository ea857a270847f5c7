//! Observations put together, and what a metric makes of them.
//!
//! Failures rank as the slowest in a quantile, and a quantile `q` needs at least 10 / (1 - q) observations. What could
//! not be sent or seen, and what is not answered yet, is taken for the best and for the worst.

use super::latency::Hist;
use super::load::{Counts, LoadTrack, SpanRange, Sums, WINDOW};
use super::probes::{ProbeTrack, Seen};
use crate::model::{Delta, HumanDuration, Metric, Offset, Threshold};

/// Observations put together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// Good ones.
    pub good: u64,
    /// Failures.
    pub bad: u64,
    /// Those that our side could not make or see, and those not answered yet.
    pub unseen: u64,
    /// Started in all.
    pub started: u64,
    /// Could not start because every sender waited for the target; counted in `bad`, too.
    pub dropped: u64,
    /// Latencies of good ones.
    pub latencies: Hist,
    /// Failures that are left out: the requests were under way when the span ended, and a fault acted before they
    /// failed.
    pub struck: u64,
    /// The time they were made in.
    pub over: Delta,
}

impl Sample {
    /// How many are known to be good or bad.
    pub fn seen(&self) -> u64 {
        self.good + self.bad
    }

    /// Adds a load stream's requests intended in [`from`, `to`), of which those still waiting say nothing.
    pub fn add_load(&mut self, load: &LoadTrack, from: Offset, to: Offset) {
        let counts = load.counts(from, to);
        self.add_counts(&counts);
        self.unseen += counts.not_sent;
        self.latencies.merge(&load.latencies(from, to));
        self.over = to.since(from);
    }

    fn add_counts(&mut self, counts: &Counts) {
        self.good += counts.ok;
        self.bad += counts.bad();
        self.started += counts.started;
        self.dropped += counts.dropped;
    }

    /// Adds sums; `over`: the time they were made in. What is not answered could be anything.
    pub fn add_sums(&mut self, sums: &Sums, over: Delta) {
        self.add_counts(&sums.counts);
        self.unseen += sums.counts.not_sent + sums.counts.pending;
        self.latencies.merge(&sums.ok);
        self.over = over;
    }

    /// What is known of a span of a load stream so far, of one request name or of all.
    pub fn of_span(load: &LoadTrack, range: &SpanRange, request: Option<u16>, now: Offset) -> Sample {
        let mut sample = Sample::default();
        sample.add_sums(&load.so_far(range, request), load.length(range, now));
        sample
    }

    /// The same of a span before any fault. A request that was under way at its end and failed after a fault had acted
    /// is the fault's failure, not the span's: it was censored, and is left out; but not one that had waited for longer
    /// than any good answer of the span took, which would hide a system that hung before the fault.
    pub fn of_calm(load: &LoadTrack, range: &SpanRange, request: Option<u16>, acted: Offset, now: Offset) -> Sample {
        let sums = load.so_far(range, request);
        let mut sample = Sample::default();
        sample.add_sums(&sums, load.length(range, now));
        sample.struck = load.failed_by(range, &sums, acted).min(sample.bad);
        sample.bad -= sample.struck;
        sample
    }

    /// Adds a probe's looks intended in [`from`, `to`).
    pub fn add_probe(&mut self, probe: &ProbeTrack, from: Offset, to: Offset) {
        for look in probe.between(from, to) {
            match look.seen {
                Seen::Good => {
                    self.good += 1;
                    self.latencies.record(u64::from(look.took_us));
                }
                Seen::Bad => self.bad += 1,
                Seen::Blind => self.unseen += 1,
                Seen::Waiting => continue,
            }
            self.started += 1;
        }
        self.over = to.since(from);
    }

    /// The value of a metric: a share, seconds, or a number; infinite where failures reach into a latency. None when
    /// there are too few observations for it.
    pub fn value(&self, metric: &Metric) -> Option<f64> {
        let seen = self.seen();
        let share = |n: u64| (seen > 0).then(|| n as f64 / seen as f64);
        let seconds = |us: Option<u64>| us.map(|us| us as f64 / 1e6);
        match metric {
            Metric::ErrorRate => share(self.bad),
            Metric::Availability => share(self.good),
            Metric::Quantile(q) => self.quantile(*q),
            Metric::Mean => seconds(self.latencies.mean()),
            Metric::Max if self.bad > 0 => Some(f64::INFINITY),
            Metric::Max => seconds(self.latencies.max()),
            Metric::Rate => (self.over > Delta::ZERO).then(|| self.started as f64 / self.over.seconds()),
            Metric::Dropped => (seen > 0).then_some(self.dropped as f64),
            Metric::Apdex(target) => (seen > 0).then(|| self.satisfaction(*target) / seen as f64),
            Metric::Ok => None,
        }
    }

    /// A quantile in seconds, failures the slowest; none when fewer than [`needed`] observations were made.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let total = self.latencies.total() + self.bad;
        if total == 0 || total < needed(q) {
            return None;
        }
        // A hair less, so that 0.95 of 200, which is 190.00000000000003 in binary, is rank 190.
        let rank = (q * total as f64 - 1e-6).ceil().max(1.0) as u64;
        Some(self.latencies.at_rank(rank).map_or(f64::INFINITY, |us| us as f64 / 1e6))
    }

    /// Satisfied + half of the tolerating (Apdex Alliance, "Application Performance Index, Technical Specification",
    /// version 1.1); failures are frustrated, however fast.
    fn satisfaction(&self, target: HumanDuration) -> f64 {
        let us = |times: u32| u64::try_from((target.get() * times).as_micros()).unwrap_or(u64::MAX);
        let satisfied = self.latencies.at_most(us(1));
        satisfied as f64 + (self.latencies.at_most(us(4)) - satisfied) as f64 / 2.0
    }

    /// The value if all that is not known were good, and if it were bad, the lesser first; none: all is known, or it
    /// makes no difference.
    pub fn extremes(&self, metric: &Metric) -> Option<(f64, f64)> {
        let (x, seen) = (self.unseen, self.seen());
        if x == 0 {
            return None;
        }
        let of_all = |n: f64| n / (seen + x) as f64;
        match metric {
            Metric::ErrorRate => Some((of_all(self.bad as f64), of_all((self.bad + x) as f64))),
            Metric::Availability => Some((of_all(self.good as f64), of_all((self.good + x) as f64))),
            Metric::Quantile(q) => {
                let total = self.latencies.total() + self.bad + x;
                let rank = (q * total as f64 - 1e-6).ceil().max(1.0) as u64;
                let at = |rank: u64| self.latencies.at_rank(rank).map_or(f64::INFINITY, |us| us as f64 / 1e6);
                let fastest = if rank <= x { 0.0 } else { at(rank - x) };
                Some((fastest, at(rank)))
            }
            Metric::Max => Some((self.value(metric)?, f64::INFINITY)),
            Metric::Mean => {
                let answered = self.latencies.total() as f64;
                Some((self.value(metric)? * answered / (answered + x as f64), f64::INFINITY))
            }
            Metric::Apdex(target) => {
                let satisfaction = self.satisfaction(*target);
                Some((of_all(satisfaction), of_all(satisfaction + x as f64)))
            }
            Metric::Rate | Metric::Dropped | Metric::Ok => None,
        }
    }

    /// Whether a bound holds, whatever became of what is not known; none: that changes the answer, or too little was
    /// seen.
    pub fn surely(&self, metric: &Metric, threshold: &Threshold) -> Option<bool> {
        let value = self.value(metric)?;
        let (low, high) = self.extremes(metric).unwrap_or((value, value));
        match [low, value, high].map(|value| threshold.holds(value)) {
            [true, true, true] => Some(true),
            [false, false, false] => Some(false),
            _ => None,
        }
    }
}

/// The least number of observations for a quantile: 10 / (1 - q). The largest of all needs one.
pub fn needed(q: f64) -> u64 {
    if q >= 1.0 { 1 } else { (10.0 / (1.0 - q) - 1e-6).ceil() as u64 }
}

impl LoadTrack {
    /// How long a span of it lasted, up to `now`: the windows entirely inside; of the whole run, those from the first
    /// request to the last.
    pub fn length(&self, range: &SpanRange, now: Offset) -> Delta {
        let (from, to) = match range.span {
            super::load::Span::Total => (self.begin().unwrap_or(self.end()), self.last().min(self.end())),
            _ => (range.from, range.to.unwrap_or(now)),
        };
        Delta(WINDOW.nanos() * self.windows(from, to) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(latencies_ms: &[u64], bad: u64, unseen: u64) -> Sample {
        let mut latencies = Hist::default();
        latencies_ms.iter().for_each(|ms| latencies.record(ms * 1000));
        Sample { good: latencies_ms.len() as u64, bad, unseen, latencies, ..Sample::default() }
    }

    #[test]
    fn apdex_counts_the_tolerating_half_and_failures_not_at_all() {
        let metric: Metric = "apdex(250ms)".parse().unwrap();
        // 60 satisfied, 30 tolerating, 10 too slow: (60 + 15) / 100, the example of the specification.
        let latencies = [vec![200; 60], vec![900; 30], vec![1_100; 10]].concat();
        assert_eq!(sample(&latencies, 0, 0).value(&metric), Some(0.75));
        assert_eq!(sample(&latencies, 100, 0).value(&metric), Some(0.375));
        assert_eq!(sample(&[250, 1_000], 0, 0).value(&metric), Some(0.75), "both bounds belong to the better class");
        assert_eq!(sample(&[], 0, 5).value(&metric), None);
        assert_eq!(sample(&latencies, 0, 100).extremes(&metric), Some((0.375, 0.875)));
    }

    proptest! {
        #[test]
        fn a_value_lies_between_its_extremes(
            latencies in prop::collection::vec(1u64..2_000, 1..300), bad in 0u64..40, unseen in 0u64..40,
        ) {
            let sample = sample(&latencies, bad, unseen);
            for text in ["error_rate", "availability", "p50", "p90", "mean", "max", "apdex(250ms)"] {
                let metric: Metric = text.parse().unwrap();
                let Some(value) = sample.value(&metric) else { continue };
                let (low, high) = sample.extremes(&metric).unwrap_or((value, value));
                prop_assert!(low <= value && value <= high, "{text}: {low} {value} {high}");
            }
        }
    }
}
