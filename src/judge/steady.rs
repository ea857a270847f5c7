//! The steady state: before the faults, and again when all is over.

use super::part::{Rule, part};
use crate::model::Delta;
use crate::result::{Objective, Outcome, Part};
use crate::scenario::phases::Phase;
use crate::scenario::plan::Plan;
use crate::timeline::Timeline;
use crate::timeline::query::measure;

/// The least time in the after phase that says anything.
const LEAST: Delta = Delta::from_millis(1_000);

/// One part for each condition as the gate looked at it, and one for each that can be measured in the after phase.
///
/// A condition that did not hold before the faults is inconclusive, not a breach: nothing was hurt, and nothing is
/// known of any objective. One that does not hold afterwards is a breach: the system is not what it was.
pub(super) fn judge(plan: &Plan, timeline: &Timeline) -> Vec<Part> {
    let mut parts = Vec::new();
    for condition in &plan.scenario.steady_state {
        let asked = condition.to_string();
        let part = part(Objective::SteadyState, "baseline", &*asked);
        parts.push(match timeline.steady.iter().rfind(|look| look.condition == asked) {
            Some(look) => {
                let (outcome, why) = match look.held {
                    Some(true) => (Outcome::Pass, "it held before the faults"),
                    Some(false) => (Outcome::Inconclusive, "it did not hold, so nothing was hurt and nothing is known"),
                    None => (Outcome::Inconclusive, "it could not be seen"),
                };
                Part { measured: look.measured.clone(), ..part }.at([look.at]).rule(outcome, why)
            }
            None => part.rule(Outcome::Inconclusive, "the drill ended before it was looked at"),
        });
    }
    let after = timeline.phase_span(Phase::After).map(|p| (p.from, p.to.unwrap_or(timeline.now())));
    let Some((from, to)) = after.filter(|(from, to)| to.since(*from) >= LEAST) else { return parts };
    for condition in &plan.scenario.steady_state {
        let seen = measure(condition, timeline, from, to);
        // Too short a phase for a quantile says nothing, and claims nothing.
        let Some(held) = seen.held else { continue };
        let (outcome, why) = match held {
            true => (Outcome::Pass, "it holds again"),
            false => (Outcome::Breach, "it does not hold any more: the system is not what it was before the faults"),
        };
        let part = part(Objective::SteadyState, "after", condition.to_string());
        let value = seen.value.filter(|value| value.is_finite());
        parts.push(Part { measured: seen.words, value, ..part }.at([from]).rule(outcome, why));
    }
    parts
}
