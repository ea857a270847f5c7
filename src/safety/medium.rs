//! What a journal is written on: a file, or (see [`super::Memory`]) memory for simulations.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::FallocateFlags;

/// What a journal is written on: a preallocated stretch of zeroes.
pub trait Medium: Send {
    /// Its length in bytes. It never changes.
    fn capacity(&self) -> u64;
    /// Writes all of `bytes` at `at`.
    ///
    /// # Errors
    /// When they could not all be written; any part of them may then stand there.
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Returns once everything written is on disk.
    ///
    /// # Errors
    /// When that is not certain.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file.
#[derive(Debug)]
pub(super) struct FileMedium {
    file: File,
    capacity: u64,
}

impl FileMedium {
    /// Makes a new file of `capacity` zeroes, readable by its owner alone. The blocks are taken now: a disk that fills
    /// up later cannot keep an undo from being recorded.
    pub fn create(path: &Path, capacity: u64) -> io::Result<FileMedium> {
        let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, capacity) {
            // Some file systems cannot; writing the zeroes takes the blocks as well.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
                file.write_all_at(&vec![0; usize::try_from(capacity).map_err(io::Error::other)?], 0)?;
            }
            other => other?,
        }
        file.sync_all()?;
        Ok(FileMedium { file, capacity })
    }

    /// Opens the file of an earlier run to go on with it.
    pub fn open(path: &Path) -> io::Result<FileMedium> {
        let file = File::options().read(true).write(true).open(path)?;
        let capacity = file.metadata()?.len();
        Ok(FileMedium { file, capacity })
    }
}

impl Medium for FileMedium {
    fn capacity(&self) -> u64 {
        self.capacity
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, at)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}
