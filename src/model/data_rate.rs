//! Rates of data, as people write them: with their unit.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::size::{Size, SizeError};

/// A rate of data, in bytes per second; written `100KB/s` (of 1000 bytes, as link rates are).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DataRate(pub u64);

/// Why a text is not a [`DataRate`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DataRateError {
    /// No rate.
    #[error("`{0}` is not a rate: write an amount of data per second, as in `100KB/s`, `1MB/s`")]
    NoRate(String),
    /// What stands before `/s` is no amount of data.
    #[error(transparent)]
    Amount(#[from] SizeError),
}

impl FromStr for DataRate {
    type Err = DataRateError;

    fn from_str(text: &str) -> Result<Self, DataRateError> {
        let amount = text.trim().strip_suffix("/s").ok_or_else(|| DataRateError::NoRate(text.trim().into()))?;
        Ok(DataRate(amount.parse::<Size>()?.bytes()))
    }
}

impl fmt::Display for DataRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", Size(self.0))
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

impl JsonSchema for DataRate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DataRate".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "An amount of data per second: 100KB/s (1000 bytes each), 1MiB/s.",
            "pattern": r"^\s*[0-9.]+\s*([kKmMgGtT][iI]?)?[bB]/s\s*$",
            "examples": ["100KB/s", "1MB/s"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rates_read_with_units_and_refuse_amounts() {
        assert_eq!("100KB/s".parse(), Ok(DataRate(100_000)));
        assert_eq!("1.5 MiB/s".parse(), Ok(DataRate(3 << 19)));
        assert!(matches!("100KB".parse::<DataRate>(), Err(DataRateError::NoRate(_))));
        assert!(matches!("100/s".parse::<DataRate>(), Err(DataRateError::Amount(SizeError::NoUnit(_)))));
        assert!(matches!("1 parsec/s".parse::<DataRate>(), Err(DataRateError::Amount(_))));
    }

    proptest! {
        #[test]
        fn a_rate_survives_being_written(bytes in 0u64..1 << 52) {
            prop_assert_eq!(DataRate(bytes).to_string().parse(), Ok(DataRate(bytes)));
        }
    }
}
