//! What acts in a run, and who does what: a task that panics is noticed, and its debt is known.

use std::collections::HashMap;

use tokio::task::{AbortHandle, Id, JoinSet};

/// What a task does, and so what is owed when it cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Preflight.
    Preflight,
    /// A fault, by its place in the scenario.
    Fault(usize),
    /// A playbook step, likewise.
    Step(usize),
    /// Stops what observes.
    EndOfObservation,
    /// Reads the ledger back and proves the restores.
    Verification,
    /// Tells things that nobody waits for.
    Telling,
}

/// The tasks of a run. They end with it.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    set: JoinSet<()>,
    doing: HashMap<Id, Doing>,
    preflight: Option<AbortHandle>,
}

impl Tasks {
    pub(super) fn spawn(&mut self, doing: Doing, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.set.spawn(task);
        self.doing.insert(handle.id(), doing);
        if doing == Doing::Preflight {
            self.preflight = Some(handle);
        }
    }

    /// Takes note of tasks that have ended; the next one that panicked.
    pub(super) fn next_panicked(&mut self) -> Option<Doing> {
        while let Some(ended) = self.set.try_join_next_with_id() {
            match ended {
                Ok((id, ())) => {
                    self.doing.remove(&id);
                }
                Err(error) => {
                    let doing = self.doing.remove(&error.id());
                    if error.is_panic() && doing.is_some() {
                        return doing;
                    }
                }
            }
        }
        None
    }

    pub(super) fn stop_preflight(&mut self) {
        if let Some(preflight) = self.preflight.take() {
            preflight.abort();
        }
    }

    /// Ends all of them, and waits until they are gone.
    pub(super) async fn shutdown(&mut self) {
        self.set.shutdown().await;
    }
}
