//! Takes memory, touches it and holds it.

use std::hint::black_box;
use std::time::Duration;

use super::{Trouble, thread};
use crate::model::Size;
use crate::world::machine::space::Meminfo;

/// Taken at once, and between two looks at how much is left.
const CHUNK: u64 = 16 << 20;

/// Bytes of a page.
const PAGE: usize = 4096;

/// Time between two passes over what is held, which keep it from being swapped out first.
const TOUCH_EVERY: Duration = Duration::from_millis(500);

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
