//! Undo of a signal to a process of this host.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Family, Home, Reverted};
use crate::model::{Name, ProcessId, Signal};

/// Undo for a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessUndo {
    /// Continue a stopped process (SIGCONT), if it is still the same one.
    Continue {
        /// The process that is stopped.
        process: ProcessId,
    },
    /// The process was killed: nothing can bring that one back. Its supervisor starts another, or the scenario
    /// consented.
    Killed {
        /// The process that was killed.
        process: ProcessId,
        /// The drill's own service whose supervisor restarts it; none for a process the drill did not start.
        #[serde(default)]
        service: Option<Name>,
    },
    /// The process was sent a signal that it handles: nothing can take that back.
    Signalled {
        /// The process.
        process: ProcessId,
        /// The signal.
        signal: Signal,
        /// The drill's own service whose process it is; none for a process the drill did not start.
        #[serde(default)]
        service: Option<Name>,
    },
}

impl Family for ProcessUndo {
    fn by_hand(&self) -> String {
        match self {
            ProcessUndo::Continue { process } => format!("kill -CONT {}", process.pid),
            ProcessUndo::Killed { process, service: Some(service) } => {
                format!("nothing to do: process {} belonged to the drill's own service {service}", process.pid)
            }
            ProcessUndo::Killed { process, service: None } => {
                format!("start again what ran as process {}: the drill killed it and cannot restart it", process.pid)
            }
            ProcessUndo::Signalled { process, signal, .. } => {
                format!("nothing to do: process {} was sent {signal}; if it ended, start it again", process.pid)
            }
        }
    }

    fn subject(&self) -> String {
        let (ProcessUndo::Continue { process }
        | ProcessUndo::Killed { process, .. }
        | ProcessUndo::Signalled { process, .. }) = self;
        process.to_string()
    }

    fn longest(&self) -> Duration {
        Duration::from_secs(3)
    }

    /// A signal is delivered within the system call that sends it.
    fn flight(&self) -> Duration {
        Duration::from_millis(100)
    }

    /// A signal that arrives after the process was found alive kills it: nothing an undo could take back.
    fn may_be_overtaken(&self, reverted: Reverted) -> bool {
        !self.has_no_inverse() && reverted == Reverted::AlreadyBack
    }

    fn has_no_inverse(&self) -> bool {
        matches!(self, ProcessUndo::Killed { .. } | ProcessUndo::Signalled { .. })
    }

    fn home(&self) -> Home {
        Home::Boot
    }
}
