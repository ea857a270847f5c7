//! Amounts of data and rates of data, as people write them: with their unit.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Units by factor. `KB` has 1000 bytes, `KiB` 1024.
const UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// An amount of data, in bytes; written `64KB` (of 1000 bytes) or `1MiB` (of 1024 × 1024).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DataSize(pub u64);

/// A rate of data, in bytes per second; written `100KB/s` (of 1000 bytes, as link rates are).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DataRate(pub u64);

/// Why a text is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// A number without a unit.
    #[error("`{0}` has no unit: write `{0}B`, `{0}KB` (1000 bytes) or `{0}KiB` (1024)")]
    NoUnit(String),
    /// Not an amount of data.
    #[error("`{0}` is not an amount of data: write a number with its unit, as in `512B`, `64KB`, `1MiB`")]
    Malformed(String),
    /// Not a rate.
    #[error("`{0}` is not a rate: write an amount of data per second, as in `100KB/s`, `1MB/s`")]
    NoRate(String),
}

impl FromStr for DataSize {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let trimmed = text.trim();
        let malformed = || DataError::Malformed(trimmed.into());
        let unit = trimmed.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(trimmed.len());
        let (number, unit) = (trimmed[..unit].trim(), &trimmed[unit..]);
        let number: f64 = number.parse().map_err(|_| malformed())?;
        if unit.is_empty() {
            return if number == 0.0 { Ok(DataSize(0)) } else { Err(DataError::NoUnit(trimmed.into())) };
        }
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(malformed)?;
        let bytes = number * *factor as f64;
        // Beyond 2^53 a number with a point is not exact any more, and no amount here is so large.
        if (0.0..=9e15).contains(&bytes) && bytes.fract() == 0.0 {
            Ok(DataSize(bytes as u64))
        } else {
            Err(malformed())
        }
    }
}

impl fmt::Display for DataSize {
    /// The largest unit that fits without a remainder; it parses back to the same value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, factor): &&(&str, u64)| self.0 != 0 && self.0.is_multiple_of(*factor);
        let (unit, factor) = UNITS.iter().filter(fits).max_by_key(|(_, factor)| *factor).unwrap_or(&UNITS[0]);
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl FromStr for DataRate {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let amount = text.trim().strip_suffix("/s").ok_or_else(|| DataError::NoRate(text.trim().into()))?;
        amount.parse().map(|DataSize(bytes)| DataRate(bytes))
    }
}

impl fmt::Display for DataRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", DataSize(self.0))
    }
}

impl Serialize for DataSize {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DataSize {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        super::name::parsed(d, "an amount of data with its unit, such as `64KB`")
    }
}

impl Serialize for DataRate {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DataRate {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        super::name::parsed(d, "a rate with its unit, such as `100KB/s`")
    }
}

impl JsonSchema for DataSize {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DataSize".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A number with its unit: 512B, 64KB (1000 bytes each), 1MiB (1024 × 1024 bytes).",
            "pattern": r"^(0|\s*[0-9.]+\s*(B|KB|KiB|MB|MiB|GB|GiB)\s*)$",
            "examples": ["512B", "64KB", "1MiB"]
        })
    }
}

impl JsonSchema for DataRate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DataRate".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "An amount of data per second: 100KB/s (1000 bytes each), 1MiB/s.",
            "pattern": r"^\s*[0-9.]+\s*(B|KB|KiB|MB|MiB|GB|GiB)/s\s*$",
            "examples": ["100KB/s", "1MB/s"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_and_rates_read_with_units_and_refuse_bare_numbers() {
        assert_eq!("64KB".parse(), Ok(DataSize(64_000)));
        assert_eq!("1.5 KiB".parse(), Ok(DataSize(1536)));
        assert_eq!("100KB/s".parse(), Ok(DataRate(100_000)));
        assert_eq!("64".parse::<DataSize>(), Err(DataError::NoUnit("64".into())));
        assert!(matches!("-1B".parse::<DataSize>(), Err(DataError::Malformed(_))));
        assert!(matches!("0.5B".parse::<DataSize>(), Err(DataError::Malformed(_))));
        assert!(matches!("1 parsec".parse::<DataSize>(), Err(DataError::Malformed(_))));
        assert!(matches!("100KB".parse::<DataRate>(), Err(DataError::NoRate(_))));
    }

    proptest! {
        #[test]
        fn an_amount_survives_being_written(bytes in 0u64..1 << 52) {
            prop_assert_eq!(DataSize(bytes).to_string().parse(), Ok(DataSize(bytes)));
            prop_assert_eq!(DataRate(bytes).to_string().parse(), Ok(DataRate(bytes)));
        }
    }
}
