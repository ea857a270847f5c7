//! Judges a run: one file per objective, each a pure function of the plan and the timeline.
//!
//! Every rule of `docs/measurement.md` has its place here, and a test of its name in `tests/`.

mod budget;
mod drill;
mod exit;
mod latency;
mod ledger;
mod level;
mod load;
mod outages;
mod part;
mod restores;
mod rpo;
mod rto;
mod slo;
mod steady;
mod summary;
#[cfg(test)]
mod tests;

use crate::result::{Outcome, RunResult, Verdict};
use crate::scenario::Objectives;
use crate::scenario::plan::Plan;
use crate::scenario::resolve::objectives_digest;
use crate::timeline::Timeline;

pub use outages::{BlindAs, Outage, outages};

/// Judges a run against `objectives`; the worst of the parts is the whole. Objectives other than the plan's mark the
/// verdict as judged again.
pub fn judge(objectives: &Objectives, plan: &Plan, timeline: &Timeline) -> Verdict {
    let own = *objectives == plan.scenario.objectives;
    let mut parts = steady::judge(plan, timeline);
    match &plan.load {
        Some(load) => parts.extend(load::judge(load, plan, timeline)),
        None => parts.extend(drill::judge(plan, timeline)),
    }
    parts.extend(drill::ending(timeline));
    parts.extend(rto::judge(&objectives.rto, plan, timeline));
    parts.extend(rpo::judge(&objectives.rpo, plan, timeline));
    parts.extend(restores::judge(&objectives.restore, plan, timeline));
    parts.extend(slo::judge(&objectives.slo, timeline));
    Verdict {
        outcome: Outcome::worst(parts.iter().map(|part| part.outcome)),
        parts,
        objectives_digest: if own { plan.objectives_digest.clone() } else { objectives_digest(objectives) },
        rejudged: !own,
    }
}

/// The result of a run against its own objectives.
pub fn conclude(plan: &Plan, timeline: &Timeline) -> RunResult {
    conclude_against(&plan.scenario.objectives, plan, timeline)
}

/// The result of a run against other objectives than it was made for.
pub fn conclude_against(objectives: &Objectives, plan: &Plan, timeline: &Timeline) -> RunResult {
    summary::result(judge(objectives, plan, timeline), plan, timeline)
}
