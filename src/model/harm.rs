//! Damage to a file, as data: where, and what stands there afterwards.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Size;

/// The damage that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// So many bits turned over, each in a byte of its own.
    FlipBits(u32),
    /// So many bytes in a row replaced by others.
    Overwrite(Size),
    /// So many bytes cut off the end.
    Truncate(Size),
}

/// The damage that is done: decided by the seed before the act, so that it can be told from what others write.
///
/// Every harmed byte differs from its original by a mask that is never zero, and the mask follows from the seed and the
/// place alone. So with the original beside it, each byte can be told to be sound, harmed, or somebody else's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileHarm {
    /// One bit of each of these bytes is turned over.
    FlipBits {
        /// Decides which bit.
        seed: u64,
        /// Offsets in the file, ascending.
        places: Vec<u64>,
    },
    /// These bytes are replaced.
    Overwrite {
        /// Decides by what.
        seed: u64,
        /// Offset of the first.
        at: u64,
        /// How many.
        len: u64,
    },
    /// The file is cut to this length.
    Truncate {
        /// Bytes that stay.
        to: u64,
    },
}

impl Damage {
    /// Where and how a file of `size` bytes, at least one, is harmed.
    ///
    /// # Errors
    /// When the file is too small for it, in words.
    pub fn of(self, size: u64, seed: u64) -> Result<FileHarm, String> {
        let too_small = |wanted: String| Err(format!("the file has {} and {wanted} are to be harmed", Size(size)));
        match self {
            Damage::FlipBits(bits) if u64::from(bits) > size => too_small(format!("{bits} of its bytes")),
            Damage::FlipBits(bits) => {
                let mut places = std::collections::BTreeSet::new();
                let mut draw = 0;
                while places.len() < bits as usize {
                    places.insert(mix(seed, draw) % size);
                    draw += 1;
                }
                Ok(FileHarm::FlipBits { seed, places: places.into_iter().collect() })
            }
            Damage::Overwrite(len) if len.bytes() > size => too_small(len.to_string()),
            Damage::Overwrite(Size(len)) => {
                Ok(FileHarm::Overwrite { seed, at: mix(seed, u64::MAX) % (size - len + 1), len })
            }
            Damage::Truncate(cut) if cut.bytes() > size => too_small(cut.to_string()),
            Damage::Truncate(Size(cut)) => Ok(FileHarm::Truncate { to: size - cut }),
        }
    }
}

impl FileHarm {
    /// The parts of the file that are harmed, ascending; none for a file that is cut.
    pub fn ranges(&self) -> Vec<Range<u64>> {
        match self {
            FileHarm::FlipBits { places, .. } => places.iter().map(|place| *place..place + 1).collect(),
            FileHarm::Overwrite { at, len, .. } => std::iter::once(*at..at + len).collect(),
            FileHarm::Truncate { .. } => Vec::new(),
        }
    }

    /// What the byte at a harmed place is combined with (exclusive or): never zero.
    pub fn mask(&self, place: u64) -> u8 {
        match self {
            FileHarm::FlipBits { seed, .. } => 1 << (mix(*seed, place) % 8),
            FileHarm::Overwrite { seed, .. } => {
                mix(*seed, place).to_le_bytes().into_iter().find(|b| *b != 0).unwrap_or(1)
            }
            FileHarm::Truncate { .. } => 0,
        }
    }
}

/// SplitMix64 of two numbers. Written out, because an undo of an older version must get the same.
fn mix(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_add(n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_larger_than_the_file_is_refused() {
        for damage in [Damage::FlipBits(11), Damage::Overwrite(Size(11)), Damage::Truncate(Size(11))] {
            assert!(damage.of(10, 1).is_err(), "{damage:?}");
        }
    }

    #[test]
    fn old_journals_keep_their_meaning() {
        let harm = Damage::FlipBits(3).of(1000, 7).unwrap();
        assert_eq!(harm, FileHarm::FlipBits { seed: 7, places: vec![346, 487, 804] });
        assert_eq!(harm.mask(346), 16);
    }

    proptest! {
        #[test]
        fn every_harmed_byte_lies_in_the_file_and_differs(seed: u64, size in 1u64..5000, part in 0.0f64..=1.0) {
            let n = ((size as f64 * part) as u64).max(1);
            for damage in [Damage::FlipBits(n as u32), Damage::Overwrite(Size(n))] {
                let harm = damage.of(size, seed).unwrap();
                let ranges = harm.ranges();
                prop_assert_eq!(ranges.iter().map(|r| r.end - r.start).sum::<u64>(), n);
                prop_assert!(ranges.iter().all(|r| r.end <= size));
                prop_assert!(ranges.windows(2).all(|w| w[0].end <= w[1].start));
                prop_assert!(ranges.into_iter().flatten().all(|place| harm.mask(place) != 0));
            }
        }
    }
}
