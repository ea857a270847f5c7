//! Latency histograms as they travel: HDR V2 deflate (the format of HdrHistogram's own tools) in base64.
//!
//! All histograms of the project have the same bounds and digits, so that they can be merged without loss.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

/// The largest latency that is told apart, in microseconds: 600 s. Longer ones are recorded as this one.
pub const HIST_MAX_MICROS: u64 = 600_000_000;
/// The significant decimal digits of a latency.
pub const HIST_SIGFIG: u8 = 3;

/// Why a text is not one of our histograms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistError {
    /// The text is not base64.
    #[error("a histogram's text is not base64: {0}")]
    Base64(String),
    /// The bytes are not an HDR histogram, or hold larger counts than ours do.
    #[error("the bytes are not an HDR histogram in V2 format: {0}")]
    Format(String),
    /// It has other bounds or digits, so merging would lose precision.
    #[error("a histogram has {digits} digits up to {high} µs; ours have 3 up to 600 s")]
    Bounds {
        /// Its significant digits.
        digits: u8,
        /// Its largest value, in microseconds.
        high: u64,
    },
}

/// An empty histogram with the project's bounds and digits; values are microseconds.
pub fn new_hist() -> Histogram<u32> {
    // Fails only when the bounds are wrong for each other, and these are constants that a test uses.
    Histogram::new_with_bounds(1, HIST_MAX_MICROS, HIST_SIGFIG).expect("constant bounds")
}

/// The histogram as text; an empty one is the empty text.
///
/// # Errors
///
/// The serialiser's own: it writes into memory, so only when there is none.
pub fn encode_hist(hist: &Histogram<u32>, with: &mut V2DeflateSerializer) -> Result<String, HistError> {
    if hist.is_empty() {
        return Ok(String::new());
    }
    let mut bytes = Vec::with_capacity(512);
    with.serialize(hist, &mut bytes).map_err(|why| HistError::Format(why.to_string()))?;
    Ok(STANDARD.encode(bytes))
}

/// Reads a histogram from its text.
///
/// # Errors
///
/// When the text is not base64, the bytes are not an HDR histogram, or its bounds are not the project's.
pub fn decode_hist(text: &str) -> Result<Histogram<u32>, HistError> {
    if text.is_empty() {
        return Ok(new_hist());
    }
    let bytes = STANDARD.decode(text).map_err(|why| HistError::Base64(why.to_string()))?;
    let hist: Histogram<u32> =
        Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|why| HistError::Format(why.to_string()))?;
    if hist.sigfig() != HIST_SIGFIG || hist.high() != HIST_MAX_MICROS || hist.low() != 1 {
        return Err(HistError::Bounds { digits: hist.sigfig(), high: hist.high() });
    }
    Ok(hist)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(hist: &Histogram<u32>) -> String {
        encode_hist(hist, &mut V2DeflateSerializer::new()).unwrap()
    }

    proptest! {
        #[test]
        fn a_histogram_survives_the_wire(values in prop::collection::vec(1u64..=HIST_MAX_MICROS, 0..200)) {
            let mut hist = new_hist();
            for value in values {
                hist.record(value).unwrap();
            }
            prop_assert_eq!(decode_hist(&encode(&hist)).unwrap(), hist);
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "[A-Za-z0-9+/=]{0,200}") {
            let _ = decode_hist(&text);
        }
    }

    #[test]
    fn foreign_bounds_are_refused() {
        let mut foreign = Histogram::<u32>::new_with_bounds(1, 1000, 2).unwrap();
        foreign.record(5).unwrap();
        assert_eq!(decode_hist(&encode(&foreign)), Err(HistError::Bounds { digits: 2, high: 1000 }));
        assert!(matches!(decode_hist("%%%"), Err(HistError::Base64(_))));
        assert!(matches!(decode_hist("AAAA"), Err(HistError::Format(_))));
    }
}
