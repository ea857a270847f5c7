//! The loop that acts, its pure conductor, the watchdog and recovery from a journal.
//!
//! One task owns the state of a run and orders all events. Everything else (probes, load, faults, steps) runs in tasks
//! of its own and tells this one, through one bounded channel, what happened. The conductor says what is to be done
//! next.

pub mod conductor;
mod fault_task;
mod guards;
mod inbox;
pub mod kill_file;
pub mod limits;
mod load_run;
mod observers;
mod preflight;
pub mod reach;
pub mod recorder;
pub mod recover;
pub mod revert;
mod run;
pub mod simulate;
mod steps;
mod tasks;
mod verify;
pub mod watchdog;

#[cfg(test)]
mod scripted;

pub use inbox::{CancelLevel, Canceller, canceller};
pub use load_run::LoadEngine;
pub use recorder::Recorder;
pub use run::{Engine, Finished, Switch};
