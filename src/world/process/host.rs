//! The driver of this host's processes: Linux, by pidfd.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use super::identity::{Held, Holding, hold};
use super::{ProcessState, Processes, look, procfs, select};
use crate::model::{Member, ProcessId, Signal};
use crate::safety::{Licence, ProcessUndo, Reverted, Standing};
use crate::scenario::target::ProcessSelector;
use crate::world::{DriverError, Services};

/// Longest wait until a continued process is seen running.
const CONTINUE_WITHIN: Duration = Duration::from_secs(1);

/// Time between two looks at a process that has just been signalled.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Processes of this host, through `/proc` and pidfds.
pub struct HostProcesses {
    services: Arc<dyn Services>,
}

impl HostProcesses {
    /// A driver that knows the drill's own services by name.
    pub fn new(services: Arc<dyn Services>) -> Self {
        HostProcesses { services }
    }
}

#[async_trait]
impl Processes for HostProcesses {
    async fn resolve(&self, selector: &ProcessSelector) -> Result<Vec<ProcessId>, DriverError> {
        match selector {
            ProcessSelector::Service(name) => match self.services.current(name) {
                Some(process) => Ok(vec![process]),
                None => Err(DriverError::NotFound(format!(
                    "service {name} has no process now: it never started, or has ended and is not restarted yet"
                ))),
            },
            ProcessSelector::Foreign(selector) => {
                let selector = selector.clone();
                // A host with thousands of processes takes tens of milliseconds to list.
                tokio::task::spawn_blocking(move || select::foreign(&selector))
                    .await
                    .map_err(|e| DriverError::Failed(format!("the search for processes broke off: {e}")))?
            }
        }
    }

    async fn look(&self, selector: &ProcessSelector) -> Result<Vec<Member>, DriverError> {
        let own = matches!(selector, ProcessSelector::Service(_));
        let found = self.resolve(selector).await?;
        let members = move || found.into_iter().map(|process| look::member(process, own)).collect::<Vec<_>>();
        let looked = tokio::task::spawn_blocking(members).await;
        looked.map_err(|e| DriverError::Failed(format!("the look at processes broke off: {e}")))
    }

    async fn signal(&self, process: ProcessId, signal: Signal, _licence: Licence<'_>) -> Result<(), DriverError> {
        match hold(process)? {
            Holding::Same(held) => held.send(signal),
            Holding::Gone => Err(DriverError::NotFound(format!("{process} has ended: nothing was signalled"))),
            Holding::Foreign => Err(DriverError::Identity(format!(
                "pid {} belongs to another process now: nothing was signalled",
                process.pid
            ))),
        }
    }

    async fn state(&self, process: ProcessId) -> Result<ProcessState, DriverError> {
        Ok(match hold(process)? {
            Holding::Same(held) => held.state(),
            Holding::Gone | Holding::Foreign => ProcessState::Gone,
        })
    }

    /// A process that ended took its stop with it, so there is nothing left to take back, whoever has its pid now: that
    /// is [`Reverted::TargetGone`] and not an error, and the pid's new owner is not touched.
    async fn revert(&self, undo: &ProcessUndo) -> Result<Reverted, DriverError> {
        match undo {
            ProcessUndo::Continue { process } => match hold(*process)? {
                Holding::Same(held) => resume(&held).await,
                Holding::Gone | Holding::Foreign => Ok(Reverted::TargetGone),
            },
            // Alive means that the signal was never sent (or is ignored): nothing to take back. Gone cannot be taken
            // back; what makes that acceptable was settled before the act.
            ProcessUndo::Killed { process, .. } => Ok(match hold(*process)? {
                Holding::Same(_) => Reverted::AlreadyBack,
                Holding::Gone | Holding::Foreign => Reverted::TargetGone,
            }),
        }
    }

    async fn standing(&self, undo: &ProcessUndo) -> Result<Standing, DriverError> {
        Ok(match undo {
            ProcessUndo::Continue { process } => match hold(*process)? {
                Holding::Same(held) if held.state() == ProcessState::Stopped => Standing::InForce { touched: 1 },
                Holding::Same(_) | Holding::Gone => Standing::Gone,
                Holding::Foreign => Standing::Foreign,
            },
            ProcessUndo::Killed { process, .. } => match hold(*process)? {
                Holding::Same(_) => Standing::Gone,
                Holding::Gone | Holding::Foreign => Standing::InForce { touched: 1 },
            },
        })
    }
}

/// Continues a process. The signal is sent even when it looks running: a thread in an uninterruptible wait has not
/// stopped yet but would, and SIGCONT also discards a stop that is still pending. On a process that runs it does
/// nothing.
async fn resume(held: &Held) -> Result<Reverted, DriverError> {
    let before = held.state();
    match held.send(Signal::CONT) {
        Ok(()) => {}
        Err(DriverError::NotFound(_)) => return Ok(Reverted::TargetGone),
        Err(e) => return Err(e),
    }
    let limit = Instant::now() + CONTINUE_WITHIN;
    loop {
        match (held.state(), before) {
            (ProcessState::Gone, _) => return Ok(Reverted::TargetGone),
            (ProcessState::Running, ProcessState::Stopped) => return Ok(Reverted::Restored),
            (ProcessState::Running, _) => return Ok(Reverted::AlreadyBack),
            (ProcessState::Stopped, _) if Instant::now() >= limit => return Err(still_stopped(held.id())),
            (ProcessState::Stopped, _) => sleep(LOOK_AGAIN).await,
        }
    }
}

fn still_stopped(process: ProcessId) -> DriverError {
    DriverError::Failed(match procfs::tracer(process.pid) {
        Some(tracer) => {
            format!("{process} was continued but process {tracer} debugs it and holds it: detach the debugger")
        }
        None => format!(
            "{process} was continued but is stopped again: something else stops it; `kill -CONT {}`",
            process.pid
        ),
    })
}
