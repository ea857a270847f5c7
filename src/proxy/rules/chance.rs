//! Chance: pure functions of the seed, so that the same seed decides the same, and asking twice gives the same answer.

use super::Direction;

/// The lot of a chunk: the `sequence`-th of its direction on the `connection`-th connection of a link whose seed is
/// `seed`.
pub fn lot(seed: u64, connection: u64, direction: Direction, sequence: u64) -> u64 {
    let lane = connection << 1 | u64::from(direction == Direction::Down);
    mix(mix(seed.wrapping_add(lane)).wrapping_add(sequence))
}

/// The lot of a connection as a whole: a place in the stream that no chunk reaches.
pub fn connection_lot(seed: u64, connection: u64) -> u64 {
    lot(seed, connection, Direction::Up, u64::MAX)
}

/// The lot of what is left of a chunk after a piece of it was cut off.
pub fn remainder(lot: u64) -> u64 {
    mix(lot)
}

/// A lot as a share: at least 0, less than 1.
pub fn share(lot: u64) -> f64 {
    (lot >> 11) as f64 / (1u64 << 53) as f64
}

/// Where in `[-width, +width]` the lot falls: its share of the whole range of `u64`.
pub fn deviation(lot: u64, width: u64) -> i128 {
    let range = 2 * u128::from(width) + 1;
    ((u128::from(lot) * range) >> 64) as i128 - i128::from(width)
}

/// SplitMix64's step and finaliser (Steele, Lea, Flood 2014): a bijection whose output is uniform for counting input.
pub fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
