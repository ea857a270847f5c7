//! What this machine can do to networks, and by which mechanism.

use super::tool;
use crate::world::DriverError;

/// One thing that faults of networks need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ability {
    /// For which faults.
    pub what: &'static str,
    /// By what it is done; or why it is not.
    pub how: Result<&'static str, String>,
}

/// Whether the kernel has netem: tried in a namespace that is made for it and vanishes with it.
pub(super) fn netem() -> Result<(), DriverError> {
    try_out("netem", "tc qdisc add dev lo root netem delay 1ms")
}

fn try_out(what: &str, command: &str) -> Result<(), DriverError> {
    let words: Vec<String> =
        ["unshare", "--net"].into_iter().chain(command.split_ascii_whitespace()).map(str::to_owned).collect();
    tool::run_here(&words, "")?.done(what).map(|_| ())
}

/// Whether packets can be led to a queue in user space.
pub(super) fn queue() -> Result<(), DriverError> {
    if !cfg!(feature = "nfqueue") {
        let why = "this program was built without the feature `nfqueue`";
        return Err(DriverError::Refused(why.into()));
    }
    try_out("NFQUEUE", "iptables -t mangle -A INPUT -j NFQUEUE --queue-num 1 --queue-bypass")
}

/// Looks at everything. Blocks for some tens of milliseconds; changes nothing.
pub fn abilities() -> Vec<Ability> {
    let with = |result: Result<(), DriverError>, how: &'static str| result.map(|()| how).map_err(|e| e.to_string());
    let netem = netem();
    let late = match &netem {
        Ok(()) => Ok("netem"),
        Err(no_netem) => match queue() {
            Ok(()) => Ok("a queue in user space (NFQUEUE), because the kernel has no netem"),
            Err(no_queue) => Err(format!("neither netem ({no_netem}) nor a queue in user space ({no_queue})")),
        },
    };
    vec![
        Ability {
            what: "network: rules, dns",
            how: with(
                try_out("nft", "nft add table inet simulacro_probe"),
                "rules of nftables that expire by themselves",
            ),
        },
        Ability {
            what: "network: bandwidth",
            how: with(
                try_out("tbf", "tc qdisc add dev lo root tbf rate 1mbit burst 2000 limit 20000"),
                "a shaper (tc tbf) with a keeper process",
            ),
        },
        Ability { what: "network: latency", how: late },
        Ability { what: "network: other shapes", how: with(netem, "netem") },
    ]
}
