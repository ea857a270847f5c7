//! Where control sockets live.
//!
//! `$XDG_RUNTIME_DIR/simulacro`, or `/tmp/simulacro-<uid>` where that is not set or too long: the path of a Unix socket
//! has 107 bytes at most (unix(7)), and report or state folders are often deeper. The directory belongs to this user
//! and is closed to all others.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::clock::raw_now;

/// `sizeof(sockaddr_un.sun_path)`, less the terminating zero.
const LONGEST_PATH: usize = 107;

/// A path for a new control socket, in a directory that exists and is private. Unique: by process id and monotonic
/// time.
///
/// # Errors
/// When the directory cannot be made, or belongs to somebody else.
pub(super) fn new_socket() -> io::Result<PathBuf> {
    let uid = rustix::process::getuid().as_raw();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(|dir| PathBuf::from(dir).join("simulacro"));
    let file = format!("proxy-{}-{:x}.sock", std::process::id(), raw_now());
    let fits = |dir: &PathBuf| dir.is_absolute() && dir.as_os_str().as_bytes().len() + 1 + file.len() <= LONGEST_PATH;
    let own = PathBuf::from(format!("/tmp/simulacro-{uid}"));
    match runtime.filter(fits).map(|dir| private(&dir, uid).map(|()| dir)) {
        Some(Ok(dir)) => Ok(dir.join(file)),
        // A runtime directory that is set but not there is common under `su` and in containers.
        Some(Err(_)) | None => private(&own, uid).map(|()| own.join(file)),
    }
}

/// Makes sure that a directory exists, belongs to this user and is closed to others. A link in its place is refused:
/// anybody may put one into `/tmp`.
fn private(dir: &Path, uid: u32) -> io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = std::fs::symlink_metadata(dir)?;
    if !found.is_dir() || found.uid() != uid {
        let why = format!("{} is not a directory of this user; remove it, or set XDG_RUNTIME_DIR", dir.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    if found.mode() & 0o077 != 0 {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_is_short_and_its_directory_private() {
        let path = new_socket().expect("a path");
        assert!(path.as_os_str().as_bytes().len() <= LONGEST_PATH);
        let dir = std::fs::metadata(path.parent().expect("a directory")).expect("it exists");
        assert_eq!(dir.mode() & 0o777, 0o700);
        assert_ne!(new_socket().expect("a path"), path);
    }

    #[test]
    fn a_link_or_a_file_in_place_of_the_directory_is_refused_and_a_wide_one_closed() {
        let temp = tempfile::tempdir().expect("a directory");
        let uid = rustix::process::getuid().as_raw();
        let wide = temp.path().join("wide");
        std::fs::create_dir(&wide).expect("made");
        std::fs::set_permissions(&wide, std::fs::Permissions::from_mode(0o755)).expect("opened");
        private(&wide, uid).expect("closed");
        assert_eq!(std::fs::metadata(&wide).expect("there").mode() & 0o777, 0o700);
        let link = temp.path().join("link");
        std::os::unix::fs::symlink(&wide, &link).expect("linked");
        assert_eq!(private(&link, uid).expect_err("a link").kind(), io::ErrorKind::PermissionDenied);
        let file = temp.path().join("file");
        std::fs::write(&file, "").expect("written");
        assert_eq!(private(&file, uid).expect_err("a file").kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(private(&wide, uid + 1).expect_err("not ours").kind(), io::ErrorKind::PermissionDenied);
    }
}
