//! Whether a stress worker does what it is there for, seen from outside.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::limits::below;
use super::space::Space;
use crate::model::{Fill, Size, Stress};
use crate::safety::Standing;
use crate::world::process::procfs::{self, Stat};

/// What a full file system may still show as free: the kernel frees and reserves blocks in steps.
const SLACK: Size = Size::from_mib(8);

/// Whether the worker's effect is there. `touched` counts threads for processors and disks, MiB for what is held; 0
/// while it has only begun.
pub(super) fn of(worker: &Stat, stress: &Stress) -> Standing {
    // Stopped from outside: it holds what it holds, but a stopped stressor stresses nobody.
    if worker.state == 'T' || worker.state == 't' {
        return Standing::Gone;
    }
    let pid = worker.pid;
    let touched = match stress {
        Stress::Cpu { .. } => busy_threads(pid),
        Stress::Memory { size, .. } => held(resident(pid), *size),
        Stress::Io { .. } => written(pid),
        Stress::Disk { directory, fill, .. } => disk(pid, directory, *fill),
    };
    match procfs::stat(pid) {
        // Asked last: what was read above is the right process's only if it is still there now.
        Ok(Some(now)) if now.id() == worker.id() && !now.ended() => Standing::InForce { touched },
        _ => Standing::Gone,
    }
}

/// Nearly all of it: allocators and file systems round.
fn held(seen: Size, wanted: Size) -> u64 {
    let enough = seen.bytes() >= wanted.bytes() - wanted.bytes() / 50;
    if enough { (seen.bytes() >> 20).max(1) } else { 0 }
}

/// Threads that have used processor time: fields 14 and 15 of their `stat` (proc(5)). The first one only waits.
fn busy_threads(pid: i32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    let used = |task: &fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    };
    let others = tasks.flatten().filter(|task| task.file_name().to_str() != Some(&pid.to_string()));
    others.filter(|task| used(task).is_some_and(|ticks| ticks > 0)).count() as u64
}

/// Memory of its own, swapped out or not (proc(5), `status`): not the pages of its program, which it did not take.
fn resident(pid: i32) -> Size {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    Size((field("RssAnon:") + field("VmSwap:")) << 10)
}

/// 1 once something was passed on to write (proc(5), `io`).
fn written(pid: i32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let field = |name: &str| io.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    u64::from(field("wchar: ").is_some_and(|bytes| bytes > 4096))
}

fn disk(pid: i32, directory: &Path, fill: Fill) -> u64 {
    let seen = below(Path::new(&format!("/proc/{pid}/root")), directory);
    let Some(device) = fs::metadata(&seen).ok().map(|m| m.dev()) else { return 0 };
    let ballast = ballast(pid, device);
    match fill {
        Fill::Size(size) => held(ballast, size),
        Fill::LeaveFree(left) => match Space::of(&seen) {
            Ok(space) if space.free.bytes() <= left.bytes() + SLACK.bytes().min(space.total.bytes() / 50) => {
                ballast.bytes() >> 20
            }
            _ => 0,
        },
    }
}

/// What the nameless files that the process holds on a device take.
fn ballast(pid: i32, device: u64) -> Size {
    let Ok(handles) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Size(0) };
    let files = handles.flatten().filter_map(|handle| fs::metadata(handle.path()).ok());
    let ours = files.filter(|file| file.is_file() && file.nlink() == 0 && file.dev() == device);
    Size(ours.map(|file| file.blocks() * 512).sum())
}
