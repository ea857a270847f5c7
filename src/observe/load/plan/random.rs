//! Chance that can be repeated: every choice is a pure function of the seed and of a counter.

use bytes::{BufMut, BytesMut};

const HEX: &[u8; 16] = b"0123456789abcdef";
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Random bits for a counter: the finaliser of SplitMix64 (Steele, Lea, Flood 2014). A choice made from a counter needs
/// no state that threads would have to share, and can be repeated alone.
pub fn mix(counter: u64) -> u64 {
    let mut z = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number below `bound` from 64 random bits, by multiplication: without the bias that a remainder has for large
/// bounds (Lemire, "Fast Random Integer Generation in an Interval", 2019). A bound of 0 stands for 2⁶⁴.
pub fn scaled(bits: u64, bound: u64) -> u64 {
    match bound {
        0 => bits,
        bound => ((u128::from(bits) * u128::from(bound)) >> 64) as u64,
    }
}

/// Bits for a name: FNV-1a.
pub fn of_name(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// So many hexadecimal digits.
pub fn hex(bits: u64, digits: u32, out: &mut BytesMut) {
    characters(bits, digits, HEX, out);
}

/// So many letters and digits.
pub fn letters(bits: u64, digits: u32, out: &mut BytesMut) {
    characters(bits, digits, LETTERS, out);
}

fn characters(bits: u64, digits: u32, from: &[u8], out: &mut BytesMut) {
    for nth in 0..u64::from(digits) {
        let chosen = scaled(mix(bits.wrapping_add(nth)), from.len() as u64);
        out.put_u8(from[chosen as usize]);
    }
}

/// A UUID of version 4 (RFC 9562, 5.4).
pub fn uuid(bits: u64, out: &mut BytesMut) {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&mix(bits).to_be_bytes());
    bytes[8..].copy_from_slice(&mix(bits.wrapping_add(1)).to_be_bytes());
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    for (nth, byte) in bytes.into_iter().enumerate() {
        if matches!(nth, 4 | 6 | 8 | 10) {
            out.put_u8(b'-');
        }
        out.put_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0x0f)]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn made(by: impl Fn(&mut BytesMut)) -> String {
        let mut out = BytesMut::new();
        by(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    proptest! {
        #[test]
        fn uuids_have_the_form_of_version_4_and_differ(bits: u64) {
            let one = made(|out| uuid(bits, out));
            let form = regex::Regex::new("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$").unwrap();
            prop_assert!(form.is_match(&one), "{one}");
            prop_assert_ne!(one, made(|out| uuid(mix(bits), out)));
        }

        #[test]
        fn texts_have_their_length_and_letters(bits: u64, digits in 1u32..100) {
            let (hex, text) = (made(|out| hex(bits, digits, out)), made(|out| letters(bits, digits, out)));
            prop_assert!(hex.len() as u32 == digits && hex.bytes().all(|b| HEX.contains(&b)));
            prop_assert!(text.len() as u32 == digits && text.bytes().all(|b| b.is_ascii_alphanumeric()));
        }

        #[test]
        fn numbers_stay_below_their_bound(bits: u64, bound in 1u64..) {
            prop_assert!(scaled(bits, bound) < bound);
            prop_assert_eq!(scaled(bits, 0), bits);
        }
    }
}
