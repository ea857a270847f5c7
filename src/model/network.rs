//! The identity of a network namespace.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ContainerId, ProcessId};

/// A network namespace: what rules, shapers and queues of the kernel belong to.
///
/// It is found again by its number, through any process that lives in it. A container that restarts gets another one,
/// and what belonged to the old one has gone with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSpace {
    /// The kernel's number of it, the inode of `/proc/<pid>/ns/net`.
    pub inode: u64,
    /// A process that lived in it; the way in, as long as it does.
    pub process: ProcessId,
    /// The container whose namespace it is, where it is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerId>,
    /// Whether it is this machine's own, in which this program itself runs.
    #[serde(default)]
    pub own: bool,
}

impl fmt::Display for NetworkSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.container, self.own) {
            (Some(container), _) => write!(f, "the network of {container}"),
            (None, true) => write!(f, "the network of this machine"),
            (None, false) => write!(f, "the network of {}", self.process),
        }
    }
}
