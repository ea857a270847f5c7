//! What the engine's task is told.

use tokio::sync::{mpsc, watch};

use super::guards::Trip;
use super::observers::Observers;
use crate::timeline::event::EventKind;
use crate::timeline::load_line::WorkerReport;
use crate::world::services::ServiceNotice;

/// How many inputs may wait. Bounded: whoever tells more than the engine can record waits, and its lateness shows.
pub(super) const ROOM: usize = 4096;

/// One thing the engine is told.
pub(super) enum Input {
    /// Something happened.
    Event(EventKind),
    /// A load worker reported.
    Worker(WorkerReport),
    /// A service's supervisor reported.
    Service(ServiceNotice),
    /// Preflight is over: everything runs, or why not.
    Ready(Result<Box<Observers>, String>),
    /// A guard that looks by itself tripped.
    Trip(Trip),
    /// Nothing observes any more, and everything that was seen is told.
    Observed,
    /// The ledger is read and the restores are proven, as far as asked.
    Verified,
}

pub(super) type Inbox = mpsc::Sender<Input>;

/// How urgently the drill is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum CancelLevel {
    /// Not at all.
    #[default]
    Go,
    /// Stop adding harm, undo, judge what there is.
    Heal,
    /// Undo now, and nothing else.
    HealNow,
}

/// Cancels a run.
#[derive(Debug, Clone)]
pub struct Canceller {
    level: watch::Sender<(CancelLevel, String)>,
}

/// A canceller, and the end that the engine listens at.
pub fn canceller() -> (Canceller, watch::Receiver<(CancelLevel, String)>) {
    let (level, listener) = watch::channel((CancelLevel::Go, String::new()));
    (Canceller { level }, listener)
}

impl Canceller {
    /// Asks for one level more; `by` says who asks.
    pub fn more(&self, by: &str) {
        self.level.send_modify(|(level, who)| {
            *level = match level {
                CancelLevel::Go => CancelLevel::Heal,
                CancelLevel::Heal | CancelLevel::HealNow => CancelLevel::HealNow,
            };
            *who = by.to_owned();
        });
    }
}
