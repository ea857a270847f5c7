//! Appends records to a medium, one synced write each.

use std::path::{Path, PathBuf};

use super::Whereabouts;
use super::book::Book;
use super::medium::Medium;
use super::record::{EntryState, Record, encode};
use super::residue::Reading;

/// A journal could not do what was asked. Whatever was armed before must still be undone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The disk failed. From here on nothing more is armed.
    #[error(
        "cannot write the undo journal {path}: {what}; no fault may be injected any more. Repair or free the disk, then run again"
    )]
    Write {
        /// The file.
        path: String,
        /// The system's words.
        what: String,
    },
    /// A write failed before.
    #[error("the undo journal {path} failed before ({first}); no fault may be injected any more")]
    Poisoned {
        /// The file.
        path: String,
        /// The first failure.
        first: String,
    },
    /// No room for another fault beside the undo of those already armed.
    #[error("the undo journal {path} is full: split the scenario into several drills")]
    Full {
        /// The file.
        path: String,
    },
    /// The record cannot follow what is written, or has no JSON form.
    #[error("the undo journal {path} refuses a record: {what}")]
    Refused {
        /// The file.
        path: String,
        /// Why.
        what: String,
    },
}

/// The only writer of a journal: where the next record goes, and whether the disk can be trusted.
pub(super) struct Writer {
    pub path: PathBuf,
    medium: Box<dyn Medium>,
    pub book: Book,
    end: u64,
    seq: u32,
    /// The first failed write.
    pub poison: Option<String>,
    pub whereabouts: Whereabouts,
}

impl Writer {
    pub fn new(path: &Path, medium: Box<dyn Medium>, whereabouts: Whereabouts) -> Writer {
        let book = Book::default();
        Writer { path: path.into(), medium, book, end: 0, seq: 0, poison: None, whereabouts }
    }

    /// Writes the header.
    pub fn begin(&mut self, header: &Record) -> Result<(), JournalError> {
        let bytes = encode(0, header).map_err(|e| self.refused(e.to_string()))?;
        if bytes.len() as u64 > self.medium.capacity() {
            return Err(JournalError::Full { path: self.name() });
        }
        self.put(&bytes)
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn refused(&self, what: String) -> JournalError {
        JournalError::Refused { path: self.name(), what }
    }

    /// Fails when a write failed before.
    pub fn sound(&self) -> Result<(), JournalError> {
        match &self.poison {
            Some(first) => Err(JournalError::Poisoned { path: self.name(), first: first.clone() }),
            None => Ok(()),
        }
    }

    /// Writes a record and enters it into the book, if it may follow and `room` bytes stay free behind it.
    pub fn append(&mut self, record: &Record, room: u64) -> Result<(), JournalError> {
        let mut book = self.book.clone();
        book.apply(record.clone()).map_err(|what| self.refused(what))?;
        let bytes = encode(self.seq, record).map_err(|e| self.refused(e.to_string()))?;
        if self.end + bytes.len() as u64 + room > self.medium.capacity() {
            return Err(JournalError::Full { path: self.name() });
        }
        self.put(&bytes)?;
        self.book = book;
        Ok(())
    }

    /// Writes and syncs. A failure is taken back as far as the disk allows, and poisons the journal: after a failed
    /// sync the system may report success although nothing was written.
    fn put(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        let done = self.medium.write_at(self.end, bytes).and_then(|()| self.medium.sync());
        if let Err(e) = done {
            let zeroes = vec![0; bytes.len()];
            // Whether this works or not: what stands there is at worst a torn last record, or one whose act never ran.
            let _ = self.medium.write_at(self.end, &zeroes).and_then(|()| self.medium.sync());
            self.poison.get_or_insert_with(|| e.to_string());
            return Err(JournalError::Write { path: self.name(), what: e.to_string() });
        }
        self.end += bytes.len() as u64;
        self.seq += 1;
        Ok(())
    }

    /// Goes on where a reading ended. A torn last record is written over with what the reader took it for, in one
    /// write: were it only erased, a second reader would not know of the doubt.
    pub fn resume(&mut self, reading: Reading, bytes: &[u8]) {
        (self.book, self.end, self.seq) = (reading.book, reading.end as u64, reading.next_seq);
        let garbage = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1).saturating_sub(reading.end);
        if garbage == 0 || self.poison.is_some() {
            return;
        }
        let mut patch = vec![];
        let mut seq = self.seq;
        for entry in reading.doubted {
            let record = Record::State { entry, state: EntryState::Injecting, reverted: vec![] };
            match encode(seq, &record) {
                Ok(frame) => patch.extend(frame),
                Err(e) => return self.poison = Some(e.to_string()),
            }
            seq += 1;
        }
        let written = patch.len();
        patch.resize(written.max(garbage), 0);
        match self.medium.write_at(self.end, &patch).and_then(|()| self.medium.sync()) {
            Ok(()) => (self.end, self.seq) = (self.end + written as u64, seq),
            Err(e) => self.poison = Some(e.to_string()),
        }
    }
}
