//! The loop that acts, its pure conductor, the watchdog and recovery from a journal.

pub mod conductor;
