//! The undo journal: what was done to the world, on disk before it was done.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::book::room_for;
use super::medium::{FileMedium, Medium};
use super::record::{EntryState, Header, JOURNAL_VERSION, Record};
use super::residue::{Damage, Reading, Source, read, read_file};
use super::writer::{JournalError, Writer};
use super::{Licence, Place, Residue, Reverted, Undo, Whereabouts};
use crate::model::{HumanDuration, Name};

/// The journal's name in a run's folder.
pub const JOURNAL_FILE: &str = "undo.jsonl";

/// Length of a journal. A fault takes 1 to 2 KiB, so this holds hundreds; it never grows, so a shorter file was cut.
const CAPACITY: u64 = 1 << 20;

/// Why [`Armed::inject`] did not end well.
#[derive(Debug, thiserror::Error)]
pub enum InjectError<E> {
    /// The journal refused before the act: nothing was done to the world.
    #[error("not injected: {0}")]
    NotBegun(JournalError),
    /// The act failed. Its effect may stand nevertheless, in whole or in part.
    #[error("{0}")]
    Act(E),
    /// The act succeeded, but the journal could not say so: the fault stands and must be undone now.
    #[error("injected, but {0}")]
    Unrecorded(JournalError),
}

/// The undo journal of one run. Clones share it.
///
/// Every call that writes returns once its record is on disk. The sync runs on the calling thread, on purpose: the
/// caller has nothing to do before it is done, there is no moment between write and sync at which a task could be
/// dropped, and a simulated crash falls on exact points. A disk that hangs stops the engine's beat, and the watchdog
/// acts.
#[derive(Clone)]
pub struct Journal {
    writer: Arc<Mutex<Writer>>,
}

/// A fault whose undo is on disk. The only maker of a [`Licence`].
///
/// Dropping it undoes nothing: the entry stays in the journal and counts as residue, which is what makes a crash, a
/// panic and a forgotten path safe alike.
#[must_use = "an armed fault must be disarmed after its undo, or it stays behind as residue"]
pub struct Armed {
    journal: Journal,
    entry: u32,
    fault: Name,
    undo: Vec<Undo>,
}

impl Journal {
    /// Makes the journal of a new run in its folder. It appears under its name only when its header is on disk.
    ///
    /// # Errors
    /// When the file cannot be made; nothing may be armed then.
    pub fn create(dir: &Path, header: &Header) -> io::Result<Journal> {
        let path = dir.join(JOURNAL_FILE);
        if path.exists() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} exists", path.display())));
        }
        let fresh = dir.join(format!("{JOURNAL_FILE}.new"));
        match std::fs::remove_file(&fresh) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let medium = FileMedium::create(&fresh, CAPACITY)?;
        let journal = Journal::on(medium, &path, header).map_err(io::Error::other)?;
        std::fs::rename(&fresh, &path)?;
        super::state::sync_dir(dir)?;
        Ok(journal)
    }

    /// Begins a journal on any medium; `path` is for messages. Simulations use it with a [`super::Memory`].
    ///
    /// # Errors
    /// When the header cannot be written.
    pub fn on(medium: impl Medium + 'static, path: &Path, header: &Header) -> Result<Journal, JournalError> {
        let reserved = medium.capacity();
        let mut writer = Writer::new(path, Box::new(medium), Whereabouts::Here);
        writer.begin(&Record::Begin { version: JOURNAL_VERSION, reserved, header: header.clone() })?;
        Ok(Journal { writer: Arc::new(Mutex::new(writer)) })
    }

    /// Goes on with the journal of a run that ended, to record its undo: for the holder of the lock only.
    ///
    /// A torn last record is replaced by what it must be taken for. Where the file can be read but not written, the
    /// journal is poisoned from the start: undo is still possible, only not recorded.
    ///
    /// # Errors
    /// As [`super::residue()`].
    pub fn reopen(path: &Path) -> Result<(Journal, Header), Damage> {
        let (reading, bytes) = read_file(path)?;
        let header = reading.header.clone();
        let medium: (Box<dyn Medium>, _) = match FileMedium::open(path) {
            Ok(medium) => (Box::new(medium), None),
            Err(e) => (Box::new(super::Memory::holding(bytes.clone())), Some(e.to_string())),
        };
        Ok((Journal::resumed(path, reading, &bytes, medium, &Place::here()), header))
    }

    /// As [`Journal::reopen`], from any medium that holds `bytes`.
    ///
    /// # Errors
    /// As [`super::residue()`].
    pub fn resume(
        medium: impl Medium + 'static,
        path: &Path,
        bytes: &[u8],
        here: &Place,
    ) -> Result<(Journal, Header), Damage> {
        let reading = read(path, bytes, Source::Live, here)?;
        let header = reading.header.clone();
        Ok((Journal::resumed(path, reading, bytes, (Box::new(medium), None), here), header))
    }

    fn resumed(
        path: &Path,
        reading: Reading,
        bytes: &[u8],
        (medium, poison): (Box<dyn Medium>, Option<String>),
        here: &Place,
    ) -> Journal {
        let whereabouts = reading.header.place.whereabouts(here);
        let mut writer = Writer::new(path, medium, whereabouts);
        writer.poison = poison;
        writer.resume(reading, bytes);
        Journal { writer: Arc::new(Mutex::new(writer)) }
    }

    /// Puts the undo of a fault on disk. Only then can it be injected.
    ///
    /// # Errors
    /// When it is not certainly on disk; nothing was done to the world then.
    pub fn arm(&self, fault: &Name, undo: Vec<Undo>, max_hold: HumanDuration) -> Result<Armed, JournalError> {
        let mut writer = self.writer();
        writer.sound()?;
        let entry = writer.book.entries.len() as u32;
        let by_hand = undo.iter().map(|undo| undo.by_hand()).collect();
        let record = Record::Arm { entry, fault: fault.clone(), max_hold, undo: undo.clone(), by_hand };
        let room = writer.book.room_for_undo() + room_for(undo.len());
        writer.append(&record, room)?;
        drop(writer);
        Ok(Armed { journal: self.clone(), entry, fault: fault.clone(), undo })
    }

    /// Records that a fault's undo begins. Nothing is written when that was recorded before.
    ///
    /// # Errors
    /// When it could not be recorded. The undo must go on all the same.
    pub fn reverting(&self, entry: u32) -> Result<(), JournalError> {
        let mut writer = self.writer();
        match writer.book.entries.get(entry as usize).map(|e| e.state) {
            Some(EntryState::Reverting) => Ok(()),
            _ => writer.append(&Record::State { entry, state: EntryState::Reverting, reverted: vec![] }, 0),
        }
    }

    /// Records that a fault is undone: `reverted` says what each of its undos found.
    ///
    /// # Errors
    /// When it could not be recorded. The fault then counts as residue and is undone once more, which does no harm.
    pub fn disarm(&self, armed: Armed, reverted: Vec<Reverted>) -> Result<(), JournalError> {
        self.disarm_entry(armed.entry, reverted)
    }

    /// As [`Journal::disarm`], for what an earlier run, a panicked task or a dropped token left.
    ///
    /// # Errors
    /// As [`Journal::disarm`].
    pub fn disarm_residue(&self, residue: &Residue, reverted: Vec<Reverted>) -> Result<(), JournalError> {
        self.disarm_entry(residue.entry, reverted)
    }

    fn disarm_entry(&self, entry: u32, reverted: Vec<Reverted>) -> Result<(), JournalError> {
        self.reverting(entry)?;
        self.writer().append(&Record::State { entry, state: EntryState::Disarmed, reverted }, 0)
    }

    /// Every fault that is armed and not disarmed, newest first.
    pub fn residue(&self) -> Vec<Residue> {
        let writer = self.writer();
        writer.book.open(writer.whereabouts)
    }

    /// Why nothing more can be armed, if that is so.
    pub fn poisoned(&self) -> Option<String> {
        self.writer().poison.clone()
    }

    /// Where the journal is.
    pub fn path(&self) -> PathBuf {
        self.writer().path.clone()
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic while the lock was held left the book behind what is on disk at worst, never ahead of it.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self, entry: u32, state: EntryState) -> Result<(), JournalError> {
        let mut writer = self.writer();
        if state == EntryState::Injecting {
            writer.sound()?;
        }
        writer.append(&Record::State { entry, state, reverted: vec![] }, 0)
    }
}

impl Armed {
    /// The fault's name.
    pub fn fault(&self) -> &Name {
        &self.fault
    }

    /// How to take it back; the last is undone first.
    pub fn undo(&self) -> &[Undo] {
        &self.undo
    }

    /// How far it has come, as it is on disk.
    pub fn state(&self) -> EntryState {
        self.as_residue().map_or(EntryState::Armed, |r| r.state)
    }

    /// The fault as a reader of the journal would find it now.
    pub fn as_residue(&self) -> Option<Residue> {
        self.journal.residue().into_iter().find(|r| r.entry == self.entry)
    }

    /// Does the harm: records `injecting`, lets `act` act, records `injected`.
    ///
    /// Dropping the future in the middle leaves the state `injecting`, which is the truth.
    ///
    /// # Errors
    /// Whatever the error, the fault must be undone; [`InjectError`] says what is known.
    pub async fn inject<E>(
        &mut self,
        act: impl AsyncFnOnce(Licence<'_>) -> Result<(), E>,
    ) -> Result<(), InjectError<E>> {
        self.journal.mark(self.entry, EntryState::Injecting).map_err(InjectError::NotBegun)?;
        act(Licence::new(&self.fault)).await.map_err(InjectError::Act)?;
        self.journal.mark(self.entry, EntryState::Injected).map_err(InjectError::Unrecorded)
    }

    /// Records that its undo begins.
    ///
    /// # Errors
    /// When it could not be recorded. The undo must go on all the same.
    pub fn reverting(&mut self) -> Result<(), JournalError> {
        self.journal.reverting(self.entry)
    }
}

impl std::fmt::Debug for Armed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Armed").field("entry", &self.entry).field("fault", &self.fault).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
