//! The ledger as data: uniquely numbered writes, what became of each, and what a final read found of them.
//!
//! `docs/measurement.md` defines every word used here; [`account()`] computes them.

mod account;
mod ids;
mod journal;
mod shape;
mod spelling;
#[cfg(test)]
mod tests;

pub use account::{Account, Freshness, Reference, Rpa, account, at_disaster, freshness};
pub use ids::IdRanges;
pub use journal::{JournalLine, replay};
pub use shape::{Place, SPAN, Shape};

use std::collections::BTreeSet;

pub use super::event::Fate;
use super::event::{Event, EventKind, LedgerReading};
use crate::model::{Delta, Offset};

/// One write with its fate.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its number in the run, from 0.
    pub n: u64,
    /// When it was due.
    pub intended: Offset,
    /// When it was handed to the network; for one that was not sent, when that was given up.
    pub sent: Offset,
    /// What became of it.
    pub fate: Fate,
}

/// The ledger's entries among a run's events, in their order.
pub fn entries(events: &[Event]) -> Vec<Entry> {
    let entry = |event: &Event| match &event.what {
        EventKind::Ledger { n, intended, sent, fate } => {
            Some(Entry { n: *n, intended: *intended, sent: *sent, fate: fate.clone() })
        }
        _ => None,
    };
    events.iter().filter_map(entry).collect()
}

/// What one read of the whole ledger found, independent of the order of its rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FinalRead {
    /// The node or copy it came from.
    pub node: String,
    /// The numbers that are there.
    pub present: IdRanges,
    /// Numbers that are there more than once, ascending; one that is there three times stands here twice.
    pub duplicates: Vec<u64>,
    /// Numbers whose content differs from what was sent, ascending.
    pub altered: Vec<u64>,
    /// Ids of this run that were never given out, ascending, at most [`UNEXPECTED_KEPT`] of them.
    pub unexpected: Vec<String>,
    /// Rows that are not this run's (other users of the same table, earlier runs): left alone.
    pub foreign: u64,
}

/// How many unexpected ids are kept by name; a ledger with more is damaged beyond counting.
pub const UNEXPECTED_KEPT: usize = 100;

/// Collects the rows of a read, in any order.
#[derive(Debug, Default)]
pub struct ReadBuilder {
    rows: Vec<u64>,
    altered: Vec<u64>,
    unexpected: BTreeSet<String>,
    foreign: u64,
}

/// How the content of a row compares with what was sent under its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Equal.
    Same,
    /// Different.
    Differs,
    /// The read does not carry it.
    NotRead,
}

impl ReadBuilder {
    /// A row of this run.
    pub fn row(&mut self, n: u64, content: Content) {
        self.rows.push(n);
        if content == Content::Differs {
            self.altered.push(n);
        }
    }

    /// A row that looks like this run's, under an id that was never given out.
    pub fn unexpected(&mut self, id: String) {
        self.unexpected.insert(id);
        if self.unexpected.len() > UNEXPECTED_KEPT {
            self.unexpected.pop_last();
        }
    }

    /// A row of somebody else.
    pub fn foreign(&mut self) {
        self.foreign += 1;
    }

    /// The read.
    pub fn finish(mut self, node: String) -> FinalRead {
        self.altered.sort_unstable();
        self.altered.dedup();
        self.rows.sort_unstable();
        FinalRead {
            node,
            duplicates: self.rows.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect(),
            present: self.rows.into_iter().collect(),
            altered: self.altered,
            unexpected: self.unexpected.into_iter().collect(),
            foreign: self.foreign,
        }
    }
}

impl FinalRead {
    /// The read as an event, after `reads` reads.
    pub fn reading(&self, reads: u32) -> LedgerReading {
        let mut present: Vec<u64> = self.present.iter().chain(self.duplicates.iter().copied()).collect();
        present.sort_unstable();
        LedgerReading::Read { present, unexpected: self.unexpected.clone(), altered: self.altered.clone(), reads }
    }

    /// The read that an event holds; none where it failed.
    pub fn from_reading(node: &str, reading: &LedgerReading) -> Option<FinalRead> {
        let LedgerReading::Read { present, unexpected, altered, .. } = reading else { return None };
        let mut builder = ReadBuilder { rows: present.clone(), altered: altered.clone(), ..ReadBuilder::default() };
        unexpected.iter().for_each(|id| builder.unexpected(id.clone()));
        Some(builder.finish(node.to_owned()))
    }
}

/// How fresh acknowledgements must be before a fault: the last second, or five intervals if that is longer.
pub fn freshness_window(every: Delta) -> Delta {
    Delta(Delta::from_millis(1000).nanos().max(every.nanos().saturating_mul(5)))
}
