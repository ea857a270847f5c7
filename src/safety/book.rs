//! What a journal's records add up to. The writer and the reader keep the same book, so they cannot disagree.

use super::record::{EntryState, Record};
use super::{Residue, Reverted, Undo, Whereabouts};
use crate::model::{HumanDuration, Name};

/// One fault in the journal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub fault: Name,
    pub undo: Vec<Undo>,
    pub by_hand: Vec<String>,
    pub max_hold: HumanDuration,
    pub state: EntryState,
    /// The harmful call began and was not seen to return.
    pub in_flight: bool,
}

/// All faults in the journal, by entry number.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Book {
    pub entries: Vec<Entry>,
}

impl Book {
    /// Adds one record after the first.
    ///
    /// # Errors
    /// When the record cannot follow the ones before it, in words.
    pub fn apply(&mut self, record: Record) -> Result<(), String> {
        match record {
            Record::Begin { .. } => Err("a second header".into()),
            Record::Arm { entry, fault, max_hold, undo, by_hand } => {
                if entry as usize != self.entries.len() {
                    return Err(format!("entry {entry} where {} is due", self.entries.len()));
                }
                let state = EntryState::Armed;
                self.entries.push(Entry { fault, undo, by_hand, max_hold, state, in_flight: false });
                Ok(())
            }
            Record::State { entry, state, reverted } => self.change(entry, state, &reverted),
        }
    }

    fn change(&mut self, number: u32, state: EntryState, reverted: &[Reverted]) -> Result<(), String> {
        let entry = self.entries.get_mut(number as usize).ok_or_else(|| format!("entry {number} was never armed"))?;
        let from = entry.state;
        let follows = match state {
            EntryState::Armed => false,
            EntryState::Injecting => from == EntryState::Armed,
            EntryState::Injected => from == EntryState::Injecting,
            EntryState::Reverting => from < EntryState::Reverting,
            EntryState::Disarmed => from == EntryState::Reverting && reverted.len() == entry.undo.len(),
        };
        if !follows {
            return Err(format!("entry {number} ({}) cannot go from {from:?} to {state:?}", entry.fault));
        }
        entry.in_flight = match state {
            EntryState::Injecting => true,
            EntryState::Injected => false,
            _ => entry.in_flight,
        };
        entry.state = state;
        Ok(())
    }

    /// Every fault that is not disarmed, newest first.
    pub fn open(&self, whereabouts: Whereabouts) -> Vec<Residue> {
        let open = |(number, e): (usize, &Entry)| {
            (e.state != EntryState::Disarmed).then(|| Residue {
                entry: number as u32,
                fault: e.fault.clone(),
                undo: e.undo.clone(),
                by_hand: e.by_hand.clone(),
                max_hold: e.max_hold,
                state: e.state,
                in_flight: e.in_flight,
                whereabouts,
            })
        };
        self.entries.iter().enumerate().rev().filter_map(open).collect()
    }

    /// Bytes that must stay free so that every undo can still be recorded.
    pub fn room_for_undo(&self) -> u64 {
        self.entries.iter().filter(|e| e.state != EntryState::Disarmed).map(|e| room_for(e.undo.len())).sum()
    }
}

/// Bytes that the state records of one fault may take: five of at most 160 bytes (`injecting` can be repeated once by a
/// reader, see `Journal::reopen`) and 16 for what each undo found.
pub(super) fn room_for(undos: usize) -> u64 {
    5 * 160 + 16 * undos as u64
}
