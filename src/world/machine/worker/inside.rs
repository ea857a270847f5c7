//! Joins the control groups and the mounts of a process: the first one of a container.
//!
//! The pid namespace stays that of the machine, so the worker's identity is the same for everybody who may have to end
//! it, and no process of the container can signal it.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};

use crate::model::ProcessId;
use crate::world::process::procfs;

/// Controllers whose limits a container's stress must feel (cgroups(7)); the hierarchy of version 2 has no name here.
const LIMITS: [&str; 6] = ["cpu", "cpuset", "memory", "blkio", "io", "pids"];

/// Joins; gives the handle by which the end of that process is seen. To be called before any thread is started: mounts
/// belong to a process as a whole.
pub(super) fn join(process: ProcessId) -> Result<OwnedFd, String> {
    let gone = || format!("{process}, whose container was to be stressed, has ended");
    let pid = Pid::from_raw(process.pid).ok_or_else(gone)?;
    let handle = pidfd_open(pid, PidfdFlags::empty()).map_err(|_| gone())?;
    // Compared after the handle was opened: a match proves that the handle is the right one's.
    if procfs::stat(process.pid).ok().flatten().is_none_or(|stat| stat.id() != process) {
        return Err(gone());
    }
    for group in groups(process)? {
        let file = group.join("cgroup.procs");
        fs::write(&file, "0").map_err(|e| format!("cannot join {}: {e}; that needs root", group.display()))?;
    }
    move_into_thread_name_spaces(handle.as_fd(), ThreadNameSpaceType::MOUNT)
        .map_err(|e| format!("cannot join the mounts of {process}: {e}; that needs root"))?;
    Ok(handle)
}

/// The directories of the control groups that limit a process.
fn groups(process: ProcessId) -> Result<Vec<PathBuf>, String> {
    let read = |path: String| fs::read_to_string(&path).map_err(|e| format!("cannot read {path}: {e}"));
    let theirs = read(format!("/proc/{}/cgroup", process.pid))?;
    let mounts = read("/proc/self/mountinfo".into())?;
    let wanted = theirs.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        Some((parts.next()?, parts.next()?))
    });
    let limiting = wanted.filter(|(names, _)| names.is_empty() || names.split(',').any(|name| LIMITS.contains(&name)));
    // A hierarchy that is not mounted limits nobody.
    Ok(limiting.filter_map(|(names, path)| Some(directory(&mounts, names)?.join(path.strip_prefix('/')?))).collect())
}

/// Where the hierarchy of these controllers is mounted, from lines of mountinfo (proc(5)): field 5 is the place; after
/// a lone dash come the type and, last, the options that name the controllers. No name: version 2.
fn directory<'a>(mounts: &'a str, names: &str) -> Option<&'a Path> {
    mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut after = after.split(' ');
        let (kind, options) = (after.next()?, after.next_back().unwrap_or(""));
        let fits = match names {
            "" => kind == "cgroup2",
            names => kind == "cgroup" && names.split(',').all(|name| options.split(',').any(|option| option == name)),
        };
        fits.then(|| before.split(' ').nth(4).map(Path::new)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_of_both_versions_are_found() {
        let mounts = "25 30 0:23 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755\n\
                      26 25 0:24 / /sys/fs/cgroup/unified rw,nosuid shared:5 - cgroup2 cgroup rw,nsdelegate\n\
                      27 25 0:25 / /sys/fs/cgroup/cpu,cpuacct rw shared:6 - cgroup cgroup rw,cpu,cpuacct\n\
                      28 25 0:26 / /sys/fs/cgroup/memory rw shared:7 - cgroup cgroup rw,memory\n";
        assert_eq!(directory(mounts, ""), Some(Path::new("/sys/fs/cgroup/unified")));
        assert_eq!(directory(mounts, "cpu,cpuacct"), Some(Path::new("/sys/fs/cgroup/cpu,cpuacct")));
        assert_eq!(directory(mounts, "memory"), Some(Path::new("/sys/fs/cgroup/memory")));
        assert_eq!(directory(mounts, "pids"), None);
    }

    #[test]
    fn this_process_has_groups_that_exist() {
        let me = crate::safety::this_process().unwrap();
        for group in groups(me).unwrap() {
            assert!(group.join("cgroup.procs").exists(), "{}", group.display());
        }
    }
}
