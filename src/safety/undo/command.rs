//! Undo by a command of the scenario.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Family, Home, Reverted};
use crate::model::HumanDuration;

/// Undo by a command of the scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandUndo {
    /// Program and arguments; no shell. References to secrets stay references and are resolved when it runs.
    pub argv: Vec<String>,
    /// Longest time it may take.
    pub within: HumanDuration,
    /// Directory it runs in.
    pub dir: PathBuf,
}

impl Family for CommandUndo {
    fn by_hand(&self) -> String {
        format!("in {}: {}", self.dir.display(), self.argv.join(" "))
    }

    fn subject(&self) -> String {
        format!("command {}", self.argv.first().map_or("", String::as_str))
    }

    /// The limit that the scenario gives, and time to end its process group.
    fn longest(&self) -> Duration {
        self.within.get() + Duration::from_secs(2)
    }

    fn flight(&self) -> Duration {
        self.within.get()
    }

    /// An inverse succeeds whether or not the command it takes back has finished.
    fn may_be_overtaken(&self, reverted: Reverted) -> bool {
        reverted != Reverted::TargetGone
    }

    /// What a command did may have outlived the reboot of its own machine.
    fn home(&self) -> Home {
        Home::Machine
    }
}
