//! Latency: each chunk leaves a while after it arrived.

use std::time::Duration;

use super::chance::deviation;
use super::{Chunk, Passage, Past, Rule};
use crate::model::{Delta, Offset};

/// A delay for every chunk, give or take a uniform jitter. The delay is never negative: jitter beyond the latency
/// is cut off at zero.
pub(super) struct Latency {
    latency: i64,
    jitter: i64,
}

impl Latency {
    pub(super) fn new(latency: Duration, jitter: Duration) -> Self {
        Latency { latency: Delta::from(latency).nanos(), jitter: Delta::from(jitter).nanos() }
    }
}

impl Rule for Latency {
    fn passage(&self, chunk: &Chunk, ready: Offset, _: &Past) -> Passage {
        let delay = (i128::from(self.latency) + deviation(chunk.lot, self.jitter.unsigned_abs()))
            .clamp(0, i128::from(i64::MAX));
        Passage::At(ready + Delta(delay as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::rules::{Direction, lot};
    use proptest::prelude::*;

    fn chunk(lot: u64) -> Chunk {
        Chunk { direction: Direction::Up, arrived: Offset::from_millis(5), len: 1, lot, hold: None }
    }

    fn delay(rule: &Latency, lot: u64) -> i64 {
        match rule.passage(&chunk(lot), chunk(lot).arrived, &Past::new(Offset::ZERO)) {
            Passage::At(at) => at.since(chunk(lot).arrived).nanos(),
            Passage::Held => panic!("latency holds nothing"),
        }
    }

    proptest! {
        #[test]
        fn the_delay_stays_within_its_jitter(latency in 0u64..1 << 40, jitter in 0u64..1 << 40, lot: u64) {
            let rule = Latency::new(Duration::from_nanos(latency), Duration::from_nanos(jitter));
            let delay = delay(&rule, lot) as u64;
            prop_assert!(delay >= latency.saturating_sub(jitter));
            prop_assert!(delay <= latency + jitter);
        }

        #[test]
        fn without_jitter_the_delay_is_exact(latency in 0u64..1 << 40, lot: u64) {
            prop_assert_eq!(delay(&Latency::new(Duration::from_nanos(latency), Duration::ZERO), lot) as u64, latency);
        }
    }

    #[test]
    fn the_jitter_reaches_both_ends_and_centres_on_the_latency() {
        let rule = Latency::new(Duration::from_nanos(1000), Duration::from_nanos(100));
        assert_eq!((delay(&rule, 0), delay(&rule, u64::MAX)), (900, 1100));
        let drawn = (0..10_000).map(|n| delay(&rule, lot(7, 1, Direction::Down, n)));
        let mean = drawn.sum::<i64>() as f64 / 10_000.0;
        // The standard error of the mean of 10,000 uniform draws from ±100 is 0.58.
        assert!((mean - 1000.0).abs() < 4.0, "mean delay {mean}");
    }

    #[test]
    fn the_longest_delay_does_not_overflow() {
        let rule = Latency::new(Duration::MAX, Duration::MAX);
        assert!(delay(&rule, u64::MAX) > 0);
    }
}
