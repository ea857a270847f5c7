//! Questions about a time: what a condition measures, and whether it holds.
//!
//! A condition without a subject looks at all load streams together, or at all probes where there is no load; one with
//! a subject at everything that is called so, each alone, and the worst counts. What cannot be seen is neither held nor
//! missed.

use super::fold::Timeline;
use super::load::LoadTrack;
use super::probes::{Look, ProbeTrack, Seen};
use super::sample::{Sample, needed};
use crate::model::{Condition, Delta, Metric, Name, Offset, Subject};
use crate::scenario::plan::Plan;
use crate::scenario::subject::{Known, Meant, belongs};

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

/// What a subject means in a run.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// A probe.
    Probe(&'a Name, &'a ProbeTrack),
    /// A load stream: one of its request names, or all.
    Load(&'a Name, &'a LoadTrack, Option<u16>),
}

impl Scope<'_> {
    /// Its name: `steady`, `steady/create order`.
    pub fn shown(&self) -> String {
        match self {
            Scope::Probe(name, _) | Scope::Load(name, _, None) => name.to_string(),
            Scope::Load(name, load, Some(request)) => format!("{name}/{}", load.request(*request)),
        }
    }
}

impl Timeline {
    /// Everything that a subject means, each to be looked at alone; nothing where nothing is called so.
    pub fn scopes(&self, subject: &Subject) -> Vec<Scope<'_>> {
        let requests = |load: &LoadTrack| load.requests().map(str::to_owned).collect();
        let streams = self.loads.iter().map(|(name, load)| (name.to_string(), requests(load)));
        let probes = self.probes.keys().map(Name::to_string).collect();
        let known = Known { probes, streams: streams.collect(), partly: false };
        let scope = |meant: Meant<'_>| match meant {
            Meant::Probe(name) => self.probes.get_key_value(name).map(|(name, probe)| Scope::Probe(name, probe)),
            Meant::Stream(name) => self.loads.get_key_value(name).map(|(name, load)| Scope::Load(name, load, None)),
            Meant::Request(name, request) => {
                let (name, load) = self.loads.get_key_value(name)?;
                Some(Scope::Load(name, load, Some(load.name_of(request)?)))
            }
        };
        known.meant(subject).into_iter().filter_map(scope).collect()
    }
}

/// Whether a guard or a steady state of the plan looks at single request names while the run is on.
pub(super) fn asks_by_name(plan: &Plan) -> bool {
    let scenario = &plan.scenario;
    let plain = |subject: &Subject| match &subject.stream {
        None => true,
        Some(name) => {
            let load = scenario.load.iter().any(|load| belongs(load.name.as_str(), name.as_str()));
            subject.request.is_none() && (load || scenario.probes.iter().any(|probe| probe.name == *name))
        }
    };
    scenario.steady_state.iter().chain(&scenario.guard.stop_when).any(|condition| !plain(&condition.subject))
}

/// Measures a condition over [`from`, `to`); its `for` plays no part. All load streams together where it names none;
/// else the worst of what it names.
pub fn measure(condition: &Condition, timeline: &Timeline, from: Offset, to: Offset) -> Measure {
    if condition.metric == Metric::Ok {
        return ok_now(condition, timeline, from, to);
    }
    let scopes = timeline.scopes(&condition.subject);
    if condition.subject.is_all() {
        let mut sample = Sample::default();
        scopes.iter().for_each(|scope| add(&mut sample, scope, timeline, (from, to)));
        return measured(condition, &sample);
    }
    let each = scopes.iter().map(|scope| {
        let mut sample = Sample::default();
        add(&mut sample, scope, timeline, (from, to));
        let measure = measured(condition, &sample);
        let of = if scopes.len() > 1 { format!(" ({})", scope.shown()) } else { String::new() };
        Measure { words: format!("{}{of}", measure.words), ..measure }
    });
    // What does not hold counts before what cannot be seen, and that before what holds.
    let badness = |measure: &Measure| match measure.held {
        Some(true) => 0,
        None => 1,
        Some(false) => 2,
    };
    let nothing = || Measure { value: None, held: None, words: "nothing was seen".into() };
    each.max_by_key(badness).unwrap_or_else(nothing)
}

fn measured(condition: &Condition, sample: &Sample) -> Measure {
    let Some(value) = sample.value(&condition.metric) else {
        return Measure { value: None, held: None, words: unseen(&condition.metric, sample) };
    };
    let held = condition.threshold.map(|threshold| threshold.holds(value));
    Measure { value: Some(value), held, words: words(&condition.metric, value, sample.seen()) }
}

/// Why a metric has no value, in words.
pub(super) fn unseen(metric: &Metric, sample: &Sample) -> String {
    match metric {
        Metric::Quantile(q) if sample.seen() > 0 => {
            format!("too few observations for {metric}: {} of {}", sample.seen(), needed(*q))
        }
        _ => "nothing was seen".into(),
    }
}

/// A value with the number of observations that it was made of, in words.
pub(super) fn words(metric: &Metric, value: f64, seen: u64) -> String {
    format!("{} of {}", show(metric, value), count(seen))
}

fn add(sample: &mut Sample, scope: &Scope<'_>, timeline: &Timeline, (from, to): (Offset, Offset)) {
    match scope {
        Scope::Probe(_, probe) => sample.add_probe(probe, from, to),
        Scope::Load(_, load, None) => sample.add_load(load, from, to),
        Scope::Load(_, load, Some(request)) => {
            if let Some(sums) = load.between(*request, from, to, &timeline.spans()) {
                // As for whole streams: what still waits says nothing yet.
                let waiting = sums.counts.pending;
                sample.add_sums(&sums, to.since(from));
                sample.unseen -= waiting;
            }
        }
    }
}

/// `stream.ok`: the newest look of the last second that was really seen, or the last second of load, was good.
///
/// One look that a busy machine could not make, or that is still waited for, takes nothing back from what was seen
/// just before; but what is older than a second says nothing of now.
fn ok_now(condition: &Condition, timeline: &Timeline, from: Offset, to: Offset) -> Measure {
    let scopes = timeline.scopes(&condition.subject);
    let probe = scopes.iter().find_map(|scope| match scope {
        Scope::Probe(_, probe) => Some(*probe),
        Scope::Load(..) => None,
    });
    let (last, why) = match (probe, scopes.as_slice()) {
        (Some(probe), _) => match newest_seen(probe, from, to) {
            // The same reason is kept once a second, so that of this look may stand up to a second before it.
            Some(look) if look.seen == Seen::Bad => {
                (Some(false), probe.reason_between((look.intended - SECOND).max(from), to))
            }
            look => (look.map(|_| true), None),
        },
        (None, []) => (None, None),
        (None, loads) => (worst(loads.iter().map(|scope| good_now(scope, timeline, (from, to)))), None),
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

/// Whether the last second of load was good.
fn good_now(scope: &Scope<'_>, timeline: &Timeline, (from, to): (Offset, Offset)) -> Option<bool> {
    let Scope::Load(_, load, request) = scope else { return None };
    let end = to.min(load.told());
    let from = (end - SECOND).max(from);
    let counts = match request {
        None => load.counts(from, end),
        Some(request) => load.between(*request, from, end, &timeline.spans())?.counts,
    };
    (counts.seen() > 0 && counts.not_sent == 0 && to.since(end) <= SECOND).then(|| counts.bad() == 0)
}

/// Bad before unknown before good.
fn worst(all: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut worst = Some(true);
    for one in all {
        match one {
            Some(false) => return Some(false),
            None => worst = None,
            Some(true) => {}
        }
    }
    worst
}

/// A value of a metric for people: `0.25 %`, `182 ms`, `498.2/s`.
pub fn show(metric: &Metric, value: f64) -> String {
    match metric {
        Metric::ErrorRate | Metric::Availability => format!("{} %", trim(value * 100.0, 3)),
        Metric::Quantile(_) | Metric::Mean | Metric::Max if value.is_infinite() => "beyond every answer".into(),
        Metric::Quantile(_) | Metric::Mean | Metric::Max => Delta((value * 1e9) as i64).to_string(),
        Metric::Rate => format!("{}/s", trim(value, 1)),
        Metric::Apdex(_) => trim(value, 3),
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
