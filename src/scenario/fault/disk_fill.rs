//! `disk-fill`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, ResourceKey, Use};
use crate::model::{Fill, Size};

/// Takes space on a disk of this machine by a file without a name: exactly one of `size` and `leave_free`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskFill {
    /// A directory on the disk, an absolute path.
    pub directory: String,
    /// How much is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// How much stays free; what others free meanwhile is taken as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leave_free: Option<Size>,
    /// The fault never takes what would leave less than this, and gives back when others need it. 5 % of the disk and
    /// at least 512 MiB when absent; less only on a file system that is neither the machine's root nor holds the
    /// journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Size>,
}

impl DiskFill {
    /// How much of the disk is filled.
    pub fn fill(&self) -> Fill {
        match (self.size, self.leave_free) {
            (Some(size), _) => Fill::Size(size),
            (None, left) => Fill::LeaveFree(left.unwrap_or_default()),
        }
    }
}

impl Kind for DiskFill {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "disk-fill: { directory: /var/tmp, size: 1GiB }";

    fn uses(&self) -> Vec<Use<'_>> {
        Vec::new()
    }

    fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Machine(format!("the free space below {}", self.directory))]
    }

    fn detail(&self) -> String {
        match self.fill() {
            Fill::Size(size) => format!("{size} in {}", self.directory),
            Fill::LeaveFree(left) => format!("all but {left} in {}", self.directory),
        }
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let problem = |field, message: String, hint: &str| Some(FieldProblem { field, message, hint: hint.into() });
        let one = match (self.size, self.leave_free) {
            (None, None) => problem("directory", "nothing says how much".into(), "add `size` or `leave_free`"),
            (Some(_), Some(_)) => problem("leave_free", "`size` says how much already".into(), "give one of them"),
            (Some(Size(0)), None) => problem("size", "0B fills nothing".into(), "write 1MiB or more"),
            _ => None,
        };
        let low = match (self.leave_free, self.floor) {
            (Some(left), Some(floor)) if left < floor => problem(
                "leave_free",
                format!("{left} is less than the floor, {floor}"),
                "leave more, or lower `floor` if nothing else needs that file system",
            ),
            _ => None,
        };
        one.into_iter().chain(low).collect()
    }
}
