//! The world that a journal speaks of: this machine, this boot, this pid namespace, or somewhere else.

use std::fs;

use serde::{Deserialize, Serialize};

/// Where a drill ran. A pid, a start time or a socket path means something only there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// `/proc/sys/kernel/random/boot_id`: another after every boot. Empty when it could not be read.
    pub boot_id: String,
    /// `/etc/machine-id`: the same after a reboot. Containers often have none.
    #[serde(default)]
    pub machine_id: Option<String>,
    /// Host name, for messages only.
    #[serde(default)]
    pub host: String,
    /// The pid namespace: its inode, and the start time of its first process because inodes are used again.
    #[serde(default)]
    pub pid_namespace: Option<String>,
}

/// Where the reader of a journal stands, seen from the world that the journal names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// The same boot and the same pid namespace.
    Here,
    /// The same machine after a reboot: every process of the drill ended with the old boot, and with it whatever lived
    /// only in their memory. Commands and foreign endpoints may have outlived it.
    Rebooted,
    /// The same boot, but another container: pids there mean other processes here.
    OtherNamespace,
    /// Another machine, or one that cannot be told from another.
    Elsewhere,
}

impl Place {
    /// This place, now.
    pub fn here() -> Place {
        let text = |path: &str| fs::read_to_string(path).map(|t| t.trim().to_owned()).unwrap_or_default();
        let machine_id = text("/etc/machine-id");
        Place {
            boot_id: text("/proc/sys/kernel/random/boot_id"),
            machine_id: (!machine_id.is_empty()).then_some(machine_id),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            pid_namespace: pid_namespace(),
        }
    }

    /// Where `here` is, seen from this place. Whatever cannot be told counts as elsewhere: then nothing is called clean
    /// because it is not found.
    pub fn whereabouts(&self, here: &Place) -> Whereabouts {
        let same_machine = self.machine_id.is_some() && self.machine_id == here.machine_id;
        if self.boot_id.is_empty() || here.boot_id.is_empty() {
            Whereabouts::Elsewhere
        } else if self.boot_id != here.boot_id {
            if same_machine { Whereabouts::Rebooted } else { Whereabouts::Elsewhere }
        } else if self.pid_namespace == here.pid_namespace {
            Whereabouts::Here
        } else {
            Whereabouts::OtherNamespace
        }
    }
}

fn pid_namespace() -> Option<String> {
    let inode = fs::read_link("/proc/self/ns/pid").ok()?;
    let first = super::identity::process_of(1).map(|p| p.start).unwrap_or_default();
    Some(format!("{}@{first}", inode.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(boot: &str, machine: Option<&str>, namespace: &str) -> Place {
        Place {
            boot_id: boot.into(),
            machine_id: machine.map(Into::into),
            host: "db1".into(),
            pid_namespace: Some(namespace.into()),
        }
    }

    #[test]
    fn here_is_here() {
        assert!(!Place::here().boot_id.is_empty());
        assert_eq!(Place::here().whereabouts(&Place::here()), Whereabouts::Here);
    }

    #[test]
    fn a_reboot_is_told_from_another_machine() {
        let then = place("boot-1", Some("m"), "p");
        assert_eq!(then.whereabouts(&place("boot-2", Some("m"), "p")), Whereabouts::Rebooted);
        assert_eq!(then.whereabouts(&place("boot-2", Some("other"), "p")), Whereabouts::Elsewhere);
        assert_eq!(then.whereabouts(&place("boot-1", Some("m"), "q")), Whereabouts::OtherNamespace);
    }

    #[test]
    fn what_cannot_be_told_is_elsewhere() {
        let unnamed = place("boot-1", None, "p");
        assert_eq!(unnamed.whereabouts(&place("boot-2", None, "p")), Whereabouts::Elsewhere);
        assert_eq!(place("", Some("m"), "p").whereabouts(&place("", Some("m"), "p")), Whereabouts::Elsewhere);
    }
}
