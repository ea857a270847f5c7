//! `simulacro network-keeper`: a process within a network namespace that holds what the kernel alone cannot.
//!
//! A shaper does not expire in the kernel: its keeper takes it away when its time is over and nobody else did. A queue
//! and a resolver are kept by their process itself. Its standard input is one order and then a lease: end of file says
//! that the runner is gone, or has taken the fault back. A keeper never adds harm after that.

use std::fs;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

use super::answer::{self, Answering};
use super::delay::{self, Queueing};
use super::{shape, tool};
use crate::clock::raw_now;
use crate::model::HumanDuration;
use crate::safety::{NetworkTrace, NetworkUndo};

/// Longest order, in bytes.
const LONGEST: usize = 1 << 20;

/// Time between two looks at whether somebody else has taken the shaper away.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a keeper is told first, as one line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Order {
    /// What it keeps, and for how long at most.
    pub(super) undo: NetworkUndo,
    /// What it does.
    pub(super) role: Role,
}

/// What a keeper does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Role {
    /// Takes a shaper away when its time is over.
    Reap,
    /// Lets packets wait.
    Delay {
        /// So long.
        latency: HumanDuration,
        /// Largest deviation.
        jitter: HumanDuration,
    },
    /// Answers questions for names.
    Answer(Answering),
}

/// Runs a keeper; takes everything it needs from its standard input. See the module's documentation.
pub fn network_keeper() -> ExitCode {
    let _only_cosmetic = rustix::thread::set_name(c"simulacro-net");
    let Some(order) = order() else {
        eprintln!("network-keeper: this subcommand is started by simulacro itself, not by hand");
        return ExitCode::from(2);
    };
    // A session of its own: Ctrl-C in a terminal must reach the runner alone. Fails only when it leads one already.
    let _already_leads = rustix::process::setsid();
    let until = raw_now().saturating_add(i64::try_from(order.undo.expires.get().as_nanos()).unwrap_or(i64::MAX));
    match (order.role, &order.undo.trace) {
        (Role::Reap, NetworkTrace::Qdisc { device, handle }) => {
            leave_control_group();
            tell("ready");
            reap(device, handle, until)
        }
        (Role::Delay { latency, jitter }, NetworkTrace::Queue { number, .. }) => {
            let seed = u64::from(crc32fast::hash(order.undo.tag.as_bytes()));
            let (latency, jitter) = (latency.get(), jitter.get());
            delay::attend(Queueing { number: *number, latency, jitter, until, seed }, tell)
        }
        (Role::Answer(answering), NetworkTrace::Table {}) => answer::serve(&order.undo.tag, &answering, until, tell),
        _ => ExitCode::from(2),
    }
}

fn order() -> Option<Order> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < LONGEST {
        match rustix::io::retry_on_intr(|| rustix::io::read(rustix::stdio::stdin(), &mut byte)) {
            Ok(1) if byte[0] == b'\n' => return serde_json::from_slice(&line).ok(),
            Ok(1) => line.push(byte[0]),
            _ => return None,
        }
    }
    None
}

/// One line to the runner, or nothing when it does not listen any more.
fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A control group ends with everything in it: a keeper that moves to the root of its hierarchy, where it may, is not
/// ended together with the runner and the watchdog.
fn leave_control_group() {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let me = std::process::id().to_string();
    for line in groups.lines() {
        let controllers = line.split(':').nth(1).unwrap_or_default();
        let folder = controllers.strip_prefix("name=").unwrap_or(controllers);
        // Where it may not, it stays; what that means stands in the documentation of the faults.
        let _ = fs::write(format!("/sys/fs/cgroup/{folder}/cgroup.procs"), &me);
        if folder.is_empty() {
            // Beside older hierarchies the unified one is mounted below.
            let _ = fs::write("/sys/fs/cgroup/unified/cgroup.procs", &me);
        }
    }
}

/// Waits until the shaper's time is over and takes it away; ends earlier when the lease is broken and it is gone.
fn reap(device: &str, handle: &str, until: i64) -> ExitCode {
    let words = |text: String| text.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let stands = || match tool::run_here(&words(format!("tc -s qdisc show dev {device}")), "") {
        Ok(said) => said.ok && matches!(shape::root(&said.out, handle), shape::Root::Ours { .. }),
        // Not seen is not gone.
        Err(_) => true,
    };
    let mut held = true;
    while raw_now() < until {
        if held {
            held = lease_holds_until(until);
        }
        if !held {
            if !stands() {
                return ExitCode::SUCCESS;
            }
            std::thread::sleep(LOOK_EVERY.min(Duration::from_nanos((until - raw_now()).max(0).unsigned_abs())));
        }
    }
    while stands() {
        let _seen_by_the_next_look =
            tool::run_here(&words(format!("tc qdisc del dev {device} root handle {handle}:")), "");
        std::thread::sleep(Duration::from_millis(50));
    }
    ExitCode::SUCCESS
}

/// Waits for the end of the lease, or for a moment of the raw clock; whether the lease holds.
fn lease_holds_until(until: i64) -> bool {
    loop {
        let nanos = until.saturating_sub(raw_now()).clamp(0, 3_600_000_000_000);
        if nanos == 0 {
            return true;
        }
        let timeout = Timespec { tv_sec: nanos / 1_000_000_000, tv_nsec: nanos % 1_000_000_000 };
        let stdin = rustix::stdio::stdin();
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        if matches!(poll(&mut fds, Some(&timeout)), Ok(n) if n > 0) {
            return false;
        }
    }
}
