//! Runs made by hand, whose truth is known.

mod baselines;
mod rates;
mod verdicts;

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::sample::{RowSample, RunSample, StreamSample};
use super::*;
use crate::model::Machine;
use crate::result::StreamKind;
use crate::timeline::latency::Hist;

/// A world that makes runs: log-normal latencies about 10 ms.
#[derive(Clone)]
struct World {
    rng: ChaCha8Rng,
    /// Requests of a run, on average.
    requests: f64,
    /// Standard deviation of the logarithm of a run's latencies as a whole.
    noise: f64,
    /// Share of runs that have a burst: a tenth of their requests takes five times as long.
    bursts: f64,
    made: usize,
}

impl World {
    fn new(seed: u64) -> World {
        World { rng: ChaCha8Rng::seed_from_u64(seed), requests: 10_000.0, noise: 0.03, bursts: 0.0, made: 0 }
    }

    fn normal(&mut self) -> f64 {
        let (a, b): (f64, f64) = (self.rng.random(), self.rng.random());
        (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }

    /// A Poisson number: exact where it is small, else nearly so.
    fn count(&mut self, mean: f64) -> u64 {
        if mean > 30.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as u64;
        }
        let (least, mut product, mut n) = ((-mean).exp(), self.rng.random::<f64>(), 0);
        while product > least {
            product *= self.rng.random::<f64>();
            n += 1;
        }
        n
    }

    /// A run whose latencies are `factor` times the usual.
    fn run(&mut self, factor: f64) -> RunSample {
        self.made += 1;
        let shift = (self.noise * self.normal()).exp() * factor;
        let burst = self.rng.random::<f64>() < self.bursts;
        let mut hist = Hist::default();
        // A count of its own for each thousandth of the scale: as if each request were drawn, and much faster.
        for cell in -400..600 {
            let z = f64::from(cell) / 100.0;
            let density = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt() / 100.0;
            let us = 10_000.0 * shift * (0.4 * z).exp();
            let mean = self.requests * density;
            let (usual, slow) = if burst { (0.9 * mean, 0.1 * mean) } else { (mean, 0.0) };
            (0..self.count(usual)).for_each(|_| hist.record(us as u64));
            (0..self.count(slow)).for_each(|_| hist.record((5.0 * us) as u64));
        }
        sample(&format!("run-{}", self.made), hist, 0)
    }

    fn runs(&mut self, count: usize, factor: f64) -> Vec<RunSample> {
        (0..count).map(|_| self.run(factor)).collect()
    }
}

/// A run of one stream.
fn sample(id: &str, hist: Hist, failed: u64) -> RunSample {
    let ok = hist.total();
    let row = RowSample {
        request: None,
        ok,
        failed,
        rate: ok as f64 / 60.0,
        p50_us: hist.at_rank(ok.div_ceil(2)),
        p95_us: None,
        p99_us: None,
        ok_histogram: hist.encode(),
    };
    let stream = StreamSample {
        name: name("steady"),
        kind: StreamKind::Open,
        asked_rate: Some(100.0),
        doubt: None,
        design_effects: BTreeMap::new(),
        rows: vec![row],
    };
    RunSample {
        id: RunId(id.into()),
        scenario: name("orders"),
        digest: "d".repeat(64),
        program: "0.1.0".into(),
        host: "one".into(),
        machine: None,
        started: "2026-11-03T04:29:00Z".into(),
        simulated: false,
        exit_code: 0,
        doubt: None,
        streams: vec![stream],
    }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn compared(base: &[RunSample], run: &[RunSample], options: &Options) -> Comparison {
    compare(base, run, "total", options).unwrap()
}
