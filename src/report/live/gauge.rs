//! Rate, failures and p95 of about the last second, from the lines of load workers; from probes where there is no load.

use std::collections::VecDeque;

use crate::model::Offset;
use crate::report::words;
use crate::timeline::event::Sight;
use crate::timeline::latency::{Hist, Sparse};
use crate::timeline::load_line::{WINDOW_MS, WindowLine};

/// Windows that are shown together: one second.
const SHOWN: u64 = 1_000 / WINDOW_MS;

/// Windows that are left out at the end, because their answers are still coming in.
const LATE: u64 = 3;

/// Most lines kept: a second of 40 request names and workers; a display may be coarse, but not grow.
const MOST: usize = 1_024;

/// What was seen lately.
#[derive(Default)]
pub(super) struct Gauge {
    /// Window, good, bad, histogram of the good ones as it came.
    load: VecDeque<(u64, u64, u64, String)>,
    /// Intended start, whether it was good, microseconds; blind looks are left out.
    looks: VecDeque<(Offset, bool, u64)>,
    newest: u64,
}

impl Gauge {
    pub(super) fn load(&mut self, line: &WindowLine) {
        self.newest = self.newest.max(line.window);
        self.load.push_back((line.window, line.ok, line.err + line.dropped, line.hist_ok.clone()));
        let newest = self.newest;
        self.load.retain(|(window, ..)| window + LATE + SHOWN > newest);
        while self.load.len() > MOST {
            self.load.pop_front();
        }
    }

    pub(super) fn probe(&mut self, intended: Offset, done: Offset, sight: &Sight) {
        let good = match sight {
            Sight::Good => true,
            Sight::Bad { .. } => false,
            Sight::Blind { .. } => return,
        };
        let took = u64::try_from(done.since(intended).nanos() / 1_000).unwrap_or(0);
        self.looks.push_back((intended, good, took));
        let second = intended - crate::model::Delta::from_millis(1_000);
        self.looks.retain(|(at, ..)| *at > second);
        while self.looks.len() > MOST {
            self.looks.pop_front();
        }
    }

    /// The figures as words; none where nothing was seen.
    pub(super) fn read(&self) -> Option<String> {
        if self.load.is_empty() { self.read_probes() } else { self.read_load() }
    }

    fn read_load(&self) -> Option<String> {
        let shown = |window: u64| window + LATE <= self.newest && window + LATE + SHOWN > self.newest;
        let (mut good, mut bad, mut hist) = (0, 0, Hist::default());
        for (_, ok, failed, text) in self.load.iter().filter(|(window, ..)| shown(*window)) {
            good += ok;
            bad += failed;
            // A line that cannot be read is the recorder's business, not the display's.
            if let Ok(sparse) = Sparse::decode(text) {
                hist.merge_sparse(&sparse);
            }
        }
        (good + bad > 0).then(|| figures(good, bad, p95(good, bad, |rank| hist.at_rank(rank))))
    }

    fn read_probes(&self) -> Option<String> {
        let mut took: Vec<u64> = self.looks.iter().filter(|(_, good, _)| *good).map(|(.., took)| *took).collect();
        took.sort_unstable();
        let good = took.len() as u64;
        let bad = self.looks.len() as u64 - good;
        let at = |rank: u64| took.get(usize::try_from(rank).ok()?.checked_sub(1)?).copied();
        (good + bad > 0).then(|| format!("probes {}", figures(good, bad, p95(good, bad, at))))
    }
}

/// Failures rank as the slowest.
fn p95(good: u64, bad: u64, at_rank: impl Fn(u64) -> Option<u64>) -> Option<u64> {
    let rank = ((good + bad) * 95).div_ceil(100);
    if rank > good { None } else { at_rank(rank) }
}

fn figures(good: u64, bad: u64, p95: Option<u64>) -> String {
    let errors = bad as f64 / (good + bad) as f64;
    let p95 = p95.map_or_else(|| "failures".into(), words::micros);
    format!("{}, {} errors, p95 {p95}", words::rate(good as f64), words::percent(errors))
}
