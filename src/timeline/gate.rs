//! What a load alone is stopped by, and what its search for the highest rate asks: conditions over the load so far and
//! over single steps. Only what is sure counts: whatever became of requests that are still under way.

use super::Timeline;
use super::load::{Counts, LoadTrack, Span, SpanRange};
use super::query::{Scope, unseen, words};
use super::sample::Sample;
use crate::model::{Condition, Delta, Metric, Name, Offset};
use crate::scenario::plan::LoadPlan;

/// Least share of the asked rate that was really sent, for its figures to say anything about that rate.
pub const RATE_SHARE: f64 = 0.95;

/// A threshold that stops the load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trip {
    /// The threshold, as written.
    pub threshold: String,
    /// What was measured, in words.
    pub measured: String,
}

/// A threshold at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThresholdNow {
    /// The threshold, as written.
    pub threshold: String,
    /// Whether it surely holds over the load so far, or surely does not; none: it cannot be told yet.
    pub held: Option<bool>,
    /// What was measured, in words.
    pub measured: String,
}

/// Every threshold over the load so far, in the order of the plan. Of several streams or request names that one means,
/// the worst counts.
pub fn states(plan: &LoadPlan, timeline: &Timeline, now: Offset) -> Vec<ThresholdNow> {
    let state = |when: &str| {
        let condition: Condition = when.parse().ok()?;
        let bound = condition.threshold?;
        let looks = timeline.scopes(&condition.subject).into_iter().filter_map(|scope| {
            let Scope::Load(_, load, request) = scope else { return None };
            let sample = Sample::of_span(load, &TOTAL, request, now);
            Some((sample.surely(&condition.metric, &bound), measured(&condition.metric, &sample)))
        });
        let badness = |held: &Option<bool>| match held {
            Some(false) => 2,
            None => 1,
            Some(true) => 0,
        };
        looks.max_by_key(|(held, _)| badness(held))
    };
    let now = plan.thresholds.iter().map(|threshold| {
        let (held, measured) = state(&threshold.when).unwrap_or((None, "nothing was seen".into()));
        ThresholdNow { threshold: threshold.when.clone(), held, measured }
    });
    now.collect()
}

/// The first threshold with `abort_on_fail` that surely does not hold over the load so far; none while its
/// `delay_abort_eval` lasts, counted from the first request, and none where too little was seen.
pub fn failing(plan: &LoadPlan, timeline: &Timeline, now: Offset) -> Option<Trip> {
    let begin = timeline.loads.values().filter_map(LoadTrack::begin).min()?;
    let due = |delay: Delta| now.since(begin) >= delay;
    let watched = plan.thresholds.iter().filter(|t| t.abort_on_fail && due(t.delay_abort_eval.into()));
    watched.into_iter().find_map(|threshold| {
        let condition: Condition = threshold.when.parse().ok()?;
        let bound = condition.threshold?;
        let broken = timeline.scopes(&condition.subject).into_iter().find_map(|scope| {
            let Scope::Load(_, load, request) = scope else { return None };
            let sample = Sample::of_span(load, &TOTAL, request, now);
            let failed = sample.surely(&condition.metric, &bound) == Some(false);
            failed.then(|| format!("{} ({})", measured(&condition.metric, &sample), scope.shown()))
        });
        broken.map(|measured| Trip { threshold: threshold.when.clone(), measured })
    })
}

/// The whole run.
pub const TOTAL: SpanRange = SpanRange { span: Span::Total, from: Offset(i64::MIN), to: None };

/// What a step of a search showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepLook {
    /// Every condition held.
    Held {
        /// What was measured, in words.
        measured: String,
    },
    /// A condition did not hold.
    Broke {
        /// Which, and what was measured.
        why: String,
    },
    /// It cannot be told.
    Unclear {
        /// Why.
        why: String,
        /// Whether it is for reasons on our side; else too little was seen, or answers are still to come.
        ours: bool,
    },
}

/// Looks at [`from`, `to`) of a stream, a step that the timeline knows: whether every condition holds, whatever becomes
/// of requests that are still under way.
pub fn step(conditions: &[Condition], stream: &Name, timeline: &Timeline, from: Offset, to: Offset) -> StepLook {
    let unclear = |why: String| StepLook::Unclear { why, ours: false };
    let Some(load) = timeline.loads.get(stream) else { return unclear(format!("there is no stream `{stream}`")) };
    let mut known = load.search.iter().flat_map(|search| search.steps.iter().enumerate());
    let Some((nth, step)) = known.rfind(|(_, step)| step.from == from && step.to == to) else {
        return unclear("this step was not announced".into());
    };
    let range = SpanRange { span: Span::Step(nth), from, to: Some(to) };
    if let Some(why) = unsent(load, &range, f64::from(step.per_second), timeline.now()) {
        return StepLook::Unclear { why, ours: true };
    }
    let (mut held, mut doubts) = (Vec::new(), Vec::new());
    for condition in conditions {
        let Some(bound) = condition.threshold else { continue };
        let scopes = own_scopes(condition, stream, timeline);
        if scopes.is_empty() {
            doubts.push(format!("`{condition}`: {stream} has nothing called so"));
        }
        for scope in scopes {
            let Scope::Load(_, load, request) = scope else { continue };
            let sample = Sample::of_span(load, &range, request, timeline.now());
            let said = format!("`{condition}`: {}", measured(&condition.metric, &sample));
            match sample.surely(&condition.metric, &bound) {
                Some(true) => held.push(said),
                Some(false) => return StepLook::Broke { why: said },
                None if sample.unseen > 0 => {
                    doubts.push(format!("{said}, and {} are not answered or not sent", sample.unseen));
                }
                None => doubts.push(said),
            }
        }
    }
    match doubts.first() {
        Some(why) => unclear(why.clone()),
        None if held.is_empty() => unclear("no condition was looked at".into()),
        None => StepLook::Held { measured: held.join(", ") },
    }
}

/// What a condition means within one stream: its request names count before other streams.
pub fn own_scopes<'a>(condition: &Condition, stream: &Name, timeline: &'a Timeline) -> Vec<Scope<'a>> {
    let scopes = if condition.subject.is_all() {
        timeline.loads.get_key_value(stream).map(|(name, load)| Scope::Load(name, load, None)).into_iter().collect()
    } else {
        timeline.scopes(&condition.subject)
    };
    scopes.into_iter().filter(|scope| matches!(scope, Scope::Load(name, ..) if *name == stream)).collect()
}

/// Why the figures of a span say nothing of the rate asked for: our side sent too little of it; none: it did.
/// `per_second`: that rate, where it is one.
pub fn unsent(load: &LoadTrack, range: &SpanRange, per_second: f64, now: Offset) -> Option<String> {
    let counts = load.so_far(range, None).counts;
    let seconds = load.length(range, now).seconds();
    let asked = counts.intended.max((per_second * seconds).floor() as u64);
    let done = reached(&counts);
    if asked == 0 || done as f64 >= RATE_SHARE * asked as f64 {
        return None;
    }
    let (achieved, wanted) = (counts.started as f64 / seconds, asked as f64 / seconds);
    Some(format!("our side sent {achieved:.1}/s of the {wanted:.1}/s asked: this machine cannot send more"))
}

/// Requests that were sent, or that found every sender waiting for the target: what our side did not fail to send.
fn reached(counts: &Counts) -> u64 {
    counts.intended - counts.not_sent.min(counts.intended)
}

fn measured(metric: &Metric, sample: &Sample) -> String {
    match sample.value(metric) {
        Some(value) => words(metric, value, sample.seen()),
        None => unseen(metric, sample),
    }
}
