//! Points and distances on the run's single clock, and durations as people write them.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A point in time: nanoseconds since the start of the run, on the runner's monotonic clock.
///
/// Negative values are points before the start (a load worker that was spawned earlier, say).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Offset(pub i64);

/// A signed distance between two [`Offset`]s, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Delta(pub i64);

impl Offset {
    /// The start of the run.
    pub const ZERO: Offset = Offset(0);

    /// The offset `nanos` nanoseconds after the start.
    pub const fn from_nanos(nanos: i64) -> Self {
        Offset(nanos)
    }

    /// The offset `millis` milliseconds after the start.
    pub const fn from_millis(millis: i64) -> Self {
        Offset(millis * 1_000_000)
    }

    /// Nanoseconds since the start of the run.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Seconds since the start of the run, for display and charts.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The distance from `earlier` to here; negative when `earlier` is in fact later.
    pub const fn since(self, earlier: Offset) -> Delta {
        Delta(self.0.saturating_sub(earlier.0))
    }
}

impl Delta {
    /// No distance.
    pub const ZERO: Delta = Delta(0);

    /// A distance of `millis` milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Delta(millis * 1_000_000)
    }

    /// Nanoseconds, signed.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Seconds, signed.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The distance as a [`Duration`]; zero when it is negative.
    pub fn to_duration(self) -> Duration {
        Duration::from_nanos(self.0.max(0) as u64)
    }
}

impl From<Duration> for Delta {
    fn from(d: Duration) -> Self {
        Delta(i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl From<HumanDuration> for Delta {
    fn from(d: HumanDuration) -> Self {
        d.0.into()
    }
}

impl Add<Delta> for Offset {
    type Output = Offset;
    fn add(self, d: Delta) -> Offset {
        Offset(self.0.saturating_add(d.0))
    }
}

impl Add<Duration> for Offset {
    type Output = Offset;
    fn add(self, d: Duration) -> Offset {
        self + Delta::from(d)
    }
}

impl Sub<Delta> for Offset {
    type Output = Offset;
    fn sub(self, d: Delta) -> Offset {
        Offset(self.0.saturating_sub(d.0))
    }
}

impl Sub<Duration> for Offset {
    type Output = Offset;
    fn sub(self, d: Duration) -> Offset {
        self - Delta::from(d)
    }
}

impl Add for Delta {
    type Output = Delta;
    fn add(self, d: Delta) -> Delta {
        Delta(self.0.saturating_add(d.0))
    }
}

impl Sub for Delta {
    type Output = Delta;
    fn sub(self, d: Delta) -> Delta {
        Delta(self.0.saturating_sub(d.0))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{:.3} s", self.seconds())
    }
}

impl fmt::Display for Delta {
    /// The unit follows the size: `250 ms`, `1.234 s`, `2 min 05 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        match nanos {
            0 => f.write_str("0 s"),
            n if n < 1_000_000 => write!(f, "{sign}{} µs", n.div_ceil(1000)),
            n if n < 1_000_000_000 => write!(f, "{sign}{:.0} ms", n as f64 / 1e6),
            n if n < 120_000_000_000 => write!(f, "{sign}{:.3} s", n as f64 / 1e9),
            n => write!(f, "{sign}{} min {:02} s", n / 60_000_000_000, n / 1_000_000_000 % 60),
        }
    }
}

/// A duration as people write it in a scenario: a number with its unit, `250ms`, `5s`, `1m30s`.
///
/// A bare number is refused: nobody can tell afterwards whether seconds or milliseconds were meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HumanDuration(pub Duration);

impl HumanDuration {
    /// A duration of `millis` milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        HumanDuration(Duration::from_millis(millis))
    }

    /// A duration of `secs` seconds.
    pub const fn from_secs(secs: u64) -> Self {
        HumanDuration(Duration::from_secs(secs))
    }

    /// The standard library's type.
    pub const fn get(self) -> Duration {
        self.0
    }
}

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// A number without a unit.
    #[error("`{0}` has no unit: write `{0}s` or `{0}ms`")]
    NoUnit(String),
    /// Not a duration at all.
    #[error("`{0}` is not a duration: write a number with its unit, as in `250ms`, `5s`, `1m30s`, `2h`")]
    Malformed(String),
    /// Below zero.
    #[error("`{0}` is negative: a duration here is zero or more")]
    Negative(String),
}

impl FromStr for HumanDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        if trimmed.parse::<f64>().is_ok() {
            return match trimmed {
                "0" => Ok(HumanDuration(Duration::ZERO)),
                t if t.starts_with('-') => Err(DurationError::Negative(t.into())),
                t => Err(DurationError::NoUnit(t.into())),
            };
        }
        let parsed: jiff::SignedDuration = trimmed.parse().map_err(|_| DurationError::Malformed(trimmed.into()))?;
        Duration::try_from(parsed).map(HumanDuration).map_err(|_| DurationError::Negative(trimmed.into()))
    }
}

impl fmt::Display for HumanDuration {
    /// The shortest exact form: `1m30s`, `250ms`, `0s`; it parses back to the same value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.write_str("0s");
        }
        let parts = [
            (nanos / 3_600_000_000_000, "h"),
            (nanos / 60_000_000_000 % 60, "m"),
            (nanos / 1_000_000_000 % 60, "s"),
            (nanos / 1_000_000 % 1000, "ms"),
            (nanos / 1000 % 1000, "us"),
            (nanos % 1000, "ns"),
        ];
        parts.iter().filter(|(n, _)| *n > 0).try_for_each(|(n, unit)| write!(f, "{n}{unit}"))
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        super::name::parsed(d, "a duration with its unit, such as `250ms` or `5s`")
    }
}

impl JsonSchema for HumanDuration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A number with its unit: 250ms, 5s, 1m30s, 2h.",
            "pattern": r"^(0|(\s*[0-9.]+\s*(ns|us|µs|ms|s|m|h|d)[a-z]*)+)$",
            "examples": ["250ms", "5s", "1m30s"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_read_with_units_and_refuse_bare_numbers() {
        assert_eq!("250ms".parse(), Ok(HumanDuration::from_millis(250)));
        assert_eq!("1m30s".parse(), Ok(HumanDuration::from_secs(90)));
        assert_eq!("2h".parse(), Ok(HumanDuration::from_secs(7200)));
        assert_eq!("0s".parse(), Ok(HumanDuration::default()));
        assert_eq!("5".parse::<HumanDuration>(), Err(DurationError::NoUnit("5".into())));
        assert!(matches!("-5s".parse::<HumanDuration>(), Err(DurationError::Negative(_))));
        assert!(matches!("5 parsecs".parse::<HumanDuration>(), Err(DurationError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn a_duration_survives_being_written(nanos in 0u64..u64::MAX / 4) {
            let d = HumanDuration(Duration::from_nanos(nanos));
            prop_assert_eq!(d.to_string().parse::<HumanDuration>(), Ok(d));
        }
    }
}
