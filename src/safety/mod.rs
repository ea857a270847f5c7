//! Undo that cannot be lost: undo records, journal, lock.
