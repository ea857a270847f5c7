//! One side of a comparison: the runs of one row, put together, and how far that could have come out otherwise.
//!
//! Values are compared on a scale on which noise adds: quantiles and rates by their logarithm, shares as they are.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Metric;
use super::blocks;
use super::sample::{RowSample, StreamSample};
use crate::result::StreamKind;
use crate::timeline::latency::{HIGHEST_US, HistError};

/// Relative variance that rounding to a histogram's bucket adds: a uniform error of at most 1 in 1,024 (3 digits).
const ROUNDING: f64 = 1.0 / (1024.0 * 1024.0 * 12.0);

/// A share or rate of nothing, on the logarithmic scale.
const NOTHING: f64 = 1e-9;

/// The runs of one row on one side.
pub(super) struct Side<'s> {
    runs: Vec<(&'s StreamSample, &'s RowSample)>,
    /// The ends of all buckets in use, in microseconds.
    ends: Vec<u64>,
    /// For each of them: how many successes of each run lie in it or below.
    below: Vec<Vec<u64>>,
}

/// What is known of one side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// The value of all runs together, on the additive scale.
    pub value: f64,
    /// Runs.
    pub runs: usize,
    /// Its variance as the runs show it, by a bootstrap over runs; none with one run.
    pub between: Option<f64>,
    /// Its variance as the requests of each run show it: never less than this.
    pub within: f64,
}

impl<'s> Side<'s> {
    /// Puts the runs of a row together.
    pub fn new(runs: Vec<(&'s StreamSample, &'s RowSample)>) -> Result<Self, HistError> {
        let mut counts: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (n, (_, row)) in runs.iter().enumerate() {
            for (end, count) in row.hist()?.steps() {
                counts.entry(end).or_insert_with(|| vec![0; runs.len()])[n] += u64::from(count);
            }
        }
        let mut sums = vec![0; runs.len()];
        let (mut ends, mut below) = (Vec::with_capacity(counts.len()), Vec::with_capacity(counts.len()));
        for (end, counts) in counts {
            sums.iter_mut().zip(&counts).for_each(|(sum, count)| *sum += count);
            ends.push(end);
            below.push(sums.clone());
        }
        Ok(Side { runs, ends, below })
    }

    /// Requests of all runs.
    pub fn samples(&self) -> u64 {
        self.runs.iter().map(|(_, row)| row.ok + row.failed).sum()
    }

    /// Requests that failed, of all runs.
    pub fn failed(&self) -> u64 {
        self.runs.iter().map(|(_, row)| row.failed).sum()
    }

    /// Whether requests start on schedule in all runs, whatever the target does.
    pub fn is_open(&self) -> bool {
        self.runs.iter().all(|(stream, _)| stream.kind == StreamKind::Open)
    }

    /// The value of a metric, back from the additive scale: microseconds, a share, or requests a second.
    pub fn natural(metric: Metric, value: f64) -> f64 {
        // Rounded where the logarithm leaves its traces, so that 1,000 µs are not 999.9999999999998 µs.
        if metric.is_ratio() { (value.exp() * 1e6).round() / 1e6 } else { value }
    }

    /// Works a metric out, with its variance from `resamples` draws. The same seed gives the same numbers.
    pub fn known(&self, metric: Metric, resamples: u32, seed: u64) -> Known {
        let once = vec![1; self.runs.len()];
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let within = match metric {
            Metric::Quantile(q) => self.quantile_within(q, resamples, &mut rng) + ROUNDING,
            Metric::ErrorRate => self.share_within(),
            Metric::Throughput => self.rate_within(),
        };
        Known {
            value: self.value(metric, &once),
            runs: self.runs.len(),
            between: (self.runs.len() > 1).then(|| self.between(metric, resamples, &mut rng)),
            within,
        }
    }

    /// The value of a metric when each run counts as often as `times` says.
    fn value(&self, metric: Metric, times: &[u64]) -> f64 {
        let sum = |of: fn(&RowSample) -> f64| -> f64 {
            self.runs.iter().zip(times).map(|((_, row), n)| of(row) * *n as f64).sum()
        };
        let all = |row: &RowSample| (row.ok + row.failed) as f64;
        match metric {
            Metric::Quantile(q) => (self.quantile(q, times) as f64).ln(),
            Metric::ErrorRate => sum(|row| row.failed as f64) / sum(all).max(1.0),
            Metric::Throughput => (sum(|row| row.rate) / times.iter().sum::<u64>() as f64).max(NOTHING).ln(),
        }
    }

    /// The quantile of the merged histograms, in microseconds, failures the slowest: where they reach into it, it is
    /// the longest latency told apart.
    fn quantile(&self, q: f64, times: &[u64]) -> u64 {
        let of = |counts: &[u64]| counts.iter().zip(times).map(|(count, n)| count * n).sum::<u64>();
        let total: u64 = self.runs.iter().zip(times).map(|((_, row), n)| (row.ok + row.failed) * n).sum();
        let rank = ((q * total as f64 - 1e-6).ceil().max(1.0) as u64).min(total.max(1));
        let at = self.below.partition_point(|counts| of(counts) < rank);
        self.ends.get(at).copied().unwrap_or(HIGHEST_US).max(1)
    }

    /// Draws as many runs as there are, with replacement, again and again: the variance of what comes out. Requests are
    /// not drawn once more within a run: the runs differ by them already (Davison and Hinkley, Bootstrap Methods, 1997,
    /// 3.8). The draws of n runs vary by (n - 1) / n too little (Hesterberg 2015).
    fn between(&self, metric: Metric, resamples: u32, rng: &mut ChaCha8Rng) -> f64 {
        let n = self.runs.len();
        let values = (0..resamples).map(|_| {
            let mut times = vec![0; n];
            (0..n).for_each(|_| times[rng.random_range(0..n)] += 1);
            self.value(metric, &times)
        });
        variance(values) * n as f64 / (n as f64 - 1.0)
    }

    /// The rank of a quantile among drawn requests is binomial about q; so is, nearly, the quantile that they have.
    fn quantile_within(&self, q: f64, resamples: u32, rng: &mut ChaCha8Rng) -> f64 {
        let spread = (q * (1.0 - q) * self.design_effect(nearest(q)) / self.samples().max(1) as f64).sqrt();
        let once = vec![1; self.runs.len()];
        variance((0..resamples).map(|_| {
            let rank = (q + spread * normal(rng)).clamp(0.0, 1.0);
            (self.quantile(rank, &once) as f64).ln()
        }))
    }

    /// A share of failures, with one failure and one success more than there were, so that none at all is not taken for
    /// certainty (Agresti and Caffo, The American Statistician, 2000).
    fn share_within(&self) -> f64 {
        let n = self.samples() as f64 + 2.0;
        let share = (self.failed() as f64 + 1.0) / n;
        share * (1.0 - share) / n * self.design_effect(blocks::ERRORS)
    }

    /// On schedule, as many succeed as do not fail. Users who wait for answers make a count of their own: as uncertain
    /// as a Poisson count.
    fn rate_within(&self) -> f64 {
        let n = self.samples() as f64 + 2.0;
        let ok = n - 1.0 - self.failed() as f64;
        let failing = (n - ok) / (ok * n) * self.design_effect(blocks::ERRORS);
        if self.is_open() { failing } else { failing.max(1.0 / ok) }
    }

    /// The mean design effect of the runs.
    fn design_effect(&self, key: &str) -> f64 {
        let effects = self.runs.iter().map(|(stream, _)| stream.design_effects.get(key).copied().unwrap_or(1.0));
        effects.sum::<f64>() / self.runs.len().max(1) as f64
    }
}

/// The nearest quantile that has a design effect.
fn nearest(q: f64) -> &'static str {
    // Nearest in the number of nines: 99.5 % lies between 99 % and 99.9 %.
    let nines = |q: f64| -(1.0 - q).max(1e-6).ln();
    let distance = |of: f64| (nines(of) - nines(q)).abs();
    let nearest = blocks::QUANTILES.iter().min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)));
    nearest.map_or(blocks::ERRORS, |(name, _)| name)
}

fn variance(values: impl Iterator<Item = f64>) -> f64 {
    // Welford's way, which does not lose digits.
    let (mut n, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        n += 1.0;
        let off: f64 = value - mean;
        mean += off / n;
        squares += off * (value - mean);
    }
    if n > 1.0 { squares / (n - 1.0) } else { 0.0 }
}

/// A standard normal number (Box and Muller, 1958).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (a, b): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}
