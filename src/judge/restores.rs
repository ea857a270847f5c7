//! Restore proofs: every backup restores; where an objective says so, in time and with little enough lost.

use std::collections::BTreeMap;

use super::part::{Rule, at_most, part};
use crate::model::{HumanDuration, Name};
use crate::result::{Bounds, Objective, Outcome, Part};
use crate::scenario::objectives::RestoreObjective;
use crate::scenario::plan::Plan;
use crate::timeline::Timeline;
use crate::timeline::restore::{CheckOutcome, ProofOutcome, RestoreProof};

/// One part for each backup's proof, and one for each of its objectives.
pub(super) fn judge(objectives: &BTreeMap<Name, RestoreObjective>, plan: &Plan, timeline: &Timeline) -> Vec<Part> {
    let mut names: Vec<&Name> = plan.scenario.backups.keys().chain(objectives.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let mut parts = Vec::new();
    for name in names {
        let proof = timeline.restores.get(name);
        parts.push(verified(name, proof, timeline));
        let Some(objective) = objectives.get(name) else { continue };
        parts.extend(objective.rto.map(|max| time(name, max, proof)));
        parts.extend(objective.rpo.map(|max| loss(name, max, proof)));
    }
    parts
}

fn verified(name: &Name, proof: Option<&RestoreProof>, timeline: &Timeline) -> Part {
    let part = part(Objective::Restore, name.as_str(), "verified");
    let Some(proof) = proof else {
        let why = timeline.backups.get(name).and_then(|backup| backup.failed.as_deref());
        let (outcome, why) = match why {
            Some(why) => (Outcome::Breach, format!("the backup could not be taken: {why}")),
            None => (Outcome::Inconclusive, "no restore was tried".to_owned()),
        };
        return part.rule(outcome, why);
    };
    let outcome = match proof.outcome {
        ProofOutcome::Verified if proof.leftovers.is_empty() => Outcome::Pass,
        ProofOutcome::Verified | ProofOutcome::Inconclusive => Outcome::Inconclusive,
        ProofOutcome::Failed => Outcome::Breach,
    };
    // A required check that did not run, or failed, prevents "verified", whatever the proof says of itself.
    let unmet = proof.checks.iter().find(|check| check.required && check.outcome != CheckOutcome::Pass);
    let (outcome, mut why) = match unmet {
        Some(check) if outcome == Outcome::Pass => {
            let bad = if check.outcome == CheckOutcome::Fail { Outcome::Breach } else { Outcome::Inconclusive };
            (bad, format!("{}: expected {}, observed {}", check.name, check.expected, check.observed))
        }
        _ => (outcome, proof.why.clone()),
    };
    if !proof.leftovers.is_empty() {
        why = format!("{why}; left behind: {}", proof.leftovers.join(", "));
    }
    let passed = proof.checks.iter().filter(|check| check.outcome == CheckOutcome::Pass).count();
    let measured = format!("{passed} of {} checks passed", proof.checks.len());
    if proof.checks.is_empty() && outcome == Outcome::Pass {
        return part.rule(Outcome::Inconclusive, "nothing was checked");
    }
    Part { measured, ..part }.rule(outcome, why)
}

fn time(name: &Name, max: HumanDuration, proof: Option<&RestoreProof>) -> Part {
    let part = part(Objective::Restore, format!("{name} restore time"), format!("<= {max}"));
    let Some(proof) = proof else { return part.rule(Outcome::Inconclusive, "no restore was tried") };
    let Some(time) = proof.restore_time else {
        let outcome = if proof.outcome == ProofOutcome::Failed { Outcome::Breach } else { Outcome::Inconclusive };
        return part.rule(outcome, "the copy never took a write, so there is no restore time");
    };
    let bounds = Bounds { value: time, lower: time, upper: Some(time) };
    part.time(bounds).rule(at_most(bounds, max.into()), "from the start of the restore to the first write on the copy")
}

fn loss(name: &Name, max: HumanDuration, proof: Option<&RestoreProof>) -> Part {
    let part = part(Objective::Restore, format!("{name} data loss"), format!("<= {max}"));
    let Some(ledger) = proof.and_then(|proof| proof.ledger.as_ref()) else {
        return part.rule(Outcome::Inconclusive, "the ledger was not looked at on the copy");
    };
    if ledger.acked == 0 {
        return part.rule(Outcome::Inconclusive, "no write was acknowledged before the backup: nothing could be lost");
    }
    let (lower, upper) = ledger.rpa;
    let bounds = Bounds { value: lower, lower, upper };
    let lost = super::part::number(ledger.lost, "acknowledged write is", "acknowledged writes are");
    let why = format!("{lost} not on the copy, of {}", crate::timeline::query::count(ledger.acked));
    let none = max.get().is_zero();
    let outcome = match ledger.lost {
        0 => Outcome::Pass,
        _ if none => Outcome::Breach,
        _ => at_most(bounds, max.into()),
    };
    part.time(bounds).rule(outcome, why)
}
