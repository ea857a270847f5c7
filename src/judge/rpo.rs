//! Data loss: acknowledged writes that are gone, and data that should not be there.

use super::ledger::{account_at, failed, loss, reference};
use super::part::{Rule, at_most, number, part};
use crate::model::{Delta, Name};
use crate::result::{Objective, Outcome, Part};
use crate::scenario::Ledger;
use crate::scenario::objectives::Rpo;
use crate::scenario::plan::Plan;
use crate::timeline::Timeline;
use crate::timeline::ledger::{Account, Reference, freshness};
use crate::timeline::query::count;

/// One part for each objective, and one for foreign and altered data where there is a ledger.
pub(super) fn judge(objectives: &[Rpo], plan: &Plan, timeline: &Timeline) -> Vec<Part> {
    let mut parts: Vec<Part> = objectives.iter().map(|rpo| objective(rpo, plan, timeline)).collect();
    parts.extend(plan.scenario.ledger.as_ref().map(|ledger| content(ledger, timeline)));
    parts
}

fn objective(rpo: &Rpo, plan: &Plan, timeline: &Timeline) -> Part {
    let name = rpo.fault.as_ref().or_else(|| plan.scenario.faults.first().map(|f| &f.name));
    let part = part(Objective::Rpo, name.map_or("data", Name::as_str), format!("<= {}", rpo.max));
    let Some(ledger) = &plan.scenario.ledger else {
        return part.rule(Outcome::Inconclusive, "the scenario has no ledger, so nothing is known of its data");
    };
    let Some(reference) = name.and_then(|name| reference(timeline, name)) else {
        return part.rule(Outcome::Inconclusive, "the fault never began, so there is no moment that loss counts from");
    };
    match account_at(timeline, reference) {
        Some(account) => loss_rule(part.at([reference.at]), rpo, ledger, timeline, (&account, reference)),
        None => part.rule(Outcome::Inconclusive, unread(timeline)),
    }
}

fn unread(timeline: &Timeline) -> String {
    match failed(timeline) {
        Some(why) => format!("the ledger could not be read back, so what was lost is not known: {why}"),
        None => "the ledger was never read back, so what was lost is not known".into(),
    }
}

fn loss_rule(
    part: Part,
    rpo: &Rpo,
    ledger: &Ledger,
    timeline: &Timeline,
    (account, reference): (&Account, Reference),
) -> Part {
    let bounds = loss(account);
    let lost = account.lost.len();
    let part = part.time(bounds).at(account.lost_between.into_iter().flat_map(|(first, last)| [first, last]));
    let late = match account.late_losses {
        0 => String::new(),
        n => format!(", {} of them acknowledged after the fault (split brain, or a false acknowledgement)", count(n)),
    };
    let words = format!("{} of {} acknowledged writes lost{late}", count(lost), count(account.acked));
    if lost > 0 && rpo.max.get().is_zero() {
        return part.rule(Outcome::Breach, words);
    }
    let outcome = at_most(bounds, rpo.max.into());
    if outcome == Outcome::Breach {
        return part.rule(outcome, words);
    }
    // A ledger that had already stalled proves nothing, so it cannot pass; what it lost counts all the same.
    let fresh = freshness(&timeline.writes, reference.at, Delta::from(ledger.every));
    if !fresh.fresh {
        let newest = fresh.newest.map_or("there was none".to_owned(), |at| format!("the newest was at {at}"));
        let why = format!(
            "no write was acknowledged in the last {} before the fault ({newest}): the ledger had stalled",
            fresh.allowed
        );
        return part.rule(Outcome::Inconclusive, why);
    }
    let words = match outcome {
        Outcome::Inconclusive => format!("{words}; how far back the loss reaches lies on both sides of {}", rpo.max),
        _ => words,
    };
    part.rule(outcome, words)
}

/// Foreign and altered data, which no loss of time excuses.
fn content(ledger: &Ledger, timeline: &Timeline) -> Part {
    let asked = format!("<= {} unexpected, <= {} altered", ledger.max_unexpected, ledger.max_altered);
    let part = part(Objective::Rpo, "ledger content", asked);
    let reference = timeline.faults.iter().find_map(|f| f.act).unwrap_or(timeline.now());
    let Some(account) = account_at(timeline, Reference::exact(reference)) else {
        return part.rule(Outcome::Inconclusive, unread(timeline));
    };
    let measured = format!("{} unexpected, {} altered", count(account.unexpected), count(account.altered));
    let part = Part { measured, ..part };
    if account.unexpected > ledger.max_unexpected || account.altered > ledger.max_altered {
        let why =
            "ids were read that were never sent, or with other content than was sent: corruption, or another writer";
        return part.rule(Outcome::Breach, why);
    }
    if account.acked == 0 {
        return part.rule(Outcome::Inconclusive, "no write was acknowledged, so there was nothing to compare");
    }
    let why = format!("{} read back from {}", number(account.survived, "write", "writes"), account.node);
    part.rule(Outcome::Pass, why)
}
