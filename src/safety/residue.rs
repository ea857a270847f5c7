//! Reading a journal: what an earlier run left behind, and what is wrong with its file.

use std::fmt;
use std::path::{Path, PathBuf};

use super::book::Book;
use super::record::{EntryState, Header, JOURNAL_VERSION, Record, decode, find};
use super::{Place, Undo, Whereabouts};
use crate::model::{HumanDuration, Name};

/// A fault that was armed and not disarmed: it may still stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Residue {
    /// Its number in the journal.
    pub entry: u32,
    /// Its name in the scenario.
    pub fault: Name,
    /// How to take it back. The last is undone first.
    pub undo: Vec<Undo>,
    /// The same in plain words, one for each.
    pub by_hand: Vec<String>,
    /// How long it was meant to stand at most.
    pub max_hold: HumanDuration,
    /// The last state that is on disk.
    pub state: EntryState,
    /// The harmful call began and was not seen to return: it may still be on its way.
    pub in_flight: bool,
    /// Where the reader stands, seen from where the drill ran.
    pub whereabouts: Whereabouts,
}

impl Residue {
    /// Whether this is the world the journal names. Only there does a target that is gone count as clean.
    pub fn same_world(&self) -> bool {
        self.whereabouts == Whereabouts::Here
    }
}

/// A journal that cannot be trusted: exit code 30. What could be read is kept, so that a person can act.
#[derive(Debug, thiserror::Error)]
#[error("the undo journal {} {kind}", path.display())]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub kind: DamageKind,
    /// Its header, where that could be read.
    pub header: Option<Box<Header>>,
    /// Every fault whose undo can be read and whose end cannot be proven, newest first.
    pub readable: Vec<Residue>,
    /// Faults that are mentioned, but whose undo cannot be read.
    pub unreadable: Vec<u32>,
}

/// What is wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum DamageKind {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// Its beginning is not that of a journal.
    #[error("has no readable header")]
    NoHeader,
    /// Another version of this program wrote it.
    #[error("has format version {found}, this program reads {JOURNAL_VERSION}: recover with the program that wrote it")]
    Version {
        /// The version it names.
        found: u64,
    },
    /// It is shorter than it was made.
    #[error("was cut: it has {found} bytes of {reserved}")]
    Cut {
        /// Its length.
        found: u64,
        /// The length it was made with.
        reserved: u64,
    },
    /// A record is broken although others follow, or cannot follow the ones before it.
    #[error("is damaged at byte {at}: {what}")]
    Broken {
        /// Where.
        at: usize,
        /// How.
        what: String,
    },
}

/// Where bytes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The preallocated file of a run: its length is part of what is checked.
    Live,
    /// A copy without the empty tail, as in a report folder.
    #[cfg_attr(not(test), expect(dead_code, reason = "copies are evidence; only tests read them back"))]
    Copy,
}

/// A journal that was read to its end.
#[derive(Debug)]
pub(super) struct Reading {
    pub header: Header,
    pub book: Book,
    /// Where the next record goes.
    pub end: usize,
    pub next_seq: u32,
    /// Faults that count as possibly injected because the last record is torn.
    pub doubted: Vec<u32>,
}

/// What a journal says was armed and not disarmed, newest first.
///
/// A torn last record is taken as not written, and a fault that was only armed then counts as possibly injected.
///
/// # Errors
/// When the journal cannot be read, is of another version, was cut, or is damaged before its last record.
pub fn residue(path: &Path) -> Result<Vec<Residue>, Damage> {
    let (header, book) = read_file(path).map(|(r, _)| (r.header, r.book))?;
    Ok(book.open(header.place.whereabouts(&Place::here())))
}

/// A journal's header.
///
/// # Errors
/// As [`residue`].
pub fn header(path: &Path) -> Result<Header, Damage> {
    read_file(path).map(|(r, _)| r.header)
}

pub(super) fn read_file(path: &Path) -> Result<(Reading, Vec<u8>), Damage> {
    let bytes = std::fs::read(path).map_err(|e| Damage::new(path, e.into()))?;
    read(path, &bytes, Source::Live, &Place::here()).map(|reading| (reading, bytes))
}

/// Reads a journal's bytes as they were found at `path`.
pub(super) fn read(path: &Path, bytes: &[u8], source: Source, here: &Place) -> Result<Reading, Damage> {
    let (header, reserved, mut at) = begin(bytes).map_err(|kind| salvage(path, bytes, kind, None, here))?;
    let broken =
        |at: usize, what: String| salvage(path, bytes, DamageKind::Broken { at, what }, Some(header.clone()), here);
    if source == Source::Live && (bytes.len() as u64) < reserved {
        let kind = DamageKind::Cut { found: bytes.len() as u64, reserved };
        return Err(salvage(path, bytes, kind, Some(header), here));
    }
    let mut book = Book::default();
    let mut seq = 1;
    while let Some(frame) = decode(&bytes[at..]) {
        if frame.seq != seq {
            return Err(broken(at, format!("record {} where {seq} is due", frame.seq)));
        }
        let record = serde_json::from_slice(frame.json).map_err(|e| broken(at, e.to_string()))?;
        book.apply(record).map_err(|what| broken(at, what))?;
        at += frame.size;
        seq += 1;
    }
    if find(bytes, at).is_some() {
        return Err(broken(at, "a record is unreadable although others follow".into()));
    }
    let torn = bytes[at..].iter().any(|b| *b != 0);
    let doubted = if torn { doubt(&mut book) } else { vec![] };
    Ok(Reading { header, book, end: at, next_seq: seq, doubted })
}

/// The torn record may have been `injecting`, damaged after it was synced: then the call was made.
fn doubt(book: &mut Book) -> Vec<u32> {
    let mut doubted = vec![];
    for (number, entry) in (0..).zip(&mut book.entries) {
        if entry.state == EntryState::Armed {
            (entry.state, entry.in_flight) = (EntryState::Injecting, true);
            doubted.push(number);
        }
    }
    doubted
}

/// The header, the length the file was made with, and where the next record begins.
fn begin(bytes: &[u8]) -> Result<(Header, u64, usize), DamageKind> {
    let frame = decode(bytes).filter(|f| f.seq == 0).ok_or(DamageKind::NoHeader)?;
    // The version is looked at first: what another version wrote need not fit our types.
    let value: serde_json::Value = serde_json::from_slice(frame.json).map_err(|_| DamageKind::NoHeader)?;
    let found = value["begin"]["version"].as_u64().ok_or(DamageKind::NoHeader)?;
    if found != u64::from(JOURNAL_VERSION) {
        return Err(DamageKind::Version { found });
    }
    match serde_json::from_slice(frame.json) {
        Ok(Record::Begin { header, reserved, .. }) => Ok((header, reserved, frame.size)),
        _ => Err(DamageKind::NoHeader),
    }
}

/// Collects whatever can still be read, wherever it stands. A fault counts as ended only if a sound record says so.
fn salvage(path: &Path, bytes: &[u8], kind: DamageKind, header: Option<Header>, here: &Place) -> Damage {
    let whereabouts = header.as_ref().map_or(Whereabouts::Elsewhere, |h| h.place.whereabouts(here));
    let mut damage = Damage::new(path, kind);
    damage.header = header.map(Box::new);
    if matches!(damage.kind, DamageKind::Version { .. }) {
        return damage;
    }
    let mut open: Vec<Residue> = vec![];
    let mut ended = vec![];
    let mut at = 0;
    while let Some(found) = find(bytes, at) {
        let Some(frame) = decode(&bytes[found..]) else { break };
        at = found + frame.size;
        match serde_json::from_slice(frame.json) {
            Ok(Record::Arm { entry, fault, max_hold, undo, by_hand }) => {
                let state = EntryState::Injecting;
                open.push(Residue { entry, fault, undo, by_hand, max_hold, state, in_flight: true, whereabouts });
            }
            Ok(Record::State { entry, state: EntryState::Disarmed, .. }) => ended.push(entry),
            Ok(Record::State { entry, .. }) => damage.unreadable.push(entry),
            _ => {}
        }
    }
    damage.unreadable.sort_unstable();
    damage.unreadable.dedup();
    damage.unreadable.retain(|n| !ended.contains(n) && open.iter().all(|r| r.entry != *n));
    open.retain(|r| !ended.contains(&r.entry));
    open.reverse();
    damage.readable = open;
    damage
}

impl Damage {
    fn new(path: &Path, kind: DamageKind) -> Damage {
        Damage { path: path.into(), kind, header: None, readable: vec![], unreadable: vec![] }
    }

    /// What a person has to do, newest fault first.
    pub fn by_hand(&self) -> String {
        use fmt::Write as _;
        let mut text = String::new();
        let mut line = |l: fmt::Arguments<'_>| text.write_fmt(format_args!("{l}\n")).unwrap_or_default();
        for residue in &self.readable {
            for step in residue.by_hand.iter().rev() {
                line(format_args!("{}: {step}", residue.fault));
            }
        }
        for entry in &self.unreadable {
            line(format_args!("fault number {entry}: its record is unreadable; look at the scenario"));
        }
        text
    }
}

#[cfg(test)]
#[path = "residue_tests.rs"]
mod tests;
