//! Damage to a file, and its repair.
//!
//! The file is changed in place, so its owner, mode and name never change, and programs that have it open see the
//! damage. Only bytes that still are as the damage left them are put back: what others wrote since is theirs.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{OFlags, Timespec, Timestamps, futimens};
use sha2::{Digest, Sha256};

use super::FileOrder;
use super::space::Space;
use crate::model::{FileHarm, Size};
use crate::safety::{FileUndo, Reverted, Standing, StateDir};
use crate::world::DriverError;

/// Larger files are refused: a copy is kept, and it is read whole before and after.
const LARGEST: Size = Size::from_mib(256);

/// Free space that the copy must leave where it is kept.
const SPARE: Size = Size::from_mib(64);

/// Bytes handled at once.
const CHUNK: usize = 1 << 20;

/// Harmed files that this process holds open, by the path of their copy. Through these a file is found even when
/// somebody gave it another name, and one that nobody can reach any more is told from one that was only moved.
#[derive(Default, Clone)]
pub(super) struct Files {
    held: Arc<Mutex<BTreeMap<PathBuf, File>>>,
}

impl Files {
    pub async fn plan(&self, order: FileOrder) -> Result<FileUndo, DriverError> {
        blocking(move || plan(&order)).await
    }

    /// Keeps a copy, then does the damage. Once the caller has given up, no damage is done any more.
    pub async fn harm(&self, undo: &FileUndo) -> Result<(), DriverError> {
        struct GiveUp(Arc<AtomicBool>);
        impl Drop for GiveUp {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let given_up = Arc::new(AtomicBool::new(false));
        let _on_drop = GiveUp(given_up.clone());
        let (files, undo) = (self.clone(), undo.clone());
        blocking(move || {
            // Held over the whole act: a repair that is asked for meanwhile waits, and finds all of it or nothing.
            let mut held = files.held();
            let file = open(&undo.path)?;
            if !is(&file, &undo) || length(&file)? != undo.size {
                return Err(changed(&undo));
            }
            keep(&file, &undo)?;
            if given_up.load(Ordering::SeqCst) {
                return Err(DriverError::Timeout("given up before any damage was done".into()));
            }
            let done = damage(&file, &undo);
            held.insert(undo.copy.clone(), file);
            done.map_err(|e| io_error("harm", &undo.path, e))
        })
        .await
    }

    pub async fn restore(&self, undo: &FileUndo) -> Result<Reverted, DriverError> {
        let (files, undo) = (self.clone(), undo.clone());
        blocking(move || {
            let mut held = files.held();
            let Some(file) = locate(held.get(&undo.copy), &undo)? else { return Ok(Reverted::TargetGone) };
            let reverted = restore(&file, &undo)?;
            held.remove(&undo.copy);
            Ok(reverted)
        })
        .await
    }

    pub async fn standing(&self, undo: &FileUndo) -> Result<Standing, DriverError> {
        let (files, undo) = (self.clone(), undo.clone());
        blocking(move || {
            let held = files.held();
            let Some(file) = locate(held.get(&undo.copy), &undo)? else { return Ok(Standing::Gone) };
            look(&file, &undo)
        })
        .await
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<PathBuf, File>> {
        // The map is changed in one statement, so a panic elsewhere leaves it whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn plan(order: &FileOrder) -> Result<FileUndo, DriverError> {
    let path = &order.path;
    let name = path.display();
    let found = fs::symlink_metadata(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => DriverError::NotFound(format!("file {name} does not exist")),
        _ => io_error("look at", path, e),
    })?;
    let refused = |why: &str| Err(DriverError::Refused(format!("file {name} {why}")));
    if found.file_type().is_symlink() {
        return refused("is a symbolic link: name the file that it leads to");
    }
    if !found.is_file() {
        return refused("is not a regular file: only those can be harmed and put back");
    }
    if found.mode() & 0o6000 != 0 {
        return refused("is set-user-ID or set-group-ID, which any write would clear");
    }
    if found.len() == 0 {
        return refused("is empty: there is nothing to harm");
    }
    if found.len() > LARGEST.bytes() {
        return refused(&format!("has {} and at most {LARGEST} is handled: a copy is kept", Size(found.len())));
    }
    let file = open(path)?;
    if (found.dev(), found.ino()) != (device(&file)?, inode(&file)?) {
        return refused("was replaced while it was looked at: something rewrites it; try again when it is quiet");
    }
    let harm =
        order.damage.of(found.len(), order.seed).map_err(|why| DriverError::Refused(format!("{name}: {why}")))?;
    let digest = digest(&file).map_err(|e| io_error("read", path, e))?;
    let kept = StateDir::open()
        .and_then(|state| state.run(&order.run))
        .map_err(|e| DriverError::Refused(format!("no place for a copy of {name}: {e}")))?;
    // The run's own folder may not be there yet; the state directory is.
    let room = kept.path().ancestors().find(|p| p.is_dir()).and_then(|p| Space::of(p).ok());
    if room.is_some_and(|space| space.free.bytes() < found.len() + SPARE.bytes()) {
        return refused(&format!("cannot be copied to {}: there is not enough room", kept.path().display()));
    }
    Ok(FileUndo {
        path: path.clone(),
        device: found.dev(),
        inode: found.ino(),
        size: found.len(),
        digest,
        modified: (found.mtime(), found.mtime_nsec()),
        copy: kept.path().join(format!("kept-{}", plain(order.fault.as_str()))),
        harm,
    })
}

fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// Opens without following a link and without waiting, as for a pipe that took the file's place.
fn open(path: &Path) -> Result<File, DriverError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits() as i32;
    OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => DriverError::NotFound(format!("file {} is gone", path.display())),
        io::ErrorKind::PermissionDenied => DriverError::Refused(format!(
            "this user may not write {}: run as the user that owns it, or as root",
            path.display()
        )),
        io::ErrorKind::ExecutableFileBusy => DriverError::Refused(format!(
            "{} is a program that runs: the system does not let it change",
            path.display()
        )),
        _ => io_error("open", path, e),
    })
}

fn io_error(what: &str, path: &Path, e: impl std::fmt::Display) -> DriverError {
    DriverError::Failed(format!("cannot {what} {}: {e}", path.display()))
}

fn changed(undo: &FileUndo) -> DriverError {
    DriverError::Identity(format!(
        "file {} is not as it was when it was looked at: something else writes it; nothing was harmed",
        undo.path.display()
    ))
}

fn metadata<T>(file: &File, field: impl Fn(&fs::Metadata) -> T) -> Result<T, DriverError> {
    file.metadata().map(|m| field(&m)).map_err(|e| DriverError::Failed(format!("cannot look at an open file: {e}")))
}

fn device(file: &File) -> Result<u64, DriverError> {
    metadata(file, MetadataExt::dev)
}

fn inode(file: &File) -> Result<u64, DriverError> {
    metadata(file, MetadataExt::ino)
}

fn length(file: &File) -> Result<u64, DriverError> {
    metadata(file, fs::Metadata::len)
}

fn is(file: &File, undo: &FileUndo) -> bool {
    file.metadata().is_ok_and(|m| m.is_file() && (m.dev(), m.ino()) == (undo.device, undo.inode))
}

/// The file that was harmed: as it is held, at its place, or under another name beside it. None when nobody can reach
/// it any more, or it cannot be found: its place may be another one's now.
fn locate(held: Option<&File>, undo: &FileUndo) -> Result<Option<File>, DriverError> {
    if let Some(file) = held.filter(|file| is(file, undo)) {
        let file = file.try_clone().map_err(|e| io_error("hold", &undo.path, e))?;
        return Ok((metadata(&file, MetadataExt::nlink)? > 0).then_some(file));
    }
    let beside = || -> Option<PathBuf> {
        let entries = fs::read_dir(undo.path.parent()?).ok()?.flatten();
        let same = |m: fs::Metadata| (m.dev(), m.ino()) == (undo.device, undo.inode);
        entries.map(|e| e.path()).find(|path| fs::symlink_metadata(path).is_ok_and(same))
    };
    match open(&undo.path) {
        Ok(file) if is(&file, undo) => Ok(Some(file)),
        Ok(_) | Err(DriverError::NotFound(_)) => match beside() {
            Some(path) => open(&path).map(|file| Some(file).filter(|file| is(file, undo))),
            None => Ok(None),
        },
        Err(e) => Err(e),
    }
}

/// Keeps a whole copy, on disk before this returns; its digest proves that it is what was looked at.
fn keep(file: &File, undo: &FileUndo) -> Result<(), DriverError> {
    let folder = undo.copy.parent().unwrap_or(Path::new("/"));
    let fresh = undo.copy.with_extension("new");
    let copied = || -> io::Result<String> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut copy = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        let digest = pass(file, |chunk| copy.write_all(chunk))?;
        copy.sync_all()?;
        Ok(digest)
    };
    if copied().map_err(|e| io_error("keep a copy at", &undo.copy, e))? != undo.digest {
        let _not_needed = fs::remove_file(&fresh);
        return Err(changed(undo));
    }
    let placed = fs::rename(&fresh, &undo.copy).and_then(|()| File::open(folder)?.sync_all());
    placed.map_err(|e| io_error("keep a copy at", &undo.copy, e))
}

fn damage(file: &File, undo: &FileUndo) -> io::Result<()> {
    if let FileHarm::Truncate { to } = undo.harm {
        return file.set_len(to);
    }
    for range in undo.harm.ranges() {
        let mut bytes = read(file, range.clone())?;
        bytes.iter_mut().zip(range.clone()).for_each(|(byte, place)| *byte ^= undo.harm.mask(place));
        file.write_all_at(&bytes, range.start)?;
    }
    Ok(())
}

fn restore(file: &File, undo: &FileUndo) -> Result<Reverted, DriverError> {
    let failed = |e: io::Error| io_error("restore", &undo.path, e);
    // The copy is complete before the first byte is harmed, and is removed when every byte is back. So without one
    // there is no damage of ours.
    let Some(copy) = open_copy(undo)? else { return Ok(Reverted::AlreadyBack) };
    let mended = match undo.harm {
        FileHarm::Truncate { to } => lengthen(file, &copy, undo, to)?,
        _ => mend(file, &copy, undo).map_err(failed)?,
    };
    file.sync_all().map_err(failed)?;
    if length(file)? == undo.size && digest(file).map_err(failed)? == undo.digest {
        let (tv_sec, tv_nsec) = undo.modified;
        let modified = Timespec { tv_sec, tv_nsec: tv_nsec as _ };
        let untouched = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
        // Only for the look of it: a file whose owner is another user keeps the time of the repair.
        let _may_not = futimens(file, &Timestamps { last_access: untouched, last_modification: modified });
        let _kept_for_nobody = fs::remove_file(&undo.copy);
    } else {
        log::info!("{}: others have written to it since; their bytes are left alone", undo.path.display());
    }
    Ok(if mended { Reverted::Restored } else { Reverted::AlreadyBack })
}

fn open_copy(undo: &FileUndo) -> Result<Option<File>, DriverError> {
    let copy = match File::open(&undo.copy) {
        Ok(copy) => copy,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io_error("read the copy", &undo.copy, e)),
    };
    match digest(&copy).map_err(|e| io_error("read the copy", &undo.copy, e))? == undo.digest {
        true => Ok(Some(copy)),
        false => Err(DriverError::Identity(format!(
            "the copy {} is not what was kept: file {} is left as it is",
            undo.copy.display(),
            undo.path.display()
        ))),
    }
}

/// Puts back every byte that is as the damage left it; whether there was one.
fn mend(file: &File, copy: &File, undo: &FileUndo) -> io::Result<bool> {
    let mut mended = false;
    for range in undo.harm.ranges() {
        let (mut now, before) = (read(file, range.clone())?, read(copy, range.clone())?);
        let mut any = false;
        for ((place, now), before) in range.clone().zip(&mut now).zip(before) {
            if *now == before ^ undo.harm.mask(place) {
                *now = before;
                any = true;
            }
        }
        if any {
            file.write_all_at(&now, range.start)?;
        }
        mended |= any;
    }
    Ok(mended)
}

/// Appends what was cut off, unless somebody else wrote there.
fn lengthen(file: &File, copy: &File, undo: &FileUndo, to: u64) -> Result<bool, DriverError> {
    let failed = |e: io::Error| io_error("restore", &undo.path, e);
    let now = length(file)?;
    let written = to.min(now)..now.min(undo.size);
    let ours = now <= undo.size && now >= to && same(file, copy, written).map_err(failed)?;
    if !ours {
        return Err(DriverError::Identity(format!(
            "file {} was cut to {to} bytes and somebody has written to its end since: it is left as it is. How it was \
             is kept at {}",
            undo.path.display(),
            undo.copy.display()
        )));
    }
    let mut at = now;
    while at < undo.size {
        let bytes = read(copy, at..undo.size.min(at + CHUNK as u64)).map_err(failed)?;
        file.write_all_at(&bytes, at).map_err(failed)?;
        at += bytes.len() as u64;
    }
    Ok(now < undo.size)
}

fn same(a: &File, b: &File, range: Range<u64>) -> io::Result<bool> {
    let mut at = range.start;
    while at < range.end {
        let next = range.end.min(at + CHUNK as u64);
        if read(a, at..next)? != read(b, at..next)? {
            return Ok(false);
        }
        at = next;
    }
    Ok(true)
}

/// How much of the damage is there: bytes.
fn look(file: &File, undo: &FileUndo) -> Result<Standing, DriverError> {
    let failed = |e: io::Error| io_error("read", &undo.path, e);
    let Ok(copy) = File::open(&undo.copy) else { return Ok(Standing::Gone) };
    if let FileHarm::Truncate { to } = undo.harm {
        let now = length(file)?;
        return Ok(match now {
            _ if now == to => Standing::InForce { touched: undo.size - to },
            _ if now == undo.size => Standing::Gone,
            _ => Standing::Foreign,
        });
    }
    let (mut harmed, mut foreign) = (0, 0);
    for range in undo.harm.ranges() {
        let (now, before) = (read(file, range.clone()).map_err(failed)?, read(&copy, range.clone()).map_err(failed)?);
        for ((place, now), before) in range.clone().zip(now).zip(before) {
            harmed += u64::from(now == before ^ undo.harm.mask(place));
            foreign += u64::from(now != before && now != before ^ undo.harm.mask(place));
        }
    }
    Ok(match (harmed, foreign) {
        (0, 0) => Standing::Gone,
        (0, _) => Standing::Foreign,
        (harmed, _) => Standing::InForce { touched: harmed },
    })
}

/// A part of a file; shorter where the file ends.
fn read(file: &File, range: Range<u64>) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], range.start + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn digest(file: &File) -> io::Result<String> {
    pass(file, |_| Ok(()))
}

/// Passes a whole file on in pieces; its SHA-256, hex.
fn pass(file: &File, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut at = 0;
    loop {
        let chunk = read(file, at..at + CHUNK as u64)?;
        if chunk.is_empty() {
            return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(&chunk);
        each(&chunk)?;
        at += chunk.len() as u64;
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DriverError> + Send + 'static,
) -> Result<T, DriverError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| DriverError::Failed(format!("work on a file broke off: {e}")))?
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
