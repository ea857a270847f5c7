//! How much the requests of one run hang together. Slow requests come in bursts, so a thousand requests tell less than
//! a thousand independent ones would; how much less is the design effect (L. Kish, Survey Sampling, 1965): the variance
//! of a share over blocks of time, divided by that of independent draws.

use std::collections::BTreeMap;

use super::sample::RowSample;
use crate::model::Offset;
use crate::result::{RunResult, StreamInfo, Window};
use crate::timeline::latency::{Hist, Sparse};

/// Blocks that a span is cut into, as far as its seconds reach: few enough that a burst fits into one.
const BLOCKS: usize = 20;

/// Fewer blocks say nothing.
const FEWEST: usize = 5;

/// The quantiles for which it is worked out; others take the nearest.
pub const QUANTILES: [(&str, f64); 5] = [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)];

/// The key of failures.
pub const ERRORS: &str = "errors";

/// Latencies of successes by stream, then by second of the run.
pub type Log = BTreeMap<String, BTreeMap<i64, Sparse>>;

/// Reads `latency.hlog`. Lines that are none of ours are passed over: they belong to the reports, not to the result.
pub fn read(text: &str) -> Log {
    let mut log = Log::new();
    for line in text.lines() {
        let mut fields = line.split(',');
        let (Some(tag), Some(start), Some(histogram)) = (fields.next(), fields.next(), fields.nth(2)) else { continue };
        let (Some(tag), Ok(start)) = (tag.strip_prefix("Tag="), start.parse::<f64>()) else { continue };
        let Ok(hist) = Sparse::decode(histogram) else { continue };
        log.entry(tag.to_owned()).or_default().entry(start.floor() as i64).or_default().merge(hist);
    }
    log
}

/// The design effects of a stream in a span; empty where the run was too short, or its log is missing.
pub fn design_effects(
    result: &RunResult,
    info: &StreamInfo,
    span: &str,
    row: &RowSample,
    log: &Log,
) -> BTreeMap<String, f64> {
    let seconds = seconds(result, info, span);
    let failed = |w: &Window| (w.latency.err + w.latency.dropped + w.latency.pending) as f64;
    let counts: Vec<(f64, f64)> = seconds.iter().map(|w| (failed(w), failed(w) + w.latency.ok as f64)).collect();
    let mut effects = BTreeMap::new();
    effects.extend(effect(&counts).map(|effect| (ERRORS.to_owned(), effect)));
    // The log writes blanks of a stream's name as underscores.
    let tag: String = info.name.as_str().chars().map(|c| if c.is_whitespace() { '_' } else { c }).collect();
    let (Some(log), Ok(hist)) = (log.get(&tag), row.hist()) else { return effects };
    for (name, q) in QUANTILES {
        let Some(value) = quantile(&hist, row.failed, q) else { continue };
        let above = |w: &Window| log.get(&second(w.from)).map_or(0, |hist| hist.above(value)) as f64;
        let slow: Vec<(f64, f64)> = seconds.iter().zip(&counts).map(|(w, (bad, all))| (above(w) + bad, *all)).collect();
        effects.extend(effect(&slow).map(|effect| (name.to_owned(), effect)));
    }
    effects
}

fn second(at: Offset) -> i64 {
    at.nanos().div_euclid(1_000_000_000)
}

/// The seconds of a stream that lie inside a span.
fn seconds<'r>(result: &'r RunResult, info: &StreamInfo, span: &str) -> Vec<&'r Window> {
    let windows = result.windows.get(&info.name).map(Vec::as_slice).unwrap_or_default();
    let phase = result.phases.iter().find(|phase| phase.phase.as_str() == span);
    let inside = |w: &&Window| match phase {
        Some(phase) => w.from >= phase.from && second(w.from) < second(phase.to),
        None => span == "total",
    };
    windows.iter().filter(inside).collect()
}

/// The value of a quantile, failures the slowest; none: failures reach into it.
fn quantile(hist: &Hist, failed: u64, q: f64) -> Option<u64> {
    let total = hist.total() + failed;
    hist.at_rank((q * total as f64 - 1e-6).ceil().max(1.0) as u64)
}

/// The design effect of a share whose hits and trials are given by second: of the ratio's variance over blocks
/// (W. G. Cochran, Sampling Techniques, 1977, 6.4) to that of independent trials.
fn effect(seconds: &[(f64, f64)]) -> Option<f64> {
    let length = seconds.len().div_ceil(BLOCKS).max(1);
    let sum = |block: &[(f64, f64)]| block.iter().fold((0.0, 0.0), |(x, n), (dx, dn)| (x + dx, n + dn));
    // A last block that is shorter than the others is left out: it would count for more than it is worth.
    let blocks: Vec<(f64, f64)> = seconds.chunks_exact(length).map(sum).collect();
    let (hits, trials) = sum(&blocks);
    let share = hits / trials;
    if blocks.len() < FEWEST || trials <= 0.0 || share <= 0.0 || share >= 1.0 {
        return None;
    }
    let m = blocks.len() as f64;
    let squares: f64 = blocks.iter().map(|(x, n)| (x - share * n).powi(2)).sum();
    let effect = m / (m - 1.0) * squares / (trials * share * (1.0 - share));
    // Rounded, so that a baseline is read back as it was written; below 1 it would be luck.
    Some((effect.max(1.0) * 1e3).round() / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_trials_have_no_design_effect_and_a_burst_has_a_large_one() {
        let even = vec![(5.0, 100.0); 60];
        assert_eq!(effect(&even), Some(1.0));
        let mut burst = vec![(0.0, 100.0); 60];
        burst[9..12].fill((100.0, 100.0));
        // All 300 hits in one of 20 blocks of 300 trials: 20/19 * (285^2 + 19 * 15^2) / (6000 * 0.05 * 0.95).
        assert!((effect(&burst).unwrap() - 315.789).abs() < 0.001, "{:?}", effect(&burst));
        assert_eq!(effect(&even[..4]), None, "too short to say");
        assert_eq!(effect(&vec![(0.0, 100.0); 60]), None, "nothing happened");
    }

    #[test]
    fn a_log_is_read_by_stream_and_second() {
        let hist = |values: &[u64]| {
            let mut hist = Hist::default();
            values.iter().for_each(|v| hist.record(*v));
            hist.encode()
        };
        let text = format!(
            "#[comment]\n\"StartTimestamp\",x\nTag=a_b,0.000,1.000,0.1,{}\nTag=a_b,1.000,1.000,0.1,{}\nTag=c,1,1,1,?\n",
            hist(&[100, 200]),
            hist(&[300])
        );
        let log = read(&text);
        assert_eq!(log["a_b"][&0].total(), 2);
        assert_eq!(log["a_b"][&1].above(250), 1);
        assert!(!log.contains_key("c"), "damaged lines are passed over");
    }
}
