//! The error budget: how much of it the run used. Shown, never judged.

use crate::model::Delta;
use crate::result::BudgetInfo;
use crate::scenario::plan::Plan;
use crate::timeline::Timeline;
use crate::timeline::gate::TOTAL;
use crate::timeline::load::Counts;

/// The budget of a load alone, or of a drill's objectives, over all load streams of the whole run; none: there is no
/// budget, or nothing was seen.
pub(super) fn used(plan: &Plan, timeline: &Timeline) -> Option<BudgetInfo> {
    let budget = match &plan.load {
        Some(load) => load.error_budget.as_ref(),
        None => plan.scenario.objectives.error_budget.as_ref(),
    }?;
    let mut counts = Counts::default();
    timeline.loads.values().for_each(|load| counts.merge(&load.so_far(&TOTAL, None).counts));
    let seen = counts.seen();
    if seen == 0 {
        return None;
    }
    let expected = budget.expected_requests.unwrap_or(seen);
    let allowed = 1.0 - budget.slo.0;
    // Nine decimals, so that a result read back from its text is the same.
    let ratio = |n: f64, of: f64| (of > 0.0).then(|| (n / of * 1e9).round() / 1e9);
    Some(BudgetInfo {
        slo: budget.slo.0,
        period: Delta::from(budget.period),
        expected_requests: expected,
        seen,
        bad: counts.bad(),
        used: ratio(counts.bad() as f64, expected as f64 * allowed),
        burn: ratio(counts.error_rate(), allowed),
    })
}
