//! `latency.hlog`: histograms over time in HdrHistogram's log format 1.3, which HistogramLogAnalyzer,
//! HistogramLogProcessor and most HdrHistogram ports read. (Format: `HistogramLogWriter` and `HistogramLogReader` of
//! HdrHistogram for Java.)

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::model::{Delta, Offset};
use crate::timeline::latency::{HistError, Sparse};

/// The latency of one stream over one stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interval<'a> {
    /// Whose it is: the stream, or the stream and a request name.
    pub tag: &'a str,
    /// Its start.
    pub start: Offset,
    /// Its length.
    pub length: Delta,
    /// Its histogram: microseconds, HDR V2 compressed, base64. An empty one is left out of the log.
    pub histogram: Cow<'a, str>,
}

/// The log of a run whose offset 0 was `started` seconds after the Unix epoch. Intervals are written as they come;
/// readers expect them by start.
///
/// # Errors
/// When a histogram is not one.
pub fn hlog<'a>(intervals: impl IntoIterator<Item = Interval<'a>>, started: f64) -> Result<String, HistError> {
    let mut log = String::from("#[Values are microseconds; Interval_Max is in milliseconds]\n");
    log.push_str("#[Histogram log format version 1.3]\n");
    // With a base time, readers add the start of an interval to it and need not guess.
    let _ = writeln!(log, "#[StartTime: {started:.3} (seconds since epoch)]");
    let _ = writeln!(log, "#[BaseTime: {started:.3} (seconds since epoch)]");
    log.push_str("\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n");
    for interval in intervals.into_iter().filter(|i| !i.histogram.is_empty()) {
        let max_ms = Sparse::decode(&interval.histogram)?.max().unwrap_or(0) as f64 / 1e3;
        let _ = writeln!(
            log,
            "Tag={},{:.3},{:.3},{max_ms:.3},{}",
            tag(interval.tag),
            // A negative start, from before offset 0, is outside the format.
            interval.start.seconds().max(0.0),
            interval.length.seconds(),
            interval.histogram
        );
    }
    Ok(log)
}

/// A tag ends at a comma and may hold no blank.
fn tag(text: &str) -> String {
    text.chars().map(|c| if c == ',' || c.is_whitespace() || c.is_control() { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};

    use super::*;
    use crate::timeline::hist::{encode_hist, new_hist};

    fn histogram(values: &[u64]) -> String {
        let mut hist = new_hist();
        values.iter().for_each(|v| hist.record(*v).unwrap());
        encode_hist(&hist, &mut V2DeflateSerializer::new()).unwrap()
    }

    #[test]
    fn the_log_is_read_back_by_the_library() {
        use base64::Engine as _;
        let [first, second] = [histogram(&[1_000, 2_000, 250_000]), histogram(&[3_000])];
        let interval = |tag, start, histogram: &str| Interval {
            tag,
            start: Offset::from_millis(start),
            length: Delta::from_millis(1000),
            histogram: histogram.to_owned().into(),
        };
        let rows = [
            interval("steady", 1_000, first.as_str()),
            interval("steady", 2_000, ""),
            interval("shoppers: add, to cart", 2_500, second.as_str()),
        ];
        let log = hlog(rows, 1_793_680_140.0).unwrap();
        let mut read = Vec::new();
        let mut times = Vec::new();
        for entry in IntervalLogIterator::new(log.as_bytes()) {
            match entry.unwrap() {
                LogEntry::Interval(i) => {
                    let bytes = base64::engine::general_purpose::STANDARD.decode(i.encoded_histogram()).unwrap();
                    let hist: hdrhistogram::Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
                    let tag = i.tag().unwrap().as_str().to_owned();
                    read.push((tag, i.start_timestamp().as_millis(), i.duration().as_millis(), hist.len(), i.max()));
                }
                LogEntry::StartTime(t) | LogEntry::BaseTime(t) => times.push(t.as_secs()),
            }
        }
        assert_eq!(times, [1_793_680_140; 2]);
        assert_eq!(read.len(), 2, "{read:?}");
        assert_eq!((read[0].0.as_str(), read[0].1, read[0].2, read[0].3), ("steady", 1000, 1000, 3));
        assert!((249.0..252.0).contains(&read[0].4), "{}", read[0].4);
        assert_eq!((read[1].0.as_str(), read[1].1, read[1].3), ("shoppers:_add__to_cart", 2500, 1));
    }

    #[test]
    fn what_is_no_histogram_is_refused() {
        let row = Interval { tag: "a", start: Offset::ZERO, length: Delta::ZERO, histogram: "%%%".into() };
        assert_eq!(hlog([row], 0.0), Err(HistError::Base64));
    }
}
