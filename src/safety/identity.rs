//! Which process this is, and whether another still is the one that was meant.

use std::fs;
use std::io;

use crate::model::ProcessId;

/// The identity of the process that has this pid now.
///
/// # Errors
/// When there is no such process, or `/proc` cannot be read.
pub fn process_of(pid: i32) -> io::Result<ProcessId> {
    let stat = fs::read(format!("/proc/{pid}/stat"))?;
    let start = start_time(&stat)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat has an unknown form")))?;
    Ok(ProcessId { pid, start })
}

/// The identity of this process.
///
/// # Errors
/// When `/proc` cannot be read: without it no process can be told from a later one of the same pid.
pub fn this_process() -> io::Result<ProcessId> {
    process_of(rustix::process::getpid().as_raw_nonzero().get())
}

/// Whether exactly that process still exists. One that ended and waits for its parent (a zombie) does not.
pub fn is_alive(process: ProcessId) -> bool {
    let Ok(stat) = fs::read(format!("/proc/{}/stat", process.pid)) else { return false };
    start_time(&stat) == Some(process.start) && !matches!(after_name(&stat).and_then(|mut f| f.next()), Some("Z" | "X"))
}

/// Field 22 of `/proc/<pid>/stat`, in clock ticks since boot (proc(5)).
fn start_time(stat: &[u8]) -> Option<u64> {
    after_name(stat)?.nth(19)?.parse().ok()
}

/// The fields from the third on. The second is the program's name in parentheses and may itself hold spaces and
/// parentheses, so they are counted from its last closing one.
fn after_name(stat: &[u8]) -> Option<std::str::SplitAsciiWhitespace<'_>> {
    let close = stat.iter().rposition(|b| *b == b')')?;
    Some(std::str::from_utf8(stat.get(close + 1..)?).ok()?.split_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_read_behind_a_name_that_looks_like_fields() {
        let stat = b"42 (a) 1 (b c) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 2";
        assert_eq!(start_time(stat), Some(987_654));
        assert_eq!(start_time(b"42 (cut"), None);
    }

    #[test]
    fn this_process_is_alive_and_one_with_another_start_is_not() {
        let me = this_process().expect("/proc is there");
        assert!(is_alive(me));
        assert!(!is_alive(ProcessId { start: me.start + 1, ..me }));
    }

    #[test]
    fn a_zombie_is_not_alive() {
        let mut child = std::process::Command::new("true").spawn().expect("true runs");
        let process = process_of(child.id() as i32).expect("it is not reaped yet");
        let flags = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::waitid(rustix::process::WaitId::Pid(pid), flags).expect("it ends");
        assert!(!is_alive(process));
        child.wait().expect("it is reaped");
    }
}
