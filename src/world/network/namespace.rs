//! Finding a network namespace again, and the way into it.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};
use rustix::thread::LinkNameSpaceType;

use crate::model::{NetworkSpace, ProcessId};
use crate::world::DriverError;
use crate::world::process::identity::{Holding, hold};

/// Where namespaces are kept that no process needs to live in: `ip netns`, Docker.
const KEPT: [&str; 3] = ["/run/netns", "/run/docker/netns", "/var/run/docker/netns"];

/// A namespace that is held open: what runs in it runs in the very one that was meant.
#[derive(Debug)]
pub(super) struct Entry {
    handle: OwnedFd,
}

impl Entry {
    /// A second handle of the same namespace.
    pub(super) fn again(&self) -> Result<Entry, DriverError> {
        let handle = self.handle.try_clone();
        handle.map(|handle| Entry { handle }).map_err(|e| DriverError::Failed(format!("no file handle is left: {e}")))
    }

    /// Moves this thread into the namespace, for good. What it starts begins there.
    pub(super) fn enter(&self) -> Result<(), DriverError> {
        rustix::thread::move_into_link_name_space(self.handle.as_fd(), Some(LinkNameSpaceType::Network)).map_err(|e| {
            DriverError::Refused(format!(
                "this user may not enter a network namespace ({e}): run as root, or with the capabilities \
                 CAP_SYS_ADMIN and CAP_NET_ADMIN"
            ))
        })
    }
}

/// The namespace a process lives in.
pub(super) fn of(process: ProcessId) -> Result<NetworkSpace, DriverError> {
    let Holding::Same(_held) = hold(process)? else {
        return Err(DriverError::NotFound(format!("{process} has ended, and its network with it")));
    };
    let path = format!("/proc/{}/ns/net", process.pid);
    let inode = inode_of(&path.clone().into()).map_err(|e| match e.kind() {
        ErrorKind::PermissionDenied => DriverError::Refused(format!(
            "this user may not see the network namespace of {process}: run as root, or as the user that owns it"
        )),
        _ => DriverError::Failed(format!("{path}: {e}")),
    })?;
    let own = inode_of(&"/proc/self/ns/net".into()).is_ok_and(|own| own == inode);
    Ok(NetworkSpace { inode, process, container: None, own })
}

/// The way into a namespace; none when it is nowhere on this machine any more.
///
/// The number alone says which it is. The kernel gives numbers out again, so it may be another one by now: there the
/// tag is not found, and nothing is touched.
pub(super) fn find(space: &NetworkSpace) -> Result<Option<Entry>, DriverError> {
    let mut unseen = 0;
    let first = [format!("/proc/{}/ns/net", space.process.pid), "/proc/self/ns/net".to_owned()];
    let kept = KEPT.iter().flat_map(|folder| entries(folder));
    // The first process lives in the machine's own network, and may be hidden even from root.
    let others = entries("/proc").into_iter().filter(|p| is_pid(p) && !p.ends_with("1")).map(|p| p.join("ns/net"));
    for path in first.into_iter().map(PathBuf::from).chain(kept).chain(others) {
        match inode_of(&path) {
            Ok(inode) if inode == space.inode => {}
            Ok(_) => continue,
            Err(e) if e.kind() == ErrorKind::PermissionDenied => {
                unseen += 1;
                continue;
            }
            Err(_) => continue,
        }
        // What was opened is asked again: a process may have ended between the look and the opening.
        let Ok(handle) = rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) else { continue };
        if rustix::fs::fstat(&handle).is_ok_and(|stat| stat.st_ino == space.inode) {
            return Ok(Some(Entry { handle }));
        }
    }
    match unseen {
        0 => Ok(None),
        _ => Err(DriverError::Refused(format!(
            "{space} (net:[{}]) was not found among what this user can see: run as root",
            space.inode
        ))),
    }
}

fn entries(folder: &str) -> Vec<PathBuf> {
    let Ok(list) = fs::read_dir(folder) else { return Vec::new() };
    list.filter_map(Result::ok).map(|entry| entry.path()).collect()
}

fn is_pid(path: &std::path::Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit))
}

fn inode_of(path: &PathBuf) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).map(|meta| meta.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::safety::this_process;

    #[test]
    fn this_process_lives_in_this_machines_network_and_leads_there_again() {
        let space = of(this_process().unwrap()).unwrap();
        assert!(space.own && space.inode > 0);
        assert!(find(&space).unwrap().is_some());
    }

    #[test]
    fn a_namespace_that_is_nowhere_is_gone_or_unseen_and_never_another_one() {
        let space = NetworkSpace { inode: 1, ..of(this_process().unwrap()).unwrap() };
        match find(&space) {
            Ok(found) => assert!(found.is_none()),
            Err(e) => assert!(e.to_string().contains("run as root"), "{e}"),
        }
    }

    #[test]
    fn a_process_that_ended_has_no_network() {
        let mut process = this_process().unwrap();
        process.start += 1;
        assert!(matches!(of(process), Err(DriverError::NotFound(_))));
    }
}
