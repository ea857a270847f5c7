//! Finding stress workers by their tag.
//!
//! The undo of a worker is on disk before the worker runs, so it cannot name its pid. The tag is an argument that no
//! other process has, because it holds the id of the run. Where exactly it stands is checked, so that a shell or a
//! search tool whose own arguments mention it is never taken for the worker.

use std::time::Duration;

use crate::world::process::procfs::{self, Stat};
use crate::world::services::tree;

/// The hidden subcommand of a worker.
pub(super) const SUBCOMMAND: &str = "stress-worker";

/// The name that a worker is started by, whatever its file is called.
pub(super) const PROGRAM: &str = "simulacro";

/// Whether the arguments are those of the worker with this tag.
fn is_tagged(arguments: &[String], tag: &str) -> bool {
    let [program, verb, key, value, ..] = arguments else { return false };
    program == PROGRAM && verb == SUBCOMMAND && key == "--tag" && value == tag
}

/// The worker with this tag, if it runs. `hint` is looked at first: a scan of all processes takes milliseconds.
pub(super) fn find(tag: &str, hint: Option<i32>) -> Vec<Stat> {
    let tagged = |stat: &Stat| !stat.ended() && is_tagged(&procfs::command_line(stat.pid), tag);
    if let Some(stat) = hint.and_then(|pid| procfs::stat(pid).ok().flatten()).filter(tagged) {
        return vec![stat];
    }
    procfs::all().unwrap_or_default().into_iter().filter(tagged).collect()
}

/// What became of the workers with a tag.
pub(super) struct Ended {
    /// How many ran.
    pub found: usize,
    /// How many could not be ended.
    pub left: usize,
}

/// Kills every process with this tag and waits until they are gone. A worker that starts in between is found, too.
pub(super) fn end(tag: &str, within: Duration) -> Ended {
    let found = find(tag, None).len();
    Ended { found, left: tree::end(|| find(tag, None), within, || {}) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_worker_itself_is_found() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(is_tagged(&words("simulacro stress-worker --tag run/f/0 --job {}"), "run/f/0"));
        for other in [
            "simulacro stress-worker --tag run/f/01 --job {}",
            "grep stress-worker --tag run/f/0",
            "pkill -f stress-worker --tag run/f/0",
            "simulacro recover run/f/0",
            "simulacro",
        ] {
            assert!(!is_tagged(&words(other), "run/f/0"), "{other}");
        }
    }
}
