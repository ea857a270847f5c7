//! Amounts of bytes, as people write them.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number of bytes, written with its unit: `64KiB`, `512MiB`, `10MB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Size(pub u64);

/// Why a text is not a [`Size`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// A number without a unit.
    #[error("`{0}` has no unit: write `{0}B`, `{0}KiB`, `{0}MiB` or `{0}GiB`")]
    NoUnit(String),
    /// Not a size.
    #[error("`{0}` is not a size: write a number with B, KiB, MiB, GiB (steps of 1024) or kB, MB, GB (steps of 1000)")]
    Malformed(String),
}

/// Units by name, those of 1024 first: a size is shown in the first that divides it.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl Size {
    /// So many MiB.
    pub const fn from_mib(n: u64) -> Size {
        Size(n << 20)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        let malformed = || SizeError::Malformed(trimmed.into());
        let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = (&trimmed[..digits], trimmed[digits..].trim());
        let number: f64 = number.parse().map_err(|_| malformed())?;
        if unit.is_empty() {
            return Err(SizeError::NoUnit(trimmed.into()));
        }
        let factor = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(malformed)?.1;
        let bytes = number * factor as f64;
        // Beyond this a float no longer tells neighbours apart; it is also more than any disk has.
        if bytes >= 9e15 { Err(malformed()) } else { Ok(Size(bytes.round() as u64)) }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) =
            UNITS.iter().find(|(_, unit)| self.0 > 0 && self.0.is_multiple_of(*unit)).unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

impl Serialize for Size {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        super::name::parsed(d, "a size with its unit, such as `512MiB`")
    }
}

impl JsonSchema for Size {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A number with its unit: B, KiB, MiB, GiB (steps of 1024), kB, MB, GB (steps of 1000).",
            "pattern": r"^\s*[0-9.]+\s*([kKmMgGtT][iI]?)?[bB]\s*$",
            "examples": ["64KiB", "512MiB", "2GB"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_read_with_units_and_refuse_bare_numbers() {
        assert_eq!("512MiB".parse(), Ok(Size::from_mib(512)));
        assert_eq!("1.5 GiB".parse(), Ok(Size::from_mib(1536)));
        assert_eq!("10mb".parse(), Ok(Size(10_000_000)));
        assert_eq!("0B".parse(), Ok(Size(0)));
        assert_eq!("512".parse::<Size>(), Err(SizeError::NoUnit("512".into())));
        for wrong in ["", "MiB", "-1MiB", "5 parsecs", "1e400GiB", "99999999TiB"] {
            assert!(matches!(wrong.parse::<Size>(), Err(SizeError::Malformed(_))), "{wrong}");
        }
        assert_eq!(Size(10_000_000).to_string(), "10MB");
        assert_eq!(Size(1537).to_string(), "1537B");
    }

    proptest! {
        #[test]
        fn a_size_survives_being_written(bytes in 0u64..9_000_000_000_000_000) {
            prop_assert_eq!(Size(bytes).to_string().parse::<Size>(), Ok(Size(bytes)));
        }
    }
}
