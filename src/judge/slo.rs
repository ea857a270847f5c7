//! Service levels of a phase, or of a fault's own span.
//!
//! Each level is judged on every open-model stream on its own, and the worst counts. Closed-model users slow down while
//! the target does, which hides an outage: they are judged before and after the faults only. Without any load, probes
//! are judged. `stream.metric` as key names one stream or probe. What our side could not send, and what was never
//! answered, is taken for the best and for the worst: it makes a level inconclusive where that changes the answer.

use std::collections::BTreeMap;

use super::part::{Rule, part};
use crate::model::{Delta, Metric, Name, Threshold};
use crate::result::{Objective, Outcome, Part};
use crate::scenario::objectives::level_key;
use crate::scenario::plan::Plan;
use crate::timeline::Timeline;
use crate::timeline::load::{SpanRange, WINDOW};
use crate::timeline::load_line::LoadModel;
use crate::timeline::query::{Sample, count, needed, show};

/// One part for each span, metric and stream.
pub(super) fn judge(
    objectives: &BTreeMap<Name, BTreeMap<String, String>>,
    plan: &Plan,
    timeline: &Timeline,
) -> Vec<Part> {
    let levels = objectives.iter().flat_map(|(span, metrics)| metrics.iter().map(move |(key, text)| (span, key, text)));
    levels.flat_map(|(span, key, text)| level(span, key, text, plan, timeline)).collect()
}

/// A level as written: which stream, which metric, which bound.
struct Level {
    stream: Option<Name>,
    metric: Metric,
    threshold: Threshold,
}

fn read(key: &str, text: &str) -> Result<Level, String> {
    let (stream, metric) = level_key(key).map_err(|e| e.to_string())?;
    let threshold = Threshold::parse(&metric, text).map_err(|e| e.to_string())?;
    Ok(Level { stream, metric, threshold })
}

fn level(span: &Name, key: &str, text: &str, plan: &Plan, timeline: &Timeline) -> Vec<Part> {
    let unclear =
        |subject: String, why: &str| vec![part(Objective::Slo, subject, text).rule(Outcome::Inconclusive, why)];
    let level = match read(key, text) {
        Ok(level) => level,
        Err(why) => return unclear(format!("{span} {key}"), &why),
    };
    let Some(range) = timeline.span_named(span.as_str()) else {
        return unclear(
            format!("{span} {key}"),
            "this phase never came, or this fault never acted: nothing was looked at",
        );
    };
    let calm = matches!(span.as_str(), "warmup" | "baseline" | "after");
    let streams = eligible(&level, calm, plan, timeline);
    if streams.is_empty() {
        let why = "no stream can be judged here: a closed-model stream slows down with its target, so give an open-model \
                   stream or a probe";
        return unclear(format!("{span} {key}"), why);
    }
    streams.into_iter().map(|stream| judge_stream(span, &level, text, stream, range, timeline)).collect()
}

/// The streams that a level is judged on.
fn eligible<'a>(level: &Level, calm: bool, plan: &'a Plan, timeline: &'a Timeline) -> Vec<&'a Name> {
    let fits = |name: &&Name| {
        let load = timeline.loads.get(*name);
        load.map_or(timeline.probes.contains_key(*name), |load| calm || load.model == LoadModel::Open)
    };
    let load = || plan.scenario.load.iter().map(|load| &load.name).filter(fits).collect::<Vec<_>>();
    match &level.stream {
        Some(name) => {
            let all = plan.scenario.load.iter().map(|l| &l.name).chain(plan.scenario.probes.iter().map(|p| &p.name));
            all.filter(|n| *n == name).filter(fits).collect()
        }
        None if load().is_empty() => plan.scenario.probes.iter().map(|p| &p.name).collect(),
        None => load(),
    }
}

fn judge_stream(span: &Name, level: &Level, text: &str, stream: &Name, range: SpanRange, timeline: &Timeline) -> Part {
    let (from, to) = (range.from, range.to.unwrap_or(timeline.now()));
    let load = timeline.loads.get(stream);
    let closed = load.is_some_and(|load| load.model == LoadModel::Closed);
    let model = if closed { ", closed model" } else { "" };
    let part = part(Objective::Slo, format!("{span} {} ({stream}{model})", level.metric), text).at([from]);
    let mut sample = Sample::default();
    match (load, timeline.probes.get(stream)) {
        (Some(load), _) => {
            let sums = load.sum(range.span);
            let counts = sums.counts;
            sample.good = counts.ok;
            sample.bad = counts.bad();
            sample.unseen = counts.not_sent + counts.pending;
            sample.started = counts.started;
            sample.dropped = counts.dropped;
            sample.latencies = sums.ok;
            sample.over = Delta(WINDOW.nanos() * load.cells(from, to).len() as i64);
        }
        (None, Some(probe)) => sample.add_probe(probe, from, to),
        (None, None) => {}
    }
    let part = rule(part, level, &sample);
    match load.and_then(|load| load.missing_between(from, to)) {
        Some(missing) => {
            let why = format!("part of the stream is missing from {} on: {}", missing.from, missing.why);
            part.rule(Outcome::Inconclusive, why)
        }
        None => part,
    }
}

fn rule(mut part: Part, level: &Level, sample: &Sample) -> Part {
    let Level { metric, threshold, .. } = level;
    let Some(value) = sample.value(metric) else {
        let why = match metric {
            Metric::Quantile(q) if sample.seen() > 0 => {
                format!("{metric} needs {} observations, and there were {}", count(needed(*q)), count(sample.seen()))
            }
            _ => "nothing was seen in this time".into(),
        };
        return part.rule(Outcome::Inconclusive, why);
    };
    let (low, high) = extremes(metric, sample).unwrap_or((value, value));
    part.measured =
        format!("{} of {}", show(metric, value), super::part::number(sample.seen(), "observation", "observations"));
    part.value = Some(value).filter(|v| v.is_finite());
    part.bounds = low.is_finite().then(|| (low, Some(high).filter(|v| v.is_finite())));
    let held = [low, value, high].map(|v| threshold.holds(v));
    if held == [true; 3] {
        return part.rule(Outcome::Pass, "within the level");
    }
    if held == [false; 3] {
        let why = match metric {
            _ if value.is_infinite() => {
                format!("failures reach into it: {} of {} failed", count(sample.bad), count(sample.seen()))
            }
            Metric::ErrorRate | Metric::Availability => {
                format!("{} of {} failed", count(sample.bad), count(sample.seen()))
            }
            _ => "beyond the level".into(),
        };
        return part.rule(Outcome::Breach, why);
    }
    let unseen = super::part::number(sample.unseen, "request", "requests");
    part.rule(Outcome::Inconclusive, format!("{unseen} could not be sent or seen, and that could change the answer"))
}

/// The value if all that is not known were good, and if it were bad, the lesser first.
fn extremes(metric: &Metric, sample: &Sample) -> Option<(f64, f64)> {
    let (x, seen) = (sample.unseen, sample.seen());
    if x == 0 {
        return None;
    }
    let share = |n: u64| n as f64 / (seen + x) as f64;
    match metric {
        Metric::ErrorRate => Some((share(sample.bad), share(sample.bad + x))),
        Metric::Availability => Some((share(sample.good), share(sample.good + x))),
        Metric::Quantile(q) => {
            let total = sample.latencies.total() + sample.bad + x;
            let rank = (q * total as f64 - 1e-6).ceil().max(1.0) as u64;
            let at = |rank: u64| sample.latencies.at_rank(rank).map_or(f64::INFINITY, |us| us as f64 / 1e6);
            let fastest = if rank <= x { 0.0 } else { at(rank - x) };
            Some((fastest, at(rank)))
        }
        Metric::Max => Some((sample.value(metric)?, f64::INFINITY)),
        Metric::Mean => Some((0.0, f64::INFINITY)),
        Metric::Rate | Metric::Dropped | Metric::Ok => None,
    }
}
