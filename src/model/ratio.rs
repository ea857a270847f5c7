//! Shares, written as percentages.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A share between 0 and 1, written as a percentage: `0.1%`, `99%`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Ratio(pub f64);

/// Why a text is not a [`Ratio`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RatioError {
    /// No percent sign.
    #[error("`{0}` has no unit: a share is written as a percentage, `{0}%`")]
    NoUnit(String),
    /// Not a number, or outside 0 % to 100 %.
    #[error("`{0}` is not a percentage between 0% and 100%")]
    Malformed(String),
}

impl FromStr for Ratio {
    type Err = RatioError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        let Some(number) = trimmed.strip_suffix('%') else {
            return Err(match trimmed.parse::<f64>() {
                Ok(_) => RatioError::NoUnit(trimmed.into()),
                Err(_) => RatioError::Malformed(trimmed.into()),
            });
        };
        match number.trim().parse::<f64>() {
            Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Ratio(percent / 100.0)),
            _ => Err(RatioError::Malformed(trimmed.into())),
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded far below anything measurable, so that 0.1 % is not shown as 0.10000000000000001 %.
        write!(f, "{}%", (self.0 * 1e8).round() / 1e6)
    }
}

impl Serialize for Ratio {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        super::name::parsed(d, "a percentage, such as `1%`")
    }
}

impl JsonSchema for Ratio {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Percentage".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": r"^\s*[0-9.]+\s*%\s*$", "examples": ["0.1%", "99%"] })
    }
}
