//! Undo of what was done to a network namespace.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Family, Home};
use crate::model::{HumanDuration, NetworkSpace};

/// Undo for a network namespace: take away one thing of this program's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkUndo {
    /// Where it is.
    pub space: NetworkSpace,
    /// The mark of this run and this fault, by which it is found.
    pub tag: String,
    /// What it is.
    pub trace: NetworkTrace,
    /// So long after it began to work it ends by itself, whatever became of the runner.
    pub expires: HumanDuration,
    /// Addresses on the other side, as they were found beforehand; for messages, and for whoever undoes by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<IpAddr>,
}

/// What stands in a network namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkTrace {
    /// A table of nftables, family `inet`, with the tag as its name.
    Table {},
    /// The root queueing discipline of a device.
    Qdisc {
        /// The device.
        device: String,
        /// Its handle, without the colon; made from the tag.
        handle: String,
    },
    /// Rules of iptables, in INPUT of `mangle`, with the tag as comment; they lead to a queue in user space.
    Queue {
        /// The queue.
        number: u16,
        /// Whether the table `mangle` was there before, of IPv4.
        #[serde(default)]
        had_ipv4: bool,
        /// The same of IPv6.
        #[serde(default)]
        had_ipv6: bool,
    },
}

impl NetworkUndo {
    /// What a shell has to be given before a command, for the command to run in there.
    fn inside(&self) -> String {
        if self.space.own { String::new() } else { format!("nsenter -t {} -n ", self.space.process.pid) }
    }
}

impl Family for NetworkUndo {
    fn by_hand(&self) -> String {
        let (tag, inside) = (&self.tag, self.inside());
        match &self.trace {
            NetworkTrace::Table {} => format!("{inside}nft delete table inet {tag}"),
            NetworkTrace::Qdisc { device, handle } => {
                format!("{inside}tc qdisc del dev {device} root handle {handle}:")
            }
            NetworkTrace::Queue { .. } => {
                let one = |tool: &str| {
                    format!("{tool} -t mangle -S INPUT | grep -- {tag} | sed s/-A/-D/ | xargs -r -L1 {tool} -t mangle")
                };
                format!("{inside}sh -c '{}; {}'", one("iptables"), one("ip6tables"))
            }
        }
    }

    fn subject(&self) -> String {
        self.to_string()
    }

    /// Three orders to the kernel's tools, each bounded.
    fn longest(&self) -> Duration {
        Duration::from_secs(8)
    }

    /// The tool that sets the rule is a process of its own: it may still be at work when the runner has died.
    fn flight(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn home(&self) -> Home {
        Home::Boot
    }
}

impl fmt::Display for NetworkUndo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.trace {
            NetworkTrace::Qdisc { device, .. } => write!(f, "{} ({device})", self.space),
            NetworkTrace::Table {} | NetworkTrace::Queue { .. } => write!(f, "{}", self.space),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As this version writes them: later ones must read them.
    const WRITTEN: [&str; 3] = [
        r#"{"space":{"inode":4026532924,"process":{"pid":42,"start":7}},"tag":"simulacro_r_cut","trace":{"table":{}},"expires":"5m"}"#,
        r#"{"space":{"inode":4026532924,"process":{"pid":42,"start":7},"own":true},"tag":"t","trace":{"qdisc":{"device":"eth0","handle":"5abc"}},"expires":"5m","peers":["10.0.0.1"]}"#,
        r#"{"space":{"inode":1,"process":{"pid":42,"start":7},"container":{"id":"c","name":"db"}},"tag":"t","trace":{"queue":{"number":20000}},"expires":"5m"}"#,
    ];

    #[test]
    fn records_of_this_version_are_read_and_say_what_a_person_would_type() {
        let undo = WRITTEN.map(|text| serde_json::from_str::<NetworkUndo>(text).expect("it is readable"));
        let [table, qdisc, queue] = &undo;
        assert_eq!(table.by_hand(), "nsenter -t 42 -n nft delete table inet simulacro_r_cut");
        assert_eq!(qdisc.by_hand(), "tc qdisc del dev eth0 root handle 5abc:");
        assert!(queue.by_hand().contains("iptables -t mangle -S INPUT | grep -- t "), "{}", queue.by_hand());
        assert_eq!(queue.subject(), "the network of container db");
        for undo in &undo {
            let again = serde_json::to_string(undo).expect("it is writable");
            assert_eq!(&serde_json::from_str::<NetworkUndo>(&again).expect("it is readable"), undo);
        }
    }
}
