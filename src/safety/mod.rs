//! Undo that cannot be lost: undo records, journal, lock.

mod licence;
mod undo;

pub use licence::Licence;
pub use undo::{CommandUndo, LinkUndo, ProcessUndo, Reverted, Standing, Undo};
