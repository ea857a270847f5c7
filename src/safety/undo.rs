//! Undo records: how to take a fault back, as data.
//!
//! One variant per driver family. Variants and fields are never renamed or removed: a journal of an older version must
//! stay readable (golden files in `tests/golden/`). New fields get a default.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::{HumanDuration, Name, ProcessId, RuleId};

/// How to take one effect of a fault back. Applied by the driver of its family; unconditional and idempotent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undo {
    /// A process that was signalled.
    Process(ProcessUndo),
    /// A rule on a link.
    Link(LinkUndo),
    /// A command that the scenario gave as the inverse.
    Command(CommandUndo),
}

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
}

/// Undo for a link: remove one rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkUndo {
    /// Where the proxy takes orders: the path of a Unix socket, or an `http://` address of a proxy that already ran.
    pub control: String,
    /// The link.
    pub link: Name,
    /// The rule to remove.
    pub rule: RuleId,
}

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

/// What an undo found and did. Made by drivers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reverted {
    /// The effect was there and was taken back.
    Restored,
    /// The effect was not there: never injected, or already undone.
    AlreadyBack,
    /// What the fault was done to no longer exists (in the same world the journal names).
    TargetGone,
}

/// Whether a fault's effect stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The effect is there and has touched so many things (connections, processes).
    InForce {
        /// How many.
        touched: u64,
    },
    /// The effect is not there.
    Gone,
    /// Something else stands in its place: another process with that pid, a rule that is not ours.
    Foreign,
}

impl Undo {
    /// In plain words, how a person would do this undo by hand. Goes into the journal beside the record.
    pub fn by_hand(&self) -> String {
        match self {
            Undo::Process(ProcessUndo::Continue { process }) => format!("kill -CONT {}", process.pid),
            Undo::Process(ProcessUndo::Killed { process, service: Some(service) }) => {
                format!("nothing to do: process {} belonged to the drill's own service {service}", process.pid)
            }
            Undo::Process(ProcessUndo::Killed { process, service: None }) => {
                format!("start again what ran as process {}: the drill killed it and cannot restart it", process.pid)
            }
            Undo::Link(LinkUndo { control, link, rule }) => {
                format!("remove rule {} from link {link} of the proxy at {control}, or end that proxy", rule.0)
            }
            Undo::Command(CommandUndo { argv, dir, .. }) => format!("in {}: {}", dir.display(), argv.join(" ")),
        }
    }

    /// A short name of what the undo is about, for messages.
    pub fn subject(&self) -> String {
        match self {
            Undo::Process(ProcessUndo::Continue { process } | ProcessUndo::Killed { process, .. }) => {
                process.to_string()
            }
            Undo::Link(LinkUndo { link, .. }) => format!("link {link}"),
            Undo::Command(CommandUndo { argv, .. }) => format!("command {}", argv.first().map_or("", String::as_str)),
        }
    }
}
