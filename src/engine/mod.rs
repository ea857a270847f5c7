//! The loop that acts, its pure conductor, the watchdog and recovery from a journal.

pub mod conductor;
pub mod reach;
pub mod recover;
pub mod revert;
pub mod watchdog;

#[cfg(test)]
mod scripted;
