//! Keeps processors busy.

use std::hint::black_box;
use std::time::Duration;

use super::{nanos, thread};
use crate::clock::{raw_now, thread_cpu_time};
use crate::model::Ratio;

/// Busy and idle times alternate with this period: below what a scheduler's statistics average over.
const PERIOD: Duration = Duration::from_millis(20);

/// Rounds of work between two looks at the clock.
const ROUNDS: u64 = 2_000;

/// Starts the threads.
pub(super) fn start(threads: u32, load: Ratio) -> Result<(), String> {
    let busy = (nanos(PERIOD) as f64 * load.0) as i64;
    (0..threads).try_for_each(|n| thread(&format!("cpu-{n}"), move || burn(busy)))
}

/// Busy is what the thread itself used, not what passed meanwhile: while others have the processor it is not.
fn burn(busy: i64) {
    let period = nanos(PERIOD);
    let mut next = raw_now();
    loop {
        let used = thread_cpu_time();
        while thread_cpu_time() < used + busy {
            (0..ROUNDS).fold(0u64, |n, i| black_box(n ^ i).rotate_left(5));
        }
        next += period;
        let now = raw_now();
        match u64::try_from(next - now) {
            Ok(rest) if busy < period => std::thread::sleep(Duration::from_nanos(rest)),
            // Behind, because others had the processor: what was missed is not made up for.
            _ => next = next.max(now),
        }
    }
}
