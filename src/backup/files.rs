//! Copies, digests and fresh targets: the file side of a backup that is one file.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with, statvfs};
use sha2::{Digest, Sha256};

use super::{BackupError, Leash};

/// Bytes read at once, and between two looks at the time limit.
const CHUNK: usize = 1 << 20;

/// What may lie beside a database file while it is copied or used, and the file itself.
pub(super) const COMPANIONS: [&str; 5] = ["", "-wal", "-shm", "-journal", PARTIAL];

/// The name of a copy that is not complete yet.
pub(super) const PARTIAL: &str = ".partial";

/// `file` with `suffix` added to its name.
pub(super) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Writes a file whole and syncs it.
pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let mut file = File::create(path).map_err(BackupError::io("create", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(BackupError::io("write", path))
}

/// SHA-256 of a file, hex.
pub(super) fn digest(path: &Path, leash: &Leash) -> Result<String, BackupError> {
    let mut file = File::open(path).map_err(BackupError::io("open", path))?;
    pass(&mut file, path, leash, |_| Ok(()))
}

/// Copies `from` into the new file `to` and syncs it; the SHA-256 of what was copied, hex.
pub(super) fn copy(from: &Path, to: &Path, leash: &Leash) -> Result<String, BackupError> {
    let mut source = File::open(from).map_err(BackupError::io("open", from))?;
    let mut target = OpenOptions::new().write(true).create_new(true).open(to).map_err(BackupError::io("create", to))?;
    let digest = pass(&mut source, from, leash, |chunk| target.write_all(chunk).map_err(BackupError::io("write", to)))?;
    target.sync_all().map_err(BackupError::io("sync", to))?;
    Ok(digest)
}

fn pass(
    source: &mut File,
    path: &Path,
    leash: &Leash,
    mut each: impl FnMut(&[u8]) -> Result<(), BackupError>,
) -> Result<String, BackupError> {
    let mut chunk = vec![0; CHUNK];
    let mut hash = Sha256::new();
    loop {
        leash.check()?;
        match source.read(&mut chunk) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(read) => {
                hash.update(&chunk[..read]);
                each(&chunk[..read])?;
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => (),
            Err(e) => return Err(BackupError::io("read", path)(e)),
        }
    }
}

/// Bytes as lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Gives a finished file its name, unless that name is taken, and syncs the folder: what has the name is complete.
pub(super) fn publish(partial: &Path, name: &Path) -> Result<(), BackupError> {
    renameat_with(CWD, partial, CWD, name, RenameFlags::NOREPLACE)
        .map_err(|e| BackupError::io("publish", name)(e.into()))?;
    let folder = folder(name);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(BackupError::io("sync", folder))
}

/// The folder of a file; the current one for a bare name.
pub(super) fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Whether two paths lead to the same file, links included.
fn same_file(a: &Path, b: &Path) -> bool {
    match (a.metadata(), b.metadata()) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// Proves that `target` can be restored into: neither a source nor anything else stands there, and it fits.
pub(super) fn fresh(target: &Path, sources: &[&Path], need: u64) -> Result<(), BackupError> {
    let refuse = |why: String| Err(BackupError::NotFresh { target: target.to_owned(), why });
    if let Some(source) = sources.iter().find(|source| same_file(source, target)) {
        return refuse(format!("it is the source, {}", source.display()));
    }
    // A leftover log of another database would be replayed into the copy.
    for suffix in COMPANIONS {
        let path = beside(target, suffix);
        if path.symlink_metadata().is_ok() {
            return refuse(format!("{} exists already", path.display()));
        }
    }
    let folder = folder(target);
    std::fs::create_dir_all(folder).map_err(BackupError::io("create", folder))?;
    room(folder, need)
}

/// Proves that `need` bytes fit into `folder`.
pub(super) fn room(folder: &Path, need: u64) -> Result<(), BackupError> {
    let stat = statvfs(folder).map_err(|e| BackupError::io("look at", folder)(e.into()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free < need { Err(BackupError::NoSpace { folder: folder.to_owned(), need, free }) } else { Ok(()) }
}

/// Where the digest of `file` lies, in the format of `sha256sum`.
pub(super) fn sidecar(file: &Path) -> PathBuf {
    beside(file, ".sha256")
}

/// Writes the digest beside `file`.
pub(super) fn write_sidecar(file: &Path, digest: &str) -> Result<(), BackupError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    write_synced(&sidecar(file), format!("{digest}  {name}\n").as_bytes())
}

/// The digest that lies beside `file`; none where there is none. A file without a digest in it is an error, in words.
pub(super) fn read_sidecar(file: &Path) -> Result<Option<String>, String> {
    let path = sidecar(file);
    let text = match std::fs::read_to_string(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|e| format!("cannot read {}: {e}", path.display()))?,
    };
    let word = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    if word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(Some(word))
    } else {
        Err(format!("{} does not begin with a SHA-256", path.display()))
    }
}
