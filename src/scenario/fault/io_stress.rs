//! `io-stress`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, ResourceKey, Use};
use crate::model::Size;

/// Keeps a disk of this machine busy: writes, syncs and reads files without a name, again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IoStress {
    /// A directory on the disk, an absolute path.
    pub directory: String,
    /// Bytes written a second, in all; each is read back as well.
    pub rate: Size,
    /// Number of threads, each with a file of its own.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 64))]
    pub threads: u32,
    /// Size of each file.
    #[serde(default = "file_size")]
    pub file_size: Size,
}

impl Kind for IoStress {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "io-stress: { directory: /var/tmp, rate: 20MiB }";

    fn uses(&self) -> Vec<Use<'_>> {
        Vec::new()
    }

    fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Machine(format!("the disk below {}", self.directory))]
    }

    fn detail(&self) -> String {
        format!("{}/s in {}", self.rate, self.directory)
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let problem =
            |field, message: &str, hint: &str| FieldProblem { field, message: message.into(), hint: hint.into() };
        let least = Size(4096);
        let checks = [
            (self.rate < least).then(|| problem("rate", "less than 4KiB a second is no stress", "write 1MiB or more")),
            (self.file_size < least)
                .then(|| problem("file_size", "a file needs 4KiB at least", "leave it out for 64MiB")),
            (self.threads == 0).then(|| problem("threads", "no thread makes no stress", "leave it out for one")),
        ];
        checks.into_iter().flatten().collect()
    }
}

fn one() -> u32 {
    1
}

fn file_size() -> Size {
    Size::from_mib(64)
}
