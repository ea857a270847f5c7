//! Histograms that are put away: about two bytes for each bucket in use, so that every second of a day may be kept.

use super::latency::Sparse;

/// A histogram as bytes: for each bucket in use its distance from the one before and its count, 7 bits a byte, least
/// significant first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Packed(Box<[u8]>);

impl Packed {
    /// Packs a histogram.
    pub fn new(hist: &Sparse) -> Packed {
        let mut bytes = Vec::new();
        let mut before = 0;
        for (bucket, count) in hist.buckets() {
            put(&mut bytes, u32::from(bucket) - before);
            put(&mut bytes, count);
            before = u32::from(bucket);
        }
        Packed(bytes.into_boxed_slice())
    }

    /// The histogram again.
    pub fn unpack(&self) -> Sparse {
        let (mut at, mut bucket) = (0, 0u32);
        Sparse::from_buckets(std::iter::from_fn(|| {
            bucket += take(&self.0, &mut at)?;
            Some((u16::try_from(bucket).ok()?, take(&self.0, &mut at)?))
        }))
    }

    /// Bytes it takes beside itself.
    pub fn heap(&self) -> usize {
        self.0.len()
    }
}

fn put(bytes: &mut Vec<u8>, mut number: u32) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &[u8], at: &mut usize) -> Option<u32> {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_histogram_comes_out_as_it_went_in(
            values in prop::collection::vec(1u64..=600_000_000, 0..200), again in 0u32..40,
        ) {
            let mut hist = Sparse::of(values.iter().copied());
            for _ in 0..again {
                hist.merge(hist.clone());
            }
            let packed = Packed::new(&hist);
            prop_assert_eq!(packed.unpack(), hist);
        }
    }
}
