//! Takes memory, touches it and holds it.

use std::hint::black_box;
use std::io::Write as _;
use std::time::Duration;

use super::{Trouble, thread};
use crate::model::Size;
use crate::world::machine::space::Meminfo;

/// Taken at once, and between two looks at how much is left.
const CHUNK: u64 = 16 << 20;

/// Small, because the worker's own memory must stay small beside the container's limit.
const UNOWNED_CHUNK: usize = 256 << 10;

/// Time until a refused write is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(10);

/// Bytes of a page.
const PAGE: usize = 4096;

/// Time between two passes over what is held, which keep it from being swapped out first.
const TOUCH_EVERY: Duration = Duration::from_millis(500);

/// Takes memory that belongs to no process: a file that exists in memory only, written and not mapped. The control
/// group is charged for it, and the kernel, looking for whom to end, does not count it as this worker's. There is
/// nothing to give back but the file, so whoever is to be ended instead is.
pub(super) fn start_unowned(size: Size, floor: Size, meminfo: Meminfo, trouble: &Trouble) -> Result<(), String> {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    let file = rustix::fs::memfd_create(c"simulacro-stress", flags).map_err(|e| format!("no file in memory: {e}"))?;
    let mut file = std::fs::File::from(file);
    let trouble = trouble.clone();
    thread("memory", move || {
        let chunk = vec![1_u8; UNOWNED_CHUNK];
        let mut missing = size.bytes();
        while missing > 0 {
            match meminfo.available() {
                Ok(available) if available >= floor => {}
                Ok(_) => return trouble.tell(format!("less than {floor} of memory is available: all is given back")),
                Err(e) => return trouble.tell(format!("cannot see how much memory is available: {e}")),
            }
            match file.write_all(&chunk) {
                Ok(()) => missing = missing.saturating_sub(UNOWNED_CHUNK as u64),
                // The group is full, and the kernel had nobody to end: it may have by the next attempt.
                Err(_) => std::thread::sleep(TRY_AGAIN),
            }
        }
        // Held until the process ends.
        loop {
            std::thread::sleep(TOUCH_EVERY);
            black_box(&file);
        }
    })
}

/// Starts the thread.
pub(super) fn start(size: Size, floor: Size, meminfo: Meminfo, trouble: &Trouble) -> Result<(), String> {
    let trouble = trouble.clone();
    thread("memory", move || {
        let mut held: Vec<Vec<u8>> = Vec::new();
        let mut missing = size.bytes();
        loop {
            let chunk = missing.min(CHUNK);
            match meminfo.available() {
                Ok(available) if available.bytes() >= floor.bytes().saturating_add(chunk) => {}
                Ok(available) => {
                    // All of it, at once: who needs it most must not wait for the one who holds it for show.
                    drop(held);
                    return trouble.tell(format!(
                        "only {available} of memory is available and {floor} must stay: what was held is given back"
                    ));
                }
                Err(e) => return trouble.tell(format!("cannot see how much memory is available: {e}")),
            }
            if chunk > 0 {
                held.push(filled(chunk as usize, held.len()));
                missing -= chunk;
            } else {
                held.iter_mut().for_each(|chunk| touch(chunk));
                std::thread::sleep(TOUCH_EVERY);
            }
        }
    })
}

/// Written to, so that every page is there; no two pages alike, so that they cannot be merged.
fn filled(size: usize, number: usize) -> Vec<u8> {
    let mut chunk = vec![number as u8 | 1; size];
    for (page, bytes) in chunk.chunks_mut(PAGE).enumerate() {
        let mark = ((number * (CHUNK as usize) / PAGE + page) as u64).to_le_bytes();
        bytes.iter_mut().zip(mark).for_each(|(byte, mark)| *byte = mark);
    }
    chunk
}

fn touch(chunk: &mut [u8]) {
    chunk.chunks_mut(PAGE).for_each(|page| page[0] = black_box(page[0]).wrapping_add(1));
}
