//! How much memory and disk there is, and how much of it is never taken.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{StatVfs, statvfs};

use crate::model::Size;

/// Of memory and disks, at least this share stays free unless the scenario says otherwise.
const DISK_SHARE: u64 = 20;
const MEMORY_SHARE: u64 = 10;

/// And at least so much.
const DISK_LEAST: Size = Size::from_mib(512);
const MEMORY_LEAST: Size = Size::from_mib(256);

/// The space of a file system.
#[derive(Debug, Clone, Copy)]
pub(super) struct Space {
    /// All of it.
    pub total: Size,
    /// What users without privileges can still take.
    pub free: Size,
}

impl Space {
    /// The space where a directory lies.
    pub fn of(directory: &Path) -> io::Result<Space> {
        Ok(Space::from(statvfs(directory)?))
    }

    /// What stays free by default: 5 %, at least 512 MiB.
    pub fn floor(self) -> Size {
        Size(self.total.bytes() / DISK_SHARE).max(DISK_LEAST)
    }
}

impl From<StatVfs> for Space {
    fn from(s: StatVfs) -> Self {
        Space { total: Size(s.f_blocks.saturating_mul(s.f_frsize)), free: Size(s.f_bavail.saturating_mul(s.f_frsize)) }
    }
}

/// The machine's memory, read through a handle that stays good when the mounts change.
#[derive(Debug)]
pub(super) struct Meminfo(File);

impl Meminfo {
    /// Opens `/proc/meminfo`.
    pub fn open() -> io::Result<Meminfo> {
        File::open("/proc/meminfo").map(Meminfo)
    }

    /// What could be taken without swapping, as the kernel estimates it (`MemAvailable`, proc(5)).
    pub fn available(&self) -> io::Result<Size> {
        self.field("MemAvailable:")
    }

    /// What stays available by default: 10 %, at least 256 MiB.
    pub fn floor(&self) -> io::Result<Size> {
        Ok(Size(self.field("MemTotal:")?.bytes() / MEMORY_SHARE).max(MEMORY_LEAST))
    }

    fn field(&self, name: &str) -> io::Result<Size> {
        let mut text = [0; 8 * 1024];
        let read = self.0.read_at(&mut text, 0)?;
        let text = String::from_utf8_lossy(&text[..read]);
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse::<u64>().ok());
        kib.map(|kib| Size(kib << 10)).ok_or_else(|| io::Error::other(format!("/proc/meminfo has no {name}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_disk_are_seen() {
        let memory = Meminfo::open().unwrap();
        assert!(memory.available().unwrap().bytes() > 0);
        assert!(memory.floor().unwrap() >= MEMORY_LEAST);
        let disk = Space::of(Path::new("/")).unwrap();
        assert!(disk.total >= disk.free && disk.floor() >= DISK_LEAST);
    }
}
