//! What `/proc` says about processes. Reads only.
//!
//! Field numbers are those of `/proc/<pid>/stat` in proc(5).

use std::fs;
use std::io;

use crate::model::ProcessId;

/// The fields of `/proc/<pid>/stat` (or `/proc/<pid>/task/<tid>/stat`) that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Field 1: process id, or thread id.
    pub pid: i32,
    /// Field 3: one letter; `R S D` runs or waits, `T` stopped by a signal, `t` by a debugger, `Z X` ended.
    pub state: char,
    /// Field 4: the parent.
    pub parent: i32,
    /// Field 5: the process group.
    pub group: i32,
    /// Field 6: the session.
    pub session: i32,
    /// Field 22: start time in clock ticks since boot.
    pub start: u64,
}

impl Stat {
    /// The identity of the process.
    pub fn id(&self) -> ProcessId {
        ProcessId { pid: self.pid, start: self.start }
    }

    /// Whether it has ended and only waits to be collected.
    pub fn ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// Reads one line of `stat`. The command name (field 2) stands in parentheses and may itself contain spaces,
/// parentheses and bytes that are not UTF-8, so the fields are counted from the *last* closing one.
pub fn parse(line: &[u8]) -> Option<Stat> {
    let open = line.iter().position(|b| *b == b'(')?;
    let close = line.iter().rposition(|b| *b == b')')?;
    let pid = std::str::from_utf8(&line[..open]).ok()?.trim().parse().ok()?;
    let rest = std::str::from_utf8(line.get(close + 1..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // `fields[0]` is field 3.
    let number = |field: usize| fields.get(field - 3)?.parse::<i32>().ok();
    Some(Stat {
        pid,
        state: fields.first()?.chars().next()?,
        parent: number(4)?,
        group: number(5)?,
        session: number(6)?,
        start: fields.get(22 - 3)?.parse().ok()?,
    })
}

/// The state of one process; none when there is none with that pid.
///
/// # Errors
/// When `/proc` cannot be read for another reason.
pub fn stat(pid: i32) -> io::Result<Option<Stat>> {
    read_stat(&format!("/proc/{pid}/stat"))
}

fn read_stat(path: &str) -> io::Result<Option<Stat>> {
    match fs::read(path) {
        Ok(line) => parse(&line).map(Some).ok_or_else(|| io::Error::other(format!("{path} is not in a known format"))),
        Err(e) if is_gone(&e) => Ok(None),
        Err(e) => Err(e),
    }
}

/// A process may end between the look at the directory and the read: `ENOENT`, or `ESRCH` from an open file.
fn is_gone(e: &io::Error) -> bool {
    e.kind() == io::ErrorKind::NotFound || e.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// All processes that can be seen. Not a snapshot: some may end, and new ones appear, while it is read.
///
/// # Errors
/// When `/proc` cannot be listed.
pub fn all() -> io::Result<Vec<Stat>> {
    Ok(numbers("/proc")?.into_iter().filter_map(|pid| stat(pid).ok().flatten()).collect())
}

/// The threads of a process that have not ended; empty when it is gone.
pub fn live_threads(pid: i32) -> Vec<Stat> {
    let Ok(threads) = numbers(&format!("/proc/{pid}/task")) else { return Vec::new() };
    let read = |tid| read_stat(&format!("/proc/{pid}/task/{tid}/stat")).ok().flatten();
    threads.into_iter().filter_map(read).filter(|thread| !thread.ended()).collect()
}

fn numbers(directory: &str) -> io::Result<Vec<i32>> {
    let names = fs::read_dir(directory)?.filter_map(Result::ok).map(|entry| entry.file_name());
    Ok(names.filter_map(|name| name.to_str()?.parse().ok()).collect())
}

/// The arguments of a process, lossy; empty for kernel threads and for processes that have ended.
pub fn command_line(pid: i32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    if text.is_empty() {
        return Vec::new();
    }
    text.split(|b| *b == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

/// The process that traces (debugs) this one, if any.
pub fn tracer(pid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?.trim().parse().ok()?;
    (tracer != 0).then_some(tracer)
}

/// A set of signals of a process (proc(5), `status`: `SigIgn`, `SigCgt`, `ShdPnd`): bit 0 is signal 1.
pub fn signals(pid: i32, set: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(set)?.strip_prefix(':'))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// Whether two processes run the same program file.
pub fn same_program(a: i32, b: i32) -> bool {
    use std::os::unix::fs::MetadataExt;
    let file = |pid| fs::metadata(format!("/proc/{pid}/exe")).ok().map(|m| (m.dev(), m.ino()));
    file(a).is_some_and(|a| Some(a) == file(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(comm: &[u8]) -> Vec<u8> {
        let tail = b" T 7 8 9 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 987654 1 2 3";
        [b"42 (", comm, b")", &tail[..]].concat()
    }

    #[test]
    fn names_with_parentheses_and_spaces_do_not_shift_the_fields() {
        let expected = Stat { pid: 42, state: 'T', parent: 7, group: 8, session: 9, start: 987_654 };
        for comm in [&b"sleep"[..], b"a) R 1 1 1 (b", b"((", b"))", b"\xff\xfe x", b""] {
            assert_eq!(parse(&line(comm)), Some(expected), "{comm:?}");
        }
    }

    #[test]
    fn this_process_is_seen_with_its_arguments() {
        let me = i32::try_from(std::process::id()).unwrap();
        let stat = stat(me).unwrap().unwrap();
        assert_eq!(stat.pid, me);
        assert!(stat.start > 0);
        assert!(all().unwrap().iter().any(|other| other.id() == stat.id()));
        assert_eq!(command_line(me).len(), std::env::args().count());
        assert!(live_threads(me).iter().any(|thread| thread.pid == me));
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn any_name_reads_the_same(comm in proptest::collection::vec(1u8.., 0..16)) {
            prop_assert_eq!(parse(&line(&comm)).map(|s| s.start), Some(987_654));
        }
    }
}
