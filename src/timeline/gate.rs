//! What a load is held to while it is on: thresholds, and the conditions of a breakpoint's steps.

use super::Timeline;
use super::query::Measured;
use crate::model::{Condition, Delta, Name, Offset};
use crate::scenario::plan::LoadPlan;

/// A threshold that stops the load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trip {
    /// As written.
    pub threshold: String,
    /// What was measured, in words.
    pub measured: String,
}

/// A threshold at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThresholdNow {
    /// As written.
    pub threshold: String,
    /// Whether it holds; none: it cannot be told.
    pub held: Option<bool>,
    /// What was measured, in words.
    pub measured: String,
}

/// What became of a breakpoint's step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepLook {
    /// Every condition held.
    Held {
        /// What was measured, in words.
        measured: String,
    },
    /// A condition broke.
    Broke {
        /// Which, and what was measured.
        why: String,
    },
    /// It cannot be told.
    Unclear {
        /// Why.
        why: String,
        /// Whether that is our side's doing.
        ours: bool,
    },
}

/// Every threshold over the load so far.
pub fn states(plan: &LoadPlan, timeline: &Timeline, now: Offset) -> Vec<ThresholdNow> {
    let state = |text: &str| match text.parse::<Condition>() {
        Err(why) => (None, why.to_string()),
        Ok(condition) => match timeline.measure(&condition, Offset::ZERO, now) {
            Measured::Seen { holds, value } => (Some(holds), value),
            Measured::Unseen { why } => (None, why),
        },
    };
    let now = plan.thresholds.iter().map(|threshold| {
        let (held, measured) = state(&threshold.when);
        ThresholdNow { threshold: threshold.when.clone(), held, measured }
    });
    now.collect()
}

/// The first threshold with `abort_on_fail` that does not hold over the load so far.
pub fn failing(plan: &LoadPlan, timeline: &Timeline, now: Offset) -> Option<Trip> {
    let begin = timeline.loads.values().filter_map(|load| load.begin()).min()?;
    let states = states(plan, timeline, now);
    let mut both = plan.thresholds.iter().zip(states);
    let late = |delay: Delta| now.since(begin) >= delay;
    let (_, state) =
        both.find(|(t, state)| t.abort_on_fail && late(t.delay_abort_eval.into()) && state.held == Some(false))?;
    Some(Trip { threshold: state.threshold, measured: state.measured })
}

/// The conditions of a breakpoint's step over [`from`, `to`) of one stream.
pub fn step(conditions: &[Condition], stream: &Name, timeline: &Timeline, from: Offset, to: Offset) -> StepLook {
    let mut measured = Vec::new();
    let Some(load) = timeline.loads.get(stream) else {
        return StepLook::Unclear { why: "nothing was heard of it".into(), ours: true };
    };
    let counts = load.counts(from, to);
    if counts.not_sent * 20 > counts.intended {
        let why = format!("{} of {} requests could not be sent", counts.not_sent, counts.intended);
        return StepLook::Unclear { why, ours: true };
    }
    for condition in conditions {
        let condition = Condition { stream: Some(stream.clone()), ..condition.clone() };
        match timeline.measure(&condition, from, to) {
            Measured::Seen { holds: true, value } => measured.push(format!("{} {value}", condition.metric)),
            Measured::Seen { value, .. } => return StepLook::Broke { why: format!("{} {value}", condition.metric) },
            Measured::Unseen { why } => return StepLook::Unclear { why, ours: false },
        }
    }
    StepLook::Held { measured: measured.join(", ") }
}
