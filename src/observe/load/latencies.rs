//! Latencies of one window in little memory: exact to the histogram's buckets.
//!
//! An HDR histogram with our bounds takes 86 KB, and a stalled pipe can leave 600 windows of each request name waiting.
//! A window of 100 ms holds few values, so they are kept as a list, and packed into bucket counts when it grows.

use hdrhistogram::Histogram;

use crate::timeline::hist::HIST_MAX_MICROS;

/// The list is packed when it reaches this length.
const PACK_AT: usize = 1024;
/// Buckets of an HDR histogram with 3 digits keep 11 bits of a value (2,048 ≥ 2 × 10³ sub-buckets).
const KEPT_BITS: u32 = 11;

/// Latencies in microseconds, as a multiset of histogram buckets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Latencies {
    raw: Vec<u32>,
    /// Bucket and count, ordered by bucket.
    packed: Vec<(u32, u32)>,
    len: u64,
}

/// A latency in microseconds, rounded up, at least 1; and whether it was beyond the histogram's range.
pub fn micros(nanos: i64) -> (u32, bool) {
    let micros = (nanos.max(1) as u64).div_ceil(1000);
    (micros.min(HIST_MAX_MICROS) as u32, micros > HIST_MAX_MICROS)
}

/// The smallest value of the bucket that `value` falls into.
fn bucket(value: u32) -> u32 {
    let shift = (u32::BITS - value.leading_zeros()).saturating_sub(KEPT_BITS);
    value >> shift << shift
}

impl Latencies {
    /// Adds a latency in microseconds, as [`micros`] gives it.
    pub fn push(&mut self, micros: u32) {
        self.len += 1;
        self.raw.push(micros);
        if self.raw.len() >= PACK_AT {
            self.pack();
        }
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds all of `other`.
    pub fn absorb(&mut self, mut other: Latencies) {
        if self.is_empty() {
            *self = other;
            return;
        }
        self.len += other.len;
        if other.packed.is_empty() && self.raw.len() + other.raw.len() < PACK_AT {
            self.raw.append(&mut other.raw);
            return;
        }
        other.pack();
        self.pack();
        self.packed = merged(&self.packed, &other.packed);
    }

    /// Puts all of them into `hist`.
    pub fn record_into(&self, hist: &mut Histogram<u32>) {
        for value in &self.raw {
            hist.saturating_record(u64::from(*value));
        }
        for (value, count) in &self.packed {
            hist.saturating_record_n(u64::from(*value), *count);
        }
    }

    /// Splits into the lower and the upper half of the distinct buckets; `None` when there is only one.
    pub fn split(mut self) -> Option<(Latencies, Latencies)> {
        self.pack();
        if self.packed.len() < 2 {
            return None;
        }
        let upper = self.packed.split_off(self.packed.len() / 2);
        let of = |packed: Vec<(u32, u32)>| {
            let len = packed.iter().map(|(_, count)| u64::from(*count)).sum();
            Latencies { raw: Vec::new(), packed, len }
        };
        Some((of(self.packed), of(upper)))
    }

    fn pack(&mut self) {
        if self.raw.is_empty() {
            return;
        }
        let mut raw = std::mem::take(&mut self.raw);
        raw.sort_unstable();
        let mut counts: Vec<(u32, u32)> = Vec::new();
        for value in raw.into_iter().map(bucket) {
            match counts.last_mut() {
                Some((last, count)) if *last == value => *count += 1,
                _ => counts.push((value, 1)),
            }
        }
        self.packed = merged(&self.packed, &counts);
    }
}

fn merged(left: &[(u32, u32)], right: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut out = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        let (a, b) = (left[i], right[j]);
        out.push(match a.0.cmp(&b.0) {
            std::cmp::Ordering::Less => a,
            std::cmp::Ordering::Greater => b,
            std::cmp::Ordering::Equal => (a.0, a.1.saturating_add(b.1)),
        });
        i += usize::from(a.0 <= b.0);
        j += usize::from(b.0 <= a.0);
    }
    out.extend_from_slice(&left[i..]);
    out.extend_from_slice(&right[j..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::hist::new_hist;
    use proptest::prelude::*;

    fn any_micros() -> impl Strategy<Value = u32> {
        prop_oneof![1u32..5_000, 1u32..=HIST_MAX_MICROS as u32]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
        #[test]
        fn packing_merging_and_splitting_lose_nothing(
            parts in prop::collection::vec(prop::collection::vec(any_micros(), 0..1500), 1..3),
        ) {
            let mut truth = new_hist();
            let mut all = Latencies::default();
            for part in &parts {
                let mut latencies = Latencies::default();
                for value in part {
                    latencies.push(*value);
                    truth.record(u64::from(*value)).unwrap();
                }
                all.absorb(latencies);
            }
            prop_assert_eq!(all.len(), truth.len());
            let mut kept = new_hist();
            all.record_into(&mut kept);
            prop_assert!(truth.iter_recorded().eq(kept.iter_recorded()));
            if let Some((low, high)) = all.split() {
                prop_assert_eq!(low.len() + high.len(), truth.len());
                let mut halves = new_hist();
                low.record_into(&mut halves);
                high.record_into(&mut halves);
                prop_assert!(truth.iter_recorded().eq(halves.iter_recorded()));
            }
        }

        #[test]
        fn a_bucket_is_the_histograms_own(value in any_micros()) {
            let hist = new_hist();
            prop_assert_eq!(u64::from(bucket(value)), hist.lowest_equivalent(u64::from(value)));
        }
    }

    #[test]
    fn latencies_round_up_and_saturate() {
        assert_eq!(micros(0), (1, false));
        assert_eq!(micros(1_001), (2, false));
        assert_eq!(micros(600_000_000_000), (600_000_000, false));
        assert_eq!(micros(600_000_000_001), (600_000_000, true));
    }
}
