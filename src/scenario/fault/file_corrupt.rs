//! `file-corrupt`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, ResourceKey, Use};
use crate::model::{Damage, Size};

/// Most bits that are turned over: each is looked at four times a second.
const MOST_BITS: u32 = 4096;

/// Most bytes that are overwritten, for the same reason.
const MOST_BYTES: Size = Size::from_mib(16);

/// Harms a file of this machine in place; undo puts the harmed bytes back. Exactly one of `flip_bits`, `overwrite` and
/// `truncate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileCorrupt {
    /// The file; a relative path starts in the run's folder.
    pub file: String,
    /// So many bits are turned over, in bytes that the run's seed chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4096))]
    pub flip_bits: Option<u32>,
    /// So many bytes in a row are replaced, at a place that the run's seed chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overwrite: Option<Size>,
    /// So many bytes are cut off its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncate: Option<Size>,
}

impl FileCorrupt {
    /// The damage, if exactly one is given.
    pub fn damage(&self) -> Option<Damage> {
        match (self.flip_bits, self.overwrite, self.truncate) {
            (Some(bits), None, None) => Some(Damage::FlipBits(bits)),
            (None, Some(size), None) => Some(Damage::Overwrite(size)),
            (None, None, Some(size)) => Some(Damage::Truncate(size)),
            _ => None,
        }
    }
}

impl Kind for FileCorrupt {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "file-corrupt: { file: /var/lib/app/prices.csv, flip_bits: 8 }";

    fn uses(&self) -> Vec<Use<'_>> {
        Vec::new()
    }

    fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Machine(format!("file {}", self.file))]
    }

    fn detail(&self) -> String {
        match self.damage() {
            Some(Damage::FlipBits(bits)) => format!("{bits} bits of {}", self.file),
            Some(Damage::Overwrite(size)) => format!("{size} of {}", self.file),
            Some(Damage::Truncate(size)) => format!("the last {size} of {}", self.file),
            None => String::new(),
        }
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let problem = |field, message: String, hint: &str| vec![FieldProblem { field, message, hint: hint.into() }];
        let none = "write 1 or more";
        match self.damage() {
            None => problem(
                "file",
                "exactly one kind of damage is needed".into(),
                "give one of `flip_bits`, `overwrite` and `truncate`",
            ),
            Some(Damage::FlipBits(0)) => problem("flip_bits", "0 bits harm nothing".into(), none),
            Some(Damage::Overwrite(Size(0))) => problem("overwrite", "0B harm nothing".into(), none),
            Some(Damage::Truncate(Size(0))) => problem("truncate", "0B harm nothing".into(), none),
            Some(Damage::FlipBits(bits)) if bits > MOST_BITS => {
                problem("flip_bits", format!("at most {MOST_BITS} bits"), "use `overwrite` for more")
            }
            Some(Damage::Overwrite(size)) if size > MOST_BYTES => {
                problem("overwrite", format!("at most {MOST_BYTES}"), "a part of the file does as well")
            }
            Some(_) => Vec::new(),
        }
    }
}
