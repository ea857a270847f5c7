//! Questions about a time: what a condition measures, and whether it holds.
//!
//! A condition without a stream looks at all load streams together, or at all probes where there is no load. Failures
//! rank as the slowest in a quantile, and a quantile `q` needs at least 10 / (1 - q) observations. What cannot be seen
//! is neither held nor missed.

use super::fold::Timeline;
use super::latency::Hist;
use super::load::LoadTrack;
use super::probes::{Look, ProbeTrack, Seen};
use crate::model::{Condition, Delta, Metric, Offset};

/// One second.
const SECOND: Delta = Delta::from_millis(1_000);

/// A probe that looks less than once a second still speaks of now after so many of its intervals.
const LOOKS: i64 = 3;

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// The value: a share, seconds, or a number. Infinite where failures reach into a quantile. None: not to be seen.
    pub value: Option<f64>,
    /// Whether the condition held; none: not to be seen.
    pub held: Option<bool>,
    /// In words, with unit and number of observations.
    pub words: String,
}

/// What was measured, for who only asks whether a condition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measured {
    /// It could be seen.
    Seen {
        /// Whether the condition holds.
        holds: bool,
        /// What was measured, in words.
        value: String,
    },
    /// It could not be seen.
    Unseen {
        /// Why.
        why: String,
    },
}

impl From<Measure> for Measured {
    fn from(measure: Measure) -> Measured {
        match measure.held {
            Some(holds) => Measured::Seen { holds, value: measure.words },
            None => Measured::Unseen { why: measure.words },
        }
    }
}

/// Observations put together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// Good ones.
    pub good: u64,
    /// Failures.
    pub bad: u64,
    /// Those that our side could not make or see.
    pub unseen: u64,
    /// Started in all.
    pub started: u64,
    /// Could not start because every sender waited for the target; counted in `bad`, too.
    pub dropped: u64,
    /// Latencies of good ones.
    pub latencies: Hist,
    /// The time they were made in.
    pub over: Delta,
}

impl Sample {
    /// How many are known to be good or bad.
    pub fn seen(&self) -> u64 {
        self.good + self.bad
    }

    /// Adds a load stream's requests intended in [`from`, `to`).
    pub fn add_load(&mut self, load: &LoadTrack, from: Offset, to: Offset) {
        let counts = load.counts(from, to);
        self.good += counts.ok;
        self.bad += counts.bad();
        self.unseen += counts.not_sent;
        self.started += counts.started;
        self.dropped += counts.dropped;
        self.latencies.merge(&load.latencies(from, to));
        self.over = to.since(from);
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
}

/// The least number of observations for a quantile: 10 / (1 - q). The largest of all needs one.
pub fn needed(q: f64) -> u64 {
    if q >= 1.0 { 1 } else { (10.0 / (1.0 - q) - 1e-6).ceil() as u64 }
}

/// Measures a condition over [`from`, `to`); its `for` plays no part.
pub fn measure(condition: &Condition, timeline: &Timeline, from: Offset, to: Offset) -> Measure {
    if condition.metric == Metric::Ok {
        return ok_now(condition, timeline, from, to);
    }
    let sample = sample(condition, timeline, from, to);
    let Some(value) = sample.value(&condition.metric) else {
        let words = match condition.metric {
            Metric::Quantile(q) if sample.seen() > 0 => {
                format!("too few observations for {}: {} of {}", condition.metric, sample.seen(), needed(q))
            }
            _ => "nothing was seen".into(),
        };
        return Measure { value: None, held: None, words };
    };
    let held = condition.threshold.map(|threshold| threshold.holds(value));
    Measure {
        value: Some(value),
        held,
        words: format!("{} of {}", show(&condition.metric, value), count(sample.seen())),
    }
}

/// The observations that a condition looks at.
pub fn sample(condition: &Condition, timeline: &Timeline, from: Offset, to: Offset) -> Sample {
    let mut sample = Sample::default();
    match &condition.stream {
        Some(name) => {
            timeline.loads.get(name).into_iter().for_each(|load| sample.add_load(load, from, to));
            timeline.probes.get(name).into_iter().for_each(|probe| sample.add_probe(probe, from, to));
        }
        None if timeline.loads.is_empty() => {
            timeline.probes.values().for_each(|probe| sample.add_probe(probe, from, to));
        }
        None => timeline.loads.values().for_each(|load| sample.add_load(load, from, to)),
    }
    sample
}

/// `stream.ok`: the newest look of the last second that was really seen, or the last second of load, was good.
///
/// One look that a busy machine could not make, or that is still waited for, takes nothing back from what was seen
/// just before; but what is older than a second says nothing of now.
fn ok_now(condition: &Condition, timeline: &Timeline, from: Offset, to: Offset) -> Measure {
    let name = condition.stream.as_ref();
    let probe = name.and_then(|name| timeline.probes.get(name));
    let load = name.and_then(|name| timeline.loads.get(name));
    let (last, why) = match (probe, load) {
        (Some(probe), _) => match newest_seen(probe, from, to) {
            // The same reason is kept once a second, so that of this look may stand up to a second before it.
            Some(look) if look.seen == Seen::Bad => {
                (Some(false), probe.reason_between((look.intended - SECOND).max(from), to))
            }
            look => (look.map(|_| true), None),
        },
        (None, Some(load)) => {
            let end = to.min(load.told());
            let counts = load.counts((end - SECOND).max(from), end);
            let seen = counts.seen() > 0 && counts.not_sent == 0 && to.since(end) <= SECOND;
            (seen.then(|| counts.bad() == 0), None)
        }
        (None, None) => (None, None),
    };
    let words = match (last, why) {
        (Some(true), _) => "good".into(),
        (Some(false), None) => "bad".into(),
        (Some(false), Some(why)) => format!("bad: {why}"),
        (None, _) => "nothing was seen just now".into(),
    };
    Measure { value: last.map(f64::from), held: last, words }
}

/// The newest look intended in [`from`, `to`) that saw something, good or bad. None when it had ended before the last
/// second, or the last [`LOOKS`] intervals where those are longer.
fn newest_seen(probe: &ProbeTrack, from: Offset, to: Offset) -> Option<Look> {
    let back = SECOND.max(Delta(probe.every.nanos().saturating_mul(LOOKS)));
    let seen = |look: &&Look| matches!(look.seen, Seen::Good | Seen::Bad);
    probe.between(from, to).iter().rev().find(seen).filter(|look| look.done() >= to - back).copied()
}

/// A value of a metric for people: `0.25 %`, `182 ms`, `498.2/s`.
pub fn show(metric: &Metric, value: f64) -> String {
    match metric {
        Metric::ErrorRate | Metric::Availability => format!("{} %", trim(value * 100.0, 3)),
        Metric::Quantile(_) | Metric::Mean | Metric::Max if value.is_infinite() => "beyond every answer".into(),
        Metric::Quantile(_) | Metric::Mean | Metric::Max => Delta((value * 1e9) as i64).to_string(),
        Metric::Rate => format!("{}/s", trim(value, 1)),
        Metric::Dropped | Metric::Ok => trim(value, 0),
    }
}

/// A number with at most `digits` decimals and no trailing zeros.
fn trim(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A whole number with thin groups: `12,345`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join(",")
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
