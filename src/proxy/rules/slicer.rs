//! Slicer: chunks are cut into small pieces, with a pause after each.

use std::time::Duration;

use super::chance::deviation;
use super::{CATCH_UP, Chunk, Passage, Past, Rule};
use crate::model::{Delta, Offset};

/// Pieces of an average size, give or take a uniform variation.
pub(super) struct Slicer {
    average: u64,
    variation: u64,
    pause: Delta,
}

impl Slicer {
    pub(super) fn new(average: u64, variation: u64, pause: Duration) -> Self {
        let average = average.max(1);
        Slicer { average, variation: variation.min(average - 1), pause: Delta::from(pause) }
    }
}

impl Rule for Slicer {
    fn cut(&self, chunk: &Chunk, _: &Past) -> usize {
        // A piece that was cut is not cut again, whatever it draws: it is no longer than this.
        if chunk.len as u64 <= self.average + self.variation {
            return chunk.len;
        }
        (i128::from(self.average) + deviation(chunk.lot, self.variation)) as usize
    }

    fn passage(&self, _: &Chunk, ready: Offset, past: &Past) -> Passage {
        Passage::At(ready.max(past.free))
    }

    fn left(&self, _: &Chunk, at: Offset, now: Offset, past: &mut Past) {
        past.free = at.max(now - CATCH_UP) + self.pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::rules::{Direction, lot};

    fn chunk(len: usize, lot: u64) -> Chunk {
        Chunk { direction: Direction::Up, arrived: Offset::ZERO, len, lot, hold: None }
    }

    #[test]
    fn pieces_vary_around_their_average_and_are_not_cut_again() {
        let rule = Slicer::new(100, 20, Duration::ZERO);
        let past = Past::new(Offset::ZERO);
        let sizes: Vec<usize> =
            (0..10_000).map(|n| rule.cut(&chunk(65_536, lot(1, 1, Direction::Up, n)), &past)).collect();
        assert!(sizes.iter().all(|size| (80..=120).contains(size)));
        assert!(sizes.contains(&80) && sizes.contains(&120));
        let mean = sizes.iter().sum::<usize>() as f64 / 10_000.0;
        // The standard error of the mean of 10,000 uniform draws from ±20 is 0.12.
        assert!((mean - 100.0).abs() < 0.6, "mean size {mean}");
        for size in [80, 100, 120] {
            assert_eq!(rule.cut(&chunk(size, u64::MAX), &past), size);
        }
    }

    #[test]
    fn the_pause_comes_after_each_piece_and_odd_sizes_cut_whole_bytes() {
        let rule = Slicer::new(0, 50, Duration::from_micros(500));
        let mut past = Past::new(Offset::ZERO);
        assert_eq!(rule.cut(&chunk(9, 0), &past), 1);
        let now = Offset::from_millis(3);
        assert_eq!(rule.passage(&chunk(1, 0), now, &past), Passage::At(now));
        rule.left(&chunk(1, 0), now, now, &mut past);
        assert_eq!(rule.passage(&chunk(1, 0), now, &past), Passage::At(now + Delta(500_000)));
    }
}
