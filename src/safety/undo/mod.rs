//! Undo records: how to take a fault back, as data.
//!
//! One variant per driver family, one file for each. Variants and fields are never renamed or removed: a journal of an
//! older version must stay readable (golden files in `tests/golden/`). New fields get a default.

mod command;
mod container;
mod database;
mod link;
mod machine;
mod network;
mod process;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use command::CommandUndo;
pub use container::{ContainerEffect, ContainerUndo};
pub use database::{DatabaseUndo, Failover, Held, PostgresServer, PostgresSession};
pub use link::LinkUndo;
pub use machine::{FileUndo, MachineUndo};
pub use network::{NetworkTrace, NetworkUndo};
pub use process::ProcessUndo;

/// What the engine must know of an undo, whatever family it is of.
pub trait Family {
    /// In plain words, how a person would do this undo by hand. Goes into the journal beside the record.
    fn by_hand(&self) -> String;

    /// A short name of what the undo is about, for messages.
    fn subject(&self) -> String;

    /// Longest time of one attempt. The driver's own limits lie below it; this one catches a driver that hangs.
    fn longest(&self) -> Duration;

    /// How long after its caller vanished a harmful call can still take effect: one request timeout.
    fn flight(&self) -> Duration;

    /// Whether this answer may be overtaken by a call that is still on its way, so that it counts only when given
    /// twice.
    fn may_be_overtaken(&self, reverted: Reverted) -> bool {
        reverted == Reverted::AlreadyBack
    }

    /// Whether nothing can take the effect back and nothing is there to see go: a killed process.
    fn has_no_inverse(&self) -> bool {
        false
    }

    /// Whether the answer of the driver's revert is itself what was seen, and no look after it can tell more: the thing
    /// that was hurt is gone for good and another one stands in its place.
    fn answer_is_proof(&self) -> bool {
        self.has_no_inverse()
    }

    /// From where the record can be acted on.
    fn home(&self) -> Home;
}

/// What the effect of a fault is tied to, and so from where its undo means the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// To the boot of the machine: after a reboot it is gone for certain (processes, kernel rules).
    Boot,
    /// To the machine: it may outlive a reboot (files, an engine's containers).
    Machine,
    /// To an address that means the same from everywhere (a database, a proxy that already ran).
    Anywhere,
}

/// Makes, from the list of families: the enum of records, and the way from a record to its family.
macro_rules! families {
    ($($(#[$doc:meta])* $family:ident($undo:ident);)+) => {
        /// How to take one effect of a fault back. Applied by the driver of its family; unconditional and idempotent.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Undo {
            $($(#[$doc])* $family($undo),)+
        }

        impl std::ops::Deref for Undo {
            type Target = dyn Family;

            fn deref(&self) -> &Self::Target {
                match self { $(Undo::$family(undo) => undo,)+ }
            }
        }
    };
}

families! {
    /// A process that was signalled.
    Process(ProcessUndo);
    /// A rule on a link.
    Link(LinkUndo);
    /// A command that the scenario gave as the inverse.
    Command(CommandUndo);
    /// Stress, a moved clock, a harmed file on the machine that the drill runs on.
    Machine(MachineUndo);
    /// A container of an engine.
    Container(ContainerUndo);
    /// Something in a network namespace.
    Network(NetworkUndo);
    /// Something on a database server.
    Database(DatabaseUndo);
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
