//! Ending a tree of processes, whatever they did to get out of sight.
//!
//! A process cannot leave its tree: one that forks twice is adopted by the nearest subreaper above it, and neither a
//! new session nor a new process group changes who its parent is. So the children of a subreaper, and theirs, are all
//! there is.

use std::thread::sleep;
use std::time::Duration;

use crate::clock::raw_now;
use crate::model::Signal;
use crate::world::DriverError;
use crate::world::process::identity::{Holding, hold};
use crate::world::process::procfs::{self, Stat};
use crate::world::process::select::descendants;

/// Pause between two passes over the tree.
const PASS: Duration = Duration::from_millis(3);

/// The processes below `root` that have not ended.
pub fn below(root: i32) -> Vec<Stat> {
    let all = procfs::all().unwrap_or_default();
    let tree = descendants(root, &all);
    all.into_iter().filter(|stat| tree.contains(&stat.pid) && !stat.ended()).collect()
}

/// The processes of a session that have not ended. The number of a session stays taken while it has members, so these
/// belong together as long as the session's leader is not yet collected.
pub fn of_session(session: i32) -> Vec<Stat> {
    let all = procfs::all().unwrap_or_default();
    all.into_iter().filter(|stat| stat.session == session && !stat.ended()).collect()
}

/// Sends a signal to each; returns how many it reached. Those that ended meanwhile, or that another user owns, are
/// passed over: the caller looks again.
pub fn signal(processes: &[Stat], signal: Signal) -> usize {
    let reach = |stat: &Stat| -> Result<bool, DriverError> {
        match hold(stat.id())? {
            Holding::Same(held) => held.send(signal).map(|()| true),
            Holding::Gone | Holding::Foreign => Ok(false),
        }
    };
    processes.iter().filter(|stat| reach(stat).unwrap_or(false)).count()
}

/// Kills what `find` finds, and again, until it finds nothing twice in a row: one pass over `/proc` is not a snapshot,
/// and can miss a child born behind it. `between` runs after each pass, to collect what ended.
///
/// Returns how many processes are left when `within` is over: stuck in the kernel, or not ours to kill.
pub fn end(find: impl Fn() -> Vec<Stat>, within: Duration, mut between: impl FnMut()) -> usize {
    let limit = raw_now().saturating_add(i64::try_from(within.as_nanos()).unwrap_or(i64::MAX));
    let mut empty = 0;
    loop {
        let found = find();
        empty = if found.is_empty() { empty + 1 } else { 0 };
        signal(&found, Signal::KILL);
        between();
        if empty == 2 || raw_now() >= limit {
            return found.len();
        }
        sleep(if empty == 0 { PASS } else { Duration::ZERO });
    }
}
