//! Writes, syncs and reads files without a name, at a limited rate.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Advice, fadvise};

use super::disk::nameless;
use super::{Trouble, thread};
use crate::clock::raw_now;
use crate::model::Size;

/// Bytes of one write; each is synced before the next.
const BLOCK: u64 = 1 << 20;

/// Starts the threads, each with a file of its own.
pub(super) fn start(
    directory: &Path,
    rate: Size,
    threads: u32,
    file: Size,
    name: &str,
    trouble: &Trouble,
) -> Result<(), String> {
    // Every file is made before the first byte is written: a directory that does not take them is told at once.
    let files = (0..threads).map(|_| nameless(directory, name)).collect::<Result<Vec<File>, String>>()?;
    let rate = (rate.bytes() / u64::from(threads.max(1))).max(1);
    for (n, handle) in files.into_iter().enumerate() {
        let trouble = trouble.clone();
        thread(&format!("io-{n}"), move || {
            if let Err(e) = churn(&handle, file.bytes().max(4096), rate) {
                trouble.tell(format!("writing broke off: {e}"));
            }
        })?;
    }
    Ok(())
}

fn churn(file: &File, size: u64, rate: u64) -> io::Result<()> {
    let block = BLOCK.min(size).min(rate.max(4096));
    // Not all the same, or a file system that compresses would write next to nothing.
    let mut seed = 0x9e37_79b9_u32;
    let noise = |_| {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed as u8
    };
    let written: Vec<u8> = (0..block).map(noise).collect();
    let mut read = vec![0; written.len()];
    // Time that each block may take, at least.
    let each = i64::try_from(u128::from(block) * 1_000_000_000 / u128::from(rate)).unwrap_or(i64::MAX);
    let (mut at, mut next) = (0, raw_now());
    loop {
        file.write_all_at(&written, at)?;
        file.sync_data()?;
        // Dropped from the cache, so that the read comes from the disk. Only advice.
        let _cached_then = fadvise(file, at, None, Advice::DontNeed);
        file.read_exact_at(&mut read, at)?;
        at = if at + 2 * block > size { 0 } else { at + block };
        next = (next + each).max(raw_now().saturating_sub(each));
        std::thread::sleep(Duration::from_nanos(u64::try_from(next - raw_now()).unwrap_or(0)));
    }
}
