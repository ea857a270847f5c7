//! Holds space on a disk by a file without a name.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, FallocateFlags, Mode, OFlags, fallocate, fstatvfs, ftruncate, openat};
use rustix::io::Errno;

use super::{Trouble, thread};
use crate::model::{Fill, Size};
use crate::world::machine::space::Space;

/// Taken at once, and between two looks at how much is left.
const STEP: u64 = 64 << 20;

/// Where space is taken by writing.
const WRITE: u64 = 1 << 20;

/// The smallest step that is tried on a nearly full disk.
const LEAST: u64 = 4096;

/// Time between two looks at what others took and gave.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A file that vanishes with this process: without a name from the beginning, or where the file system knows no such
/// thing, without one a moment later.
pub(super) fn nameless(directory: &Path, name: &str) -> Result<File, String> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match openat(CWD, directory, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => Ok(File::from(file)),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL) => {
            let path = directory.join(name);
            let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
            let file = file.map_err(|e| format!("cannot make a file in {}: {e}", directory.display()))?;
            std::fs::remove_file(&path).map_err(|e| format!("cannot unlink {}: {e}", path.display()))?;
            Ok(file)
        }
        Err(e) => Err(format!("cannot make a file in {}: {e}", directory.display())),
    }
}

/// Starts the thread.
pub(super) fn start(directory: &Path, fill: Fill, floor: Size, name: &str, trouble: &Trouble) -> Result<(), String> {
    let file = nameless(directory, name)?;
    let trouble = trouble.clone();
    thread("disk", move || {
        let mut ballast = Ballast { file, held: 0, step: STEP, writes: false };
        loop {
            match ballast.adjust(fill, floor) {
                Ok(true) => {}
                Ok(false) => std::thread::sleep(LOOK_EVERY),
                Err(why) => return trouble.tell(why),
            }
        }
    })
}

struct Ballast {
    file: File,
    held: u64,
    /// What is tried next; smaller after the disk refused.
    step: u64,
    /// The file system cannot reserve: space is taken by writing.
    writes: bool,
}

impl Ballast {
    /// One step towards what is asked; false when there is nothing to do now.
    fn adjust(&mut self, fill: Fill, floor: Size) -> Result<bool, String> {
        let space = fstatvfs(&self.file).map_err(|e| format!("cannot see how much is free: {e}"))?;
        let free = Space::from(space).free.bytes();
        if free < floor.bytes() {
            // Others need it.
            let back = (floor.bytes() - free).div_ceil(LEAST) * LEAST;
            return self.shrink(self.held.min(back));
        }
        let (wanted, leave) = match fill {
            Fill::Size(size) => (size.bytes() - self.held.min(size.bytes()), floor.bytes()),
            Fill::LeaveFree(left) => (u64::MAX, left.bytes().max(floor.bytes())),
        };
        let most = if self.writes { self.step.min(WRITE) } else { self.step };
        let step = wanted.min(free.saturating_sub(leave)).min(most);
        if step == 0 || (step < LEAST && step != wanted) {
            return Ok(false);
        }
        match self.grow(step) {
            Ok(()) => {
                self.held += step;
                Ok(true)
            }
            // Full a little earlier than it said: with smaller steps to the end, and again when something was freed.
            Err(Errno::NOSPC | Errno::DQUOT) => {
                let smallest = self.step <= LEAST;
                self.step = if smallest { STEP } else { (step / 2).max(LEAST) };
                Ok(!smallest)
            }
            Err(e) => Err(format!("cannot take space: {e}")),
        }
    }

    fn shrink(&mut self, back: u64) -> Result<bool, String> {
        if back == 0 {
            return Ok(false);
        }
        ftruncate(&self.file, self.held - back).map_err(|e| format!("cannot give space back: {e}"))?;
        self.held -= back;
        Ok(true)
    }

    fn grow(&mut self, step: u64) -> Result<(), Errno> {
        if !self.writes {
            match fallocate(&self.file, FallocateFlags::empty(), self.held, step) {
                Err(Errno::OPNOTSUPP) => self.writes = true,
                done => return done,
            }
        }
        // Not all the same, or a file system that compresses would take next to nothing.
        let mut seed = (self.held as u32) | 1;
        let noise = |_| {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            seed as u8
        };
        let bytes: Vec<u8> = (0..step).map(noise).collect();
        let written = self.file.write_all_at(&bytes, self.held);
        written.map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))
    }
}
