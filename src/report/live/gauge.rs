//! Rate, failures and p95 of about the last second, from the lines of load workers; from probes where there is no load.

use std::collections::{BTreeMap, VecDeque};

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

/// Most windows with requests in flight that are told apart; a display must not grow.
const MOST_OPEN: usize = 100_000;

/// What a line of a load worker says, as far as it is shown.
struct Told {
    window: u64,
    intended: u64,
    started: u64,
    good: u64,
    bad: u64,
    /// Histogram of the good ones, as it came.
    hist: String,
}

/// The figures of about the last second of load.
pub(super) struct Figures {
    /// Requests that should have started.
    pub(super) intended: u64,
    /// Requests that did.
    pub(super) started: u64,
    pub(super) good: u64,
    pub(super) bad: u64,
    pub(super) in_flight: u64,
    hist: Hist,
}

impl Figures {
    /// A quantile in percent, in microseconds; none: failures reach into it, or nothing was seen.
    pub(super) fn quantile(&self, percent: u64) -> Option<u64> {
        quantile(percent, self.good, self.bad, |rank| self.hist.at_rank(rank))
    }
}

/// What was seen lately.
#[derive(Default)]
pub(super) struct Gauge {
    load: VecDeque<Told>,
    /// Requests that are not answered yet, by window, worker and name.
    open: BTreeMap<(u64, u32, String), u64>,
    /// Intended start, whether it was good, microseconds; blind looks are left out.
    looks: VecDeque<(Offset, bool, u64)>,
    newest: u64,
}

impl Gauge {
    pub(super) fn load(&mut self, line: &WindowLine) {
        self.newest = self.newest.max(line.window);
        self.load.push_back(Told {
            window: line.window,
            intended: line.intended,
            started: line.started,
            good: line.ok,
            bad: line.err + line.dropped,
            hist: line.hist_ok.clone(),
        });
        let newest = self.newest;
        self.load.retain(|told| told.window + LATE + SHOWN > newest);
        while self.load.len() > MOST {
            self.load.pop_front();
        }
        let key = (line.window, line.worker, line.name.clone());
        match line.pending {
            0 => _ = self.open.remove(&key),
            n if self.open.len() < MOST_OPEN => _ = self.open.insert(key, n),
            _ => {}
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
        let figures = self.figures();
        let Figures { good, bad, .. } = figures;
        (good + bad > 0).then(|| words_of(good, bad, figures.quantile(95)))
    }

    /// The figures of about the last second.
    pub(super) fn figures(&self) -> Figures {
        let shown = |window: u64| window + LATE <= self.newest && window + LATE + SHOWN > self.newest;
        let in_flight = self.open.values().sum();
        let mut all = Figures { intended: 0, started: 0, good: 0, bad: 0, in_flight, hist: Hist::default() };
        for told in self.load.iter().filter(|told| shown(told.window)) {
            all.intended += told.intended;
            all.started += told.started;
            all.good += told.good;
            all.bad += told.bad;
            // A line that cannot be read is the recorder's business, not the display's.
            if let Ok(sparse) = Sparse::decode(&told.hist) {
                all.hist.merge_sparse(&sparse);
            }
        }
        all
    }

    fn read_probes(&self) -> Option<String> {
        let mut took: Vec<u64> = self.looks.iter().filter(|(_, good, _)| *good).map(|(.., took)| *took).collect();
        took.sort_unstable();
        let good = took.len() as u64;
        let bad = self.looks.len() as u64 - good;
        let at = |rank: u64| took.get(usize::try_from(rank).ok()?.checked_sub(1)?).copied();
        (good + bad > 0).then(|| format!("probes {}", words_of(good, bad, quantile(95, good, bad, at))))
    }
}

/// Failures rank as the slowest.
fn quantile(percent: u64, good: u64, bad: u64, at_rank: impl Fn(u64) -> Option<u64>) -> Option<u64> {
    let rank = ((good + bad) * percent).div_ceil(100);
    if rank > good { None } else { at_rank(rank) }
}

fn words_of(good: u64, bad: u64, p95: Option<u64>) -> String {
    let errors = bad as f64 / (good + bad) as f64;
    let p95 = p95.map_or_else(|| "failures".into(), words::micros);
    format!("{}, {} errors, p95 {p95}", words::rate(good as f64), words::percent(errors))
}
