//! What happened, as data: events, observations, windows, and pure queries over them.

pub mod event;
mod fold;
pub mod gate;
pub mod hist;
pub mod latency;
pub mod ledger;
pub mod load;
pub mod load_line;
pub mod packed;
pub mod probes;
pub mod query;
pub mod restore;
pub mod sample;
#[cfg(test)]
pub(crate) mod script;
pub mod signal;
mod tracks;

pub use fold::{Pulse, Started, Timeline};
pub use tracks::{BackupTrack, FaultTrack, LedgerFinal, PhaseSpan, ServiceSeen, SteadyLook, StepTrack};
