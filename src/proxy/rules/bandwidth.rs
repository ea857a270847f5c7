//! Bandwidth: a connection carries so much per second in each direction, and no more.

use super::{CATCH_UP, Chunk, Passage, Past, Rule};
use crate::model::{Delta, Offset};

/// Time that one piece takes on the wire: short, so that a slow link trickles instead of stuttering.
const PIECES_PER_SECOND: u64 = 100;

/// A wire on which a chunk occupies its length over the rate, one chunk after the other.
pub(super) struct Bandwidth {
    rate: u64,
}

impl Bandwidth {
    /// At most `rate` bytes per second; at zero nothing passes.
    pub(super) fn new(rate: u64) -> Self {
        Bandwidth { rate }
    }

    fn on_the_wire(&self, len: usize) -> Delta {
        let nanos = len as u128 * 1_000_000_000 / u128::from(self.rate.max(1));
        Delta(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

impl Rule for Bandwidth {
    fn cut(&self, _: &Chunk, _: &Past) -> usize {
        usize::try_from(self.rate / PIECES_PER_SECOND).unwrap_or(usize::MAX)
    }

    fn passage(&self, chunk: &Chunk, ready: Offset, past: &Past) -> Passage {
        match self.rate {
            0 => Passage::Held,
            _ => Passage::At(ready.max(past.free) + self.on_the_wire(chunk.len)),
        }
    }

    fn left(&self, _: &Chunk, at: Offset, now: Offset, past: &mut Past) {
        past.free = at.max(now - CATCH_UP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::rules::Direction;

    fn chunk(len: usize) -> Chunk {
        Chunk { direction: Direction::Up, arrived: Offset::ZERO, len, lot: 3, hold: None }
    }

    #[test]
    fn chunks_follow_each_other_at_the_rate() {
        let rule = Bandwidth::new(100_000);
        let mut past = Past::new(Offset::from_millis(50));
        for n in 1..=10 {
            let at = Offset::from_millis(50 + n * 10);
            assert_eq!(rule.passage(&chunk(1000), Offset::ZERO, &past), Passage::At(at));
            // A timer that is a little late does not add up.
            rule.left(&chunk(1000), at, at + Delta::from_millis(1), &mut past);
        }
    }

    #[test]
    fn after_a_pause_nothing_is_made_up_for_but_a_blink() {
        let rule = Bandwidth::new(100_000);
        let mut past = Past::new(Offset::ZERO);
        rule.left(&chunk(1000), Offset::from_millis(10), Offset::from_millis(1010), &mut past);
        assert_eq!(past.free, Offset::from_millis(990));
    }

    #[test]
    fn a_large_chunk_trickles_and_no_rate_passes_nothing() {
        assert_eq!(Bandwidth::new(100_000).cut(&chunk(65_536), &Past::new(Offset::ZERO)), 1000);
        let past = Past::new(Offset::ZERO);
        assert_eq!(Bandwidth::new(0).passage(&chunk(1), Offset::ZERO, &past), Passage::Held);
        assert!(matches!(Bandwidth::new(1).passage(&chunk(usize::MAX), Offset::ZERO, &past), Passage::At(_)));
    }
}
