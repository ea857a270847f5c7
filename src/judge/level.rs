//! One bound on one metric of one stream or request name, over one span.
//!
//! What our side could not send, and what was never answered, is taken for the best and for the worst: it makes a level
//! inconclusive where that changes the answer.

use super::part::{Rule, number};
use crate::model::{Metric, Threshold};
use crate::result::{Outcome, Part};
use crate::timeline::Timeline;
use crate::timeline::load::SpanRange;
use crate::timeline::load_line::LoadModel;
use crate::timeline::query::{Scope, count, show};
use crate::timeline::sample::{Sample, needed};

/// Judges a span of what a level looks at. `part` has its objective, subject and bound.
pub(super) fn judge(
    part: Part,
    (metric, threshold): (&Metric, &Threshold),
    scope: &Scope<'_>,
    range: &SpanRange,
    timeline: &Timeline,
) -> Part {
    let now = timeline.now();
    let (from, to) = (range.from, range.to.unwrap_or(now));
    match scope {
        Scope::Probe(_, probe) => {
            let mut sample = Sample::default();
            sample.add_probe(probe, from, to);
            rule(part, metric, threshold, &sample)
        }
        Scope::Load(_, load, request) => {
            let sample = match timeline.first_act().filter(|act| range.to.is_some_and(|end| end <= *act)) {
                Some(act) => Sample::of_calm(load, range, *request, act, now),
                None => Sample::of_span(load, range, *request, now),
            };
            let mut part = rule(part, metric, threshold, &sample);
            if sample.struck > 0 {
                let struck = number(sample.struck, "request", "requests");
                let why =
                    format!("{}; {struck} under way at its end failed after a fault had acted: not counted", part.why);
                part.why = why;
            }
            match load.missing_between(from, to) {
                Some(missing) => {
                    let why = format!("part of the stream is missing from {} on: {}", missing.from, missing.why);
                    part.rule(Outcome::Inconclusive, why)
                }
                None => part,
            }
        }
    }
}

/// What a level looks at, with its model where that matters: `steady/create order`, `users, closed model`.
pub(super) fn shown(scope: &Scope<'_>) -> String {
    let closed = matches!(scope, Scope::Load(_, load, _) if load.model == LoadModel::Closed);
    format!("{}{}", scope.shown(), if closed { ", closed model" } else { "" })
}

fn rule(mut part: Part, metric: &Metric, threshold: &Threshold, sample: &Sample) -> Part {
    let Some(value) = sample.value(metric).filter(|_| sample.seen() > 0) else {
        let why = match metric {
            Metric::Quantile(q) if sample.seen() > 0 => {
                format!("{metric} needs {} observations, and there were {}", count(needed(*q)), count(sample.seen()))
            }
            _ => "nothing was seen in this time".into(),
        };
        return part.rule(Outcome::Inconclusive, why);
    };
    let (low, high) = sample.extremes(metric).unwrap_or((value, value));
    part.measured = format!("{} of {}", show(metric, value), number(sample.seen(), "observation", "observations"));
    part.value = Some(value).filter(|v| v.is_finite());
    part.bounds = low.is_finite().then(|| (low, Some(high).filter(|v| v.is_finite())));
    match sample.surely(metric, threshold) {
        Some(true) => part.rule(Outcome::Pass, "within the level"),
        Some(false) => {
            let why = match metric {
                _ if value.is_infinite() => {
                    format!("failures reach into it: {} of {} failed", count(sample.bad), count(sample.seen()))
                }
                Metric::ErrorRate | Metric::Availability => {
                    format!("{} of {} failed", count(sample.bad), count(sample.seen()))
                }
                _ => "beyond the level".into(),
            };
            part.rule(Outcome::Breach, why)
        }
        None => {
            let unseen = number(sample.unseen, "request", "requests");
            let why = format!("{unseen} could not be sent or seen, and that could change the answer");
            part.rule(Outcome::Inconclusive, why)
        }
    }
}
