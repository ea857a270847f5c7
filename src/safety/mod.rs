//! Undo that cannot be lost: undo records, journal, lock.
//!
//! A fault is armed in the [`Journal`] before it is injected; only the [`Armed`] token makes the [`Licence`] that
//! drivers ask for. Whoever holds the [`Lock`] of the [`StateDir`] may inject and revert, nobody else.

mod book;
mod identity;
mod journal;
mod licence;
mod lock;
mod medium;
mod memory;
mod place;
mod record;
mod residue;
mod state;
mod undo;
mod writer;

#[cfg(test)]
pub(crate) mod fixtures;

pub use identity::{is_alive, process_of, this_process};
pub use journal::{Armed, InjectError, JOURNAL_FILE, Journal};
pub use licence::Licence;
pub use lock::{Holder, Lock, LockError, Role};
pub use medium::Medium;
pub use memory::{Fate, Memory, Operation};
pub use place::{Place, Whereabouts};
pub use record::{EntryState, Header, JOURNAL_VERSION};
pub use residue::{Damage, DamageKind, Residue, header, residue};
pub use state::{RunDir, StateDir, StateError};
pub use undo::{
    CommandUndo, ContainerEffect, ContainerUndo, DatabaseUndo, Failover, Family, FileUndo, Held, Home, LinkUndo,
    MachineUndo, NetworkTrace, NetworkUndo, PostgresServer, PostgresSession, ProcessUndo, Reverted, Standing, Undo,
};
pub use writer::JournalError;
