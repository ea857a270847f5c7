//! The loop that acts, its pure conductor, the watchdog and recovery from a journal.

pub mod conductor;
pub mod recover;
pub mod revert;

#[cfg(test)]
mod scripted;
