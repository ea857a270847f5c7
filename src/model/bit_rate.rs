//! Rates of links.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a link carries, written with its unit: `500kbit`, `1mbit`, `2.5gbit`. Factors of 1000, as networks have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BitRate(
    /// Bits in a second.
    pub u64,
);

/// Why a text is not a [`BitRate`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the rate of a link: write a number and a unit, kbit, mbit or gbit (in a second)")]
pub struct BitRateError(String);

const UNITS: [(&str, u64); 3] = [("kbit", 1_000), ("mbit", 1_000_000), ("gbit", 1_000_000_000)];

impl FromStr for BitRate {
    type Err = BitRateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || BitRateError(text.into());
        let lower = text.trim().to_ascii_lowercase();
        let plain = lower.strip_suffix("/s").unwrap_or(&lower);
        let (number, factor) =
            UNITS.iter().find_map(|(unit, n)| Some((plain.strip_suffix(unit)?, *n))).ok_or_else(wrong)?;
        match number.trim().parse::<f64>() {
            // A petabit in a second is no link; below 1 bit in a second nothing is said.
            Ok(n) if n.is_finite() && (1.0..1e15).contains(&(n * factor as f64)) => {
                Ok(BitRate((n * factor as f64).round() as u64))
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().rev().find(|(_, n)| self.0 >= *n && self.0.is_multiple_of(*n));
        match whole {
            Some((unit, n)) => write!(f, "{}{unit}", self.0 / n),
            None => write!(f, "{}kbit", self.0 as f64 / 1e3),
        }
    }
}

impl Serialize for BitRate {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BitRate {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        super::name::parsed(d, "the rate of a link, such as `10mbit`")
    }
}

impl JsonSchema for BitRate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BitRate".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let pattern = r"^\s*[0-9.]+\s*[kKmMgG][bB][iI][tT](/s)?\s*$";
        schemars::json_schema!({ "type": "string", "pattern": pattern, "examples": ["500kbit", "10mbit"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written_again() {
        for (text, bits) in [("500kbit", 500_000), ("1mbit", 1_000_000), ("2.5 Gbit/s", 2_500_000_000)] {
            let rate: BitRate = text.parse().unwrap();
            assert_eq!(rate, BitRate(bits));
            assert_eq!(rate.to_string().parse::<BitRate>().unwrap(), rate);
        }
        for text in ["", "5", "5mb", "0kbit", "-1mbit", "nanmbit", "1e9gbit"] {
            assert!(text.parse::<BitRate>().is_err(), "{text}");
        }
    }
}
