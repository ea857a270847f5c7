//! The ledger as data: uniquely numbered writes, what became of each, and what a final read found of them.
//!
//! `docs/measurement.md` defines every word used here; [`account()`] computes them.

mod account;
mod ids;
#[cfg(test)]
mod tests;

pub use account::{Account, Freshness, Reference, Rpa, account, at_disaster, freshness};
pub use ids::IdRanges;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Delta, Offset};

/// What became of one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Acknowledged; the acknowledgement was whole at this offset.
    Acked(Offset),
    /// Answered with a refusal, or never accepted by the other side: it should not be there.
    Refused,
    /// Sent, and no answer to trust: it may or may not be there.
    Unknown,
    /// Never left us, for reasons of our own (too many in flight, no port, no file handle): nothing can be said by it.
    NotSent,
}

/// One write with its fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Its number, unique in the run.
    pub id: u64,
    /// When it was due.
    pub intended: Offset,
    /// When it was handed to the network; for one that was not sent, when that was given up.
    pub sent: Offset,
    /// What became of it.
    pub fate: Fate,
}

/// What one read of the whole ledger found. Two reads agree when all but `at` is equal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct FinalRead {
    /// The node or copy it came from.
    pub node: String,
    /// When the read was whole.
    pub at: Offset,
    /// The ids that are there.
    pub present: IdRanges,
    /// Ids that are there more than once, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub duplicates: Vec<u64>,
    /// Ids whose content differs from what was sent, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub altered: Vec<u64>,
    /// Rows whose content could be compared with what was sent.
    #[serde(default)]
    pub compared: u64,
    /// Rows that are not the ledger's (other users of the same table, earlier runs): left alone.
    #[serde(default)]
    pub foreign: u64,
}

/// Collects the rows of a read, in any order.
#[derive(Debug, Default)]
pub struct ReadBuilder {
    rows: Vec<u64>,
    altered: Vec<u64>,
    compared: u64,
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
    /// A row of the ledger.
    pub fn row(&mut self, id: u64, content: Content) {
        self.rows.push(id);
        if content != Content::NotRead {
            self.compared += 1;
        }
        if content == Content::Differs {
            self.altered.push(id);
        }
    }

    /// A row of somebody else.
    pub fn foreign(&mut self) {
        self.foreign += 1;
    }

    /// The read, independent of the order of its rows.
    pub fn finish(mut self, node: String, at: Offset) -> FinalRead {
        self.rows.sort_unstable();
        let mut duplicates: Vec<u64> = self.rows.windows(2).filter(|w| w[0] == w[1]).map(|w| w[0]).collect();
        duplicates.dedup();
        self.altered.sort_unstable();
        self.altered.dedup();
        FinalRead {
            node,
            at,
            present: self.rows.into_iter().collect(),
            duplicates,
            altered: self.altered,
            compared: self.compared,
            foreign: self.foreign,
        }
    }
}

impl FinalRead {
    /// Whether both reads found the same.
    pub fn agrees(&self, other: &FinalRead) -> bool {
        FinalRead { at: Offset::ZERO, ..self.clone() } == FinalRead { at: Offset::ZERO, ..other.clone() }
    }
}

/// How fresh acknowledgements must be before a fault: the last second, or five intervals if that is longer.
pub fn freshness_window(every: Delta) -> Delta {
    Delta(Delta::from_millis(1000).nanos().max(every.nanos().saturating_mul(5)))
}
