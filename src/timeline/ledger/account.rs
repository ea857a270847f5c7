//! The accounting of a ledger: lost, survived, and how far back the loss reaches. Pure, and independent of order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Entry, Fate, FinalRead, IdRanges, freshness_window};
use crate::model::{Delta, Offset};

/// The moment that data loss counts from, and how uncertain it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reference {
    /// `t_ref`: the fault's `t_act`, or the chosen disaster time of a restore.
    pub at: Offset,
    /// The fault's `t_inject`: the harm began between `at` and here. Equal to `at` for a disaster time.
    pub until: Offset,
}

impl Reference {
    /// A moment known exactly.
    pub fn exact(at: Offset) -> Reference {
        Reference { at, until: at }
    }
}

/// How far back the loss reaches: recovery point actual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rpa {
    /// `t_ref` minus the oldest acknowledgement that was lost. Zero when nothing is lost; negative when all losses were
    /// acknowledged after `t_ref`.
    pub value: Delta,
    /// `t_ref` minus the newest acknowledgement that survived from before the oldest loss. None when no acknowledgement
    /// from before the oldest loss survived: the loss may reach back any distance.
    pub upper: Option<Delta>,
    /// Length of [`t_act`, `t_inject`]: `value` and `upper` may be larger by up to this much.
    pub error: Delta,
}

/// The ledger of one run, accounted for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// What loss is counted from.
    pub reference: Reference,
    /// Writes that left us: acked + refused + unknown.
    pub sent: u64,
    /// Writes acknowledged: survived + lost.
    pub acked: u64,
    /// Writes refused.
    pub refused: u64,
    /// Writes without an answer to trust.
    pub unknown: u64,
    /// Writes that never left us.
    pub not_sent: u64,
    /// Acknowledged and present.
    pub survived: u64,
    /// Acknowledged and absent.
    pub lost: IdRanges,
    /// Unknown and present: durable, not a loss.
    pub unknown_present: u64,
    /// Refused and present all the same.
    pub refused_present: u64,
    /// Present and never sent: corruption, or a foreign writer.
    pub unexpected: u64,
    /// Present more than once.
    pub duplicates: u64,
    /// Present with other content than was sent.
    pub altered: u64,
    /// Lost, and acknowledged after `t_ref`: split brain, or a false acknowledgement.
    pub late_losses: u64,
    /// When the oldest and the newest lost write were acknowledged.
    pub lost_between: Option<(Offset, Offset)>,
    /// How far back the loss reaches.
    pub rpa: Rpa,
    /// The node or copy that was read.
    pub node: String,
}

/// Accounts for every entry by what `read` found. The order of `entries` does not matter; numbers are unique.
pub fn account(entries: &[Entry], read: &FinalRead, reference: Reference) -> Account {
    let count = |wanted: fn(&Fate) -> bool| entries.iter().filter(|e| wanted(&e.fate)).count() as u64;
    let present = |wanted: fn(&Fate) -> bool| {
        entries.iter().filter(|e| wanted(&e.fate) && read.present.contains(e.n)).count() as u64
    };
    let acks = || entries.iter().filter_map(|e| acked(e).map(|when| (e.n, when)));
    let losses = || acks().filter(|(n, _)| !read.present.contains(*n));
    let oldest = losses().map(|(_, at)| at).min();
    let newest = losses().map(|(_, at)| at).max();
    let survived = acks().filter(|(n, _)| read.present.contains(*n)).count() as u64;
    let sent: IdRanges = entries.iter().filter(|e| !matches!(e.fate, Fate::NotSent { .. })).map(|e| e.n).collect();
    let never_sent = read.present.minus(&sent);
    Account {
        reference,
        sent: sent.len(),
        acked: count(|f| matches!(f, Fate::Acked { .. })),
        refused: count(|f| matches!(f, Fate::Refused { .. })),
        unknown: count(|f| matches!(f, Fate::Unknown { .. })),
        not_sent: count(|f| matches!(f, Fate::NotSent { .. })),
        survived,
        lost: losses().map(|(n, _)| n).collect(),
        unknown_present: present(|f| matches!(f, Fate::Unknown { .. })),
        refused_present: present(|f| matches!(f, Fate::Refused { .. })),
        unexpected: never_sent.len() + read.unexpected.len() as u64,
        duplicates: read.duplicates.iter().copied().collect::<IdRanges>().len(),
        altered: read.altered.len() as u64,
        late_losses: losses().filter(|(_, at)| *at > reference.at).count() as u64,
        lost_between: oldest.zip(newest),
        rpa: rpa(acks().filter(|(n, _)| read.present.contains(*n)).map(|(_, at)| at), oldest, reference),
        node: read.node.clone(),
    }
}

fn acked(entry: &Entry) -> Option<Offset> {
    if let Fate::Acked { when } = entry.fate { Some(when) } else { None }
}

fn rpa(survivors: impl Iterator<Item = Offset>, oldest_loss: Option<Offset>, reference: Reference) -> Rpa {
    let error = reference.until.since(reference.at);
    let Some(oldest) = oldest_loss else {
        return Rpa { value: Delta::ZERO, upper: Some(Delta::ZERO), error };
    };
    let newest_survivor = survivors.filter(|at| *at < oldest).max();
    Rpa { value: reference.at.since(oldest), upper: newest_survivor.map(|at| reference.at.since(at)), error }
}

/// The ledger as it stood at a disaster declared at `at`, for a copy restored from a backup: what was sent later does
/// not count, and what was sent before but acknowledged later could be either.
pub fn at_disaster(entries: &[Entry], at: Offset) -> Vec<Entry> {
    let judged = |entry: &Entry| match entry.fate {
        Fate::Acked { when } if when > at => {
            Entry { fate: Fate::Unknown { why: "acknowledged after the disaster".into() }, ..entry.clone() }
        }
        _ => entry.clone(),
    };
    entries.iter().filter(|e| e.sent <= at).map(judged).collect()
}

/// Whether the ledger was alive just before a moment; one that had already stalled proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Freshness {
    /// The newest acknowledgement before the moment.
    pub newest: Option<Offset>,
    /// How old it may be.
    pub allowed: Delta,
    /// Whether it is young enough.
    pub fresh: bool,
}

/// Looks for an acknowledgement in the last max(1 s, 5 intervals) before `at`.
pub fn freshness(entries: &[Entry], at: Offset, every: Delta) -> Freshness {
    let newest = entries.iter().filter_map(acked).filter(|acked| *acked <= at).max();
    let allowed = freshness_window(every);
    Freshness { newest, allowed, fresh: newest.is_some_and(|newest| at.since(newest) <= allowed) }
}
