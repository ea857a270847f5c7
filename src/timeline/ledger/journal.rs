//! `ledger.jsonl`: one line before a write is sent, one when its fate is known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Entry, Fate};
use crate::model::Offset;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum JournalLine {
    /// A write is about to be sent.
    Intent {
        /// Its number, from 0.
        n: u64,
        /// Its id, as the application stores it.
        id: String,
        /// When it was due.
        intended: Offset,
        /// When it is sent.
        sent: Offset,
    },
    /// Its fate is known.
    Fate {
        /// Its number.
        n: u64,
        /// What became of it.
        #[serde(flatten)]
        fate: Fate,
    },
}

/// The entries of a journal, by number. A write without a fate is unknown: the run ended before its answer. A line that
/// was cut short is left out.
pub fn replay(journal: &str) -> Vec<Entry> {
    let mut entries = BTreeMap::new();
    for line in journal.lines().filter_map(|line| serde_json::from_str(line).ok()) {
        match line {
            JournalLine::Intent { n, intended, sent, .. } => {
                let fate = Fate::Unknown { why: "no fate was recorded".into() };
                entries.insert(n, Entry { n, intended, sent, fate });
            }
            JournalLine::Fate { n, fate } => {
                if let Some(entry) = entries.get_mut(&n) {
                    entry.fate = fate;
                }
            }
        }
    }
    entries.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_cut_anywhere_tells_no_more_than_was_written() {
        let when = Offset::from_millis(7);
        let intent = |n: u64| JournalLine::Intent { n, id: format!("ledger-{n}"), intended: when, sent: when };
        let fate = |n, fate| JournalLine::Fate { n, fate };
        let lines = [
            intent(0),
            intent(1),
            fate(1, Fate::Refused { why: "409".into() }),
            fate(0, Fate::Acked { when }),
            intent(2),
        ];
        let text: String = lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
        let whole = replay(&text);
        assert_eq!(whole.iter().map(|e| e.n).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(whole[0].fate, Fate::Acked { when });
        assert!(matches!(whole[1].fate, Fate::Refused { .. }));
        assert!(matches!(whole[2].fate, Fate::Unknown { .. }));
        for cut in 0..text.len() {
            for entry in replay(&text[..cut]) {
                let known = &whole[entry.n as usize];
                assert!(entry.fate == known.fate || matches!(entry.fate, Fate::Unknown { .. }), "cut at {cut}");
            }
        }
    }
}
