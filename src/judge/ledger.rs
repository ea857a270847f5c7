//! The ledger's account, as the data-loss objectives and the result's summary need it.

use crate::model::{Delta, Name, Offset};
use crate::result::{Bounds, LedgerInfo};
use crate::scenario::plan::Plan;
use crate::timeline::Timeline;
use crate::timeline::event::{Fate, LedgerReading};
use crate::timeline::ledger::{Account, FinalRead, Reference, account};

/// The account with a fault's act as reference; none: the ledger could not be read back.
pub(super) fn account_at(timeline: &Timeline, reference: Reference) -> Option<Account> {
    let found = timeline.reading.as_ref()?;
    let read = FinalRead::from_reading(&found.node, &found.reading)?;
    Some(account(&timeline.writes, &read, reference))
}

/// The reference of a fault: its act, uncertain up to the moment it was seen in effect.
pub(super) fn reference(timeline: &Timeline, fault: &Name) -> Option<Reference> {
    let track = timeline.fault(fault)?;
    let at = track.act?;
    Some(Reference { at, until: track.inject.unwrap_or(at).max(at) })
}

/// Data loss as time with its bounds: from the oldest lost acknowledgement, at most from the newest surviving one
/// before it, and longer by the time between act and effect. Zero when nothing was lost that was acknowledged before
/// the act.
pub(super) fn loss(account: &Account) -> Bounds<Delta> {
    if account.lost.len() == account.late_losses {
        return Bounds { value: Delta::ZERO, lower: Delta::ZERO, upper: Some(Delta::ZERO) };
    }
    let rpa = account.rpa;
    Bounds { value: rpa.value, lower: rpa.value, upper: rpa.upper.map(|upper| upper + rpa.error) }
}

/// Why the final read failed; none: it did not, or was never tried.
pub(super) fn failed(timeline: &Timeline) -> Option<&str> {
    match &timeline.reading.as_ref()?.reading {
        LedgerReading::Failed { why } => Some(why),
        LedgerReading::Read { .. } => None,
    }
}

/// The ledger's lines of the result.
pub(super) fn info(plan: &Plan, timeline: &Timeline) -> Option<LedgerInfo> {
    plan.scenario.ledger.as_ref()?;
    let first = plan.scenario.faults.iter().find_map(|f| reference(timeline, &f.name));
    let account = account_at(timeline, first.unwrap_or(Reference::exact(Offset(i64::MAX))));
    let count = |wanted: fn(&Fate) -> bool| timeline.writes.iter().filter(|w| wanted(&w.fate)).count() as u64;
    let not_sent = count(|f| matches!(f, Fate::NotSent { .. }));
    let rpo = plan.scenario.objectives.rpo.iter();
    let named = rpo.filter_map(|rpo| rpo.fault.as_ref().or_else(|| Some(&plan.scenario.faults.first()?.name)));
    let rpa = named.filter_map(|name| Some((name.clone(), loss(&account_at(timeline, reference(timeline, name)?)?))));
    let get = |f: fn(&Account) -> u64| account.as_ref().map(f);
    let reads = timeline.reading.as_ref().map_or(0, |found| match found.reading {
        LedgerReading::Read { reads, .. } => reads,
        LedgerReading::Failed { .. } => 0,
    });
    Some(LedgerInfo {
        sent: timeline.writes.len() as u64 - not_sent,
        acked: count(|f| matches!(f, Fate::Acked { .. })),
        refused: count(|f| matches!(f, Fate::Refused { .. })),
        unknown: count(|f| matches!(f, Fate::Unknown { .. })),
        not_sent,
        lost: get(|a| a.lost.len()),
        lost_between: account.as_ref().and_then(|a| a.lost_between),
        late_losses: get(|a| a.late_losses).filter(|_| first.is_some()),
        survived: get(|a| a.unknown_present),
        duplicates: get(|a| a.duplicates),
        unexpected: get(|a| a.unexpected),
        altered: get(|a| a.altered),
        node: timeline.reading.as_ref().map_or(String::new(), |found| found.node.clone()),
        reads,
        failed: match (&timeline.reading, failed(timeline)) {
            (None, _) => Some("it was never read back".into()),
            (_, why) => why.map(str::to_owned),
        },
        rpa: rpa.collect(),
    })
}
