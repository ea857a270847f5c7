//! Latency histograms: small deltas as load workers send them, and sums of them.
//!
//! All have the bounds of the project (1 µs to 600 s, 3 significant digits), so they are merged by bucket and never
//! averaged. The wire form is HdrHistogram's V2, deflated or not, in base64; it is read here bucket by bucket, because
//! a histogram of a tenth of a second has a dozen buckets in use out of 21,504.

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

/// Longest latency told apart, in microseconds: 600 s.
pub const HIGHEST_US: u64 = 600_000_000;

/// Significant digits.
const DIGITS: u8 = 3;

/// Half the buckets of one power of two at 3 digits (HdrHistogram: `subBucketHalfCount`).
const HALF: u64 = 1024;

/// Buckets up to 600 s.
const BUCKETS: usize = 21_504;

/// Largest inflated size read: every bucket with the longest count.
const MAX_BYTES: u64 = 40 + 9 * BUCKETS as u64;

const V2: u32 = 0x1c84_9303 | 0x10;
const V2_DEFLATED: u32 = 0x1c84_9304 | 0x10;

/// Why a text is not one of our histograms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistError {
    /// The text is not base64.
    #[error("a histogram's text is not base64")]
    Base64,
    /// The bytes are not HdrHistogram's V2 form, or hold other digits than ours.
    #[error("a histogram's bytes are not in HdrHistogram's V2 form with 3 digits")]
    Format,
}

/// A few buckets with their counts, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sparse(Vec<(u16, u32)>);

/// Counts of all buckets up to the highest in use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hist {
    counts: Vec<u32>,
    total: u64,
}

/// The smallest and the largest value of a bucket, in microseconds.
fn range_of(bucket: usize) -> (u64, u64) {
    let bucket = bucket as u64;
    let power = (bucket / HALF).saturating_sub(1);
    let low = (bucket - power * HALF) << power;
    (low, low + (1 << power) - 1)
}

/// The bucket of a value in microseconds.
fn bucket_of(us: u64) -> usize {
    let us = us.min(HIGHEST_US);
    let power = (64 - (us | (2 * HALF - 1)).leading_zeros() as u64) - 11;
    ((us >> power) + power * HALF) as usize
}

impl Sparse {
    /// Reads the wire form; the empty text is the empty histogram.
    ///
    /// # Errors
    /// When the text is not base64, or the bytes are not a histogram of 3 digits in V2 form.
    pub fn decode(text: &str) -> Result<Sparse, HistError> {
        if text.is_empty() {
            return Ok(Sparse::default());
        }
        let bytes = STANDARD.decode(text).map_err(|_| HistError::Base64)?;
        match cookie(&bytes)? {
            V2 => read_v2(&bytes),
            V2_DEFLATED => {
                let mut inflated = Vec::new();
                let packed = bytes.get(8..).ok_or(HistError::Format)?;
                flate2::read::ZlibDecoder::new(packed)
                    .take(MAX_BYTES)
                    .read_to_end(&mut inflated)
                    .map_err(|_| HistError::Format)?;
                if cookie(&inflated)? == V2 { read_v2(&inflated) } else { Err(HistError::Format) }
            }
            _ => Err(HistError::Format),
        }
    }

    /// A histogram of values in microseconds.
    pub fn of(values: impl IntoIterator<Item = u64>) -> Sparse {
        let mut hist = Hist::default();
        values.into_iter().for_each(|us| hist.add(bucket_of(us), 1));
        hist.sparse()
    }

    /// How many values it holds.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, n)| u64::from(*n)).sum()
    }

    /// How many values lie above `us` microseconds; those in its own bucket do not.
    pub fn above(&self, us: u64) -> u64 {
        let bucket = bucket_of(us);
        self.0.iter().filter(|(b, _)| usize::from(*b) > bucket).map(|(_, n)| u64::from(*n)).sum()
    }

    /// The largest value, in microseconds.
    pub fn max(&self) -> Option<u64> {
        self.0.last().map(|(bucket, _)| range_of(usize::from(*bucket)).1)
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: Sparse) {
        if self.0.is_empty() {
            *self = other;
            return;
        }
        for (bucket, count) in other.0 {
            match self.0.binary_search_by_key(&bucket, |(b, _)| *b) {
                Ok(at) => self.0[at].1 = self.0[at].1.saturating_add(count),
                Err(at) => self.0.insert(at, (bucket, count)),
            }
        }
    }

    /// Its buckets with their counts, ascending.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (u16, u32)> {
        self.0.iter().copied()
    }

    /// A histogram of buckets with their counts, ascending.
    pub(super) fn from_buckets(buckets: impl Iterator<Item = (u16, u32)>) -> Sparse {
        Sparse(buckets.collect())
    }

    /// The wire form: V2, deflated, base64; the empty histogram is the empty text.
    pub fn encode(&self) -> String {
        encode(self.0.iter().map(|(bucket, count)| (usize::from(*bucket), *count)))
    }

    /// Bytes it takes beside itself.
    pub fn heap(&self) -> usize {
        self.0.capacity() * size_of::<(u16, u32)>()
    }
}

impl Hist {
    fn add(&mut self, bucket: usize, count: u32) {
        let bucket = bucket.min(BUCKETS - 1);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] = self.counts[bucket].saturating_add(count);
        self.total += u64::from(count);
    }

    /// Adds one value in microseconds.
    pub fn record(&mut self, us: u64) {
        self.add(bucket_of(us), 1);
    }

    /// Adds all of a delta.
    pub fn merge_sparse(&mut self, other: &Sparse) {
        other.0.iter().for_each(|(bucket, count)| self.add(usize::from(*bucket), *count));
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Hist) {
        other.used().for_each(|(bucket, count)| self.add(bucket, count));
    }

    fn used(&self) -> impl Iterator<Item = (usize, u32)> {
        self.counts.iter().copied().enumerate().filter(|(_, count)| *count > 0)
    }

    /// The buckets in use, ascending: the largest value of each in microseconds, and how many values it holds.
    pub fn steps(&self) -> impl Iterator<Item = (u64, u32)> {
        self.used().map(|(bucket, count)| (range_of(bucket).1, count))
    }

    /// Only the buckets in use.
    pub fn sparse(&self) -> Sparse {
        Sparse(self.used().map(|(bucket, count)| (bucket as u16, count)).collect())
    }

    /// How many values it holds.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The value of rank `rank` (1 is the smallest), in microseconds, rounded up to its bucket's end; none when there
    /// are fewer values.
    pub fn at_rank(&self, rank: u64) -> Option<u64> {
        let mut seen = 0;
        self.used().find_map(|(bucket, count)| {
            seen += u64::from(count);
            (seen >= rank.max(1)).then(|| range_of(bucket).1)
        })
    }

    /// The mean, in microseconds, each value taken as the middle of its bucket.
    pub fn mean(&self) -> Option<u64> {
        let middle = |bucket| (range_of(bucket).0 + range_of(bucket).1) as f64 / 2.0;
        let sum: f64 = self.used().map(|(bucket, count)| middle(bucket) * f64::from(count)).sum();
        (self.total > 0).then(|| (sum / self.total as f64).round() as u64)
    }

    /// The largest value, in microseconds.
    pub fn max(&self) -> Option<u64> {
        self.used().last().map(|(bucket, _)| range_of(bucket).1)
    }

    /// Bytes it takes beside itself.
    pub fn heap(&self) -> usize {
        self.counts.capacity() * size_of::<u32>()
    }

    /// How many values are at most `us` microseconds, to the precision of a bucket: those in its own bucket are.
    pub fn at_most(&self, us: u64) -> u64 {
        let upto = self.counts.len().min(bucket_of(us) + 1);
        self.counts[..upto].iter().map(|count| u64::from(*count)).sum()
    }

    /// The wire form: V2, deflated, base64; the empty histogram is the empty text.
    pub fn encode(&self) -> String {
        encode(self.used())
    }
}

fn encode(buckets: impl Iterator<Item = (usize, u32)>) -> String {
    let encoded = || -> Option<Vec<u8>> {
        let mut hist = Histogram::<u32>::new_with_bounds(1, HIGHEST_US, DIGITS).ok()?;
        buckets.for_each(|(bucket, count)| hist.saturating_record_n(range_of(bucket).0, count));
        if hist.is_empty() {
            return None;
        }
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&hist, &mut bytes).ok()?;
        Some(bytes)
    };
    encoded().map(|bytes| STANDARD.encode(bytes)).unwrap_or_default()
}

fn cookie(bytes: &[u8]) -> Result<u32, HistError> {
    word(bytes, 0).ok_or(HistError::Format)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Reads V2: cookie, payload length, offset, digits, lowest, highest, ratio; then counts, a negative one standing for
/// so many empty buckets.
fn read_v2(bytes: &[u8]) -> Result<Sparse, HistError> {
    let length = word(bytes, 4).ok_or(HistError::Format)? as usize;
    if word(bytes, 8) != Some(0) || word(bytes, 12) != Some(u32::from(DIGITS)) || bytes.get(16..24) != Some(&LOWEST) {
        return Err(HistError::Format);
    }
    let payload = bytes.get(40..).and_then(|rest| rest.get(..length)).ok_or(HistError::Format)?;
    let (mut at, mut bucket, mut found) = (0, 0u64, Vec::new());
    while at < payload.len() {
        let count = zigzag(payload, &mut at).ok_or(HistError::Format)?;
        if count < 0 {
            bucket = bucket.saturating_add(count.unsigned_abs());
            continue;
        }
        if count > 0 {
            let place = u16::try_from(bucket).ok().filter(|b| usize::from(*b) < BUCKETS).ok_or(HistError::Format)?;
            found.push((place, u32::try_from(count).unwrap_or(u32::MAX)));
        }
        bucket += 1;
    }
    Ok(Sparse(found))
}

/// The lowest value told apart: 1 µs.
const LOWEST: [u8; 8] = 1u64.to_be_bytes();

/// A signed number of at most 9 bytes, 7 bits each and 8 in the last, least significant first.
fn zigzag(bytes: &[u8], at: &mut usize) -> Option<i64> {
    let mut value = 0u64;
    for i in 0..9 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        let bits = if i == 8 { byte } else { byte & 0x7f };
        value |= u64::from(bits) << (7 * i);
        if i < 8 && byte & 0x80 == 0 {
            break;
        }
    }
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::serialization::{Deserializer, V2Serializer};
    use proptest::prelude::*;

    fn theirs(values: &[u64]) -> Histogram<u32> {
        let mut hist = Histogram::new_with_bounds(1, HIGHEST_US, DIGITS).unwrap();
        values.iter().for_each(|v| hist.record(*v).unwrap());
        hist
    }

    proptest! {
        #[test]
        fn what_hdrhistogram_writes_is_read(values in prop::collection::vec(1u64..=HIGHEST_US, 0..200), plain: bool) {
            let hist = theirs(&values);
            let mut bytes = Vec::new();
            if plain {
                V2Serializer::new().serialize(&hist, &mut bytes).unwrap();
            } else {
                V2DeflateSerializer::new().serialize(&hist, &mut bytes).unwrap();
            }
            let read = Sparse::decode(&STANDARD.encode(bytes)).unwrap();
            prop_assert_eq!(&read, &Sparse::of(values.iter().copied()));
            prop_assert_eq!(read.total(), values.len() as u64);
        }

        #[test]
        fn what_is_written_is_read_by_hdrhistogram(values in prop::collection::vec(1u64..=HIGHEST_US, 1..200)) {
            let mut ours = Hist::default();
            values.iter().for_each(|v| ours.record(*v));
            let bytes = STANDARD.decode(ours.encode()).unwrap();
            let read: Histogram<u32> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
            prop_assert_eq!(&read, &theirs(&values));
            let mut sorted = values.clone();
            sorted.sort_unstable();
            for rank in [1, values.len().div_ceil(2), values.len()] {
                prop_assert_eq!(ours.at_rank(rank as u64), Some(read.highest_equivalent(sorted[rank - 1])));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[A-Za-z0-9+/=]{0,200}") {
            let _ = Sparse::decode(&text);
        }
    }

    #[test]
    fn values_above_a_bound_are_counted() {
        let hist = Sparse::of([100, 399_000, 402_000, 500_000]);
        assert_eq!((hist.above(400_000), hist.max()), (2, Some(500_223)));
    }
}
