//! When each request of a constant rate is meant to start. Pure: numbers in, numbers out.

/// The schedule of a constant arrival rate. Request `n` is due `n × unit / rate` after the start, computed from `n` and
/// not by adding intervals, so that no rounding adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacer {
    rate: u64,
    unit_nanos: u64,
}

impl Pacer {
    /// `rate` requests in every `unit_nanos` nanoseconds; both are taken as at least 1.
    pub fn new(rate: u32, unit_nanos: u64) -> Self {
        Pacer { rate: u64::from(rate).max(1), unit_nanos: unit_nanos.max(1) }
    }

    /// When request `n` (from 0) is due, in nanoseconds after the start, rounded down.
    pub fn due(&self, n: u64) -> i64 {
        let nanos = u128::from(n) * u128::from(self.unit_nanos) / u128::from(self.rate);
        i64::try_from(nanos).unwrap_or(i64::MAX)
    }

    /// How many requests are due before `nanos` after the start.
    pub fn count_before(&self, nanos: i64) -> u64 {
        let Ok(nanos) = u128::try_from(nanos) else { return 0 };
        // due(n) < t  ⟺  n × unit / rate < t  ⟺  n < t × rate / unit
        let count = (nanos * u128::from(self.rate)).div_ceil(u128::from(self.unit_nanos));
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// The mean distance of two requests, in nanoseconds.
    pub fn interval(&self) -> i64 {
        i64::try_from(self.unit_nanos / self.rate).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_time_unit_has_exactly_the_rate(rate in 1u32..200_000, unit in 1_000_000u64..100_000_000_000, units in 0u32..5) {
            let pacer = Pacer::new(rate, unit);
            let begin = i64::try_from(unit).unwrap() * i64::from(units);
            let end = begin + i64::try_from(unit).unwrap();
            prop_assert_eq!(pacer.count_before(end) - pacer.count_before(begin), u64::from(rate));
        }

        #[test]
        fn times_never_go_back_and_never_drift(rate in 1u32..200_000, unit in 1u64..100_000_000_000, n in 0u64..1 << 26) {
            let pacer = Pacer::new(rate, unit);
            prop_assert!(pacer.due(n) <= pacer.due(n + 1));
            let exact = u128::from(n) * u128::from(unit);
            let due = pacer.due(n) as u128;
            prop_assert!(due * u128::from(rate) <= exact && exact < (due + 1) * u128::from(rate));
        }

        #[test]
        fn counting_agrees_with_the_times(rate in 1u32..2_000, unit in 1u64..10_000_000, n in 0u64..1 << 30) {
            let pacer = Pacer::new(rate, unit);
            let due = pacer.due(n);
            prop_assert!(pacer.count_before(due) <= n);
            prop_assert!(pacer.count_before(due + 1) > n);
        }
    }

    #[test]
    fn nothing_is_due_before_the_start() {
        assert_eq!(Pacer::new(500, 1_000_000_000).count_before(-5), 0);
        assert_eq!(Pacer::new(500, 1_000_000_000).due(1), 2_000_000);
    }
}
