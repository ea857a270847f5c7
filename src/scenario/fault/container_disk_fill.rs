//! `container-disk-fill`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DiskFill, FieldProblem, Kind, Use};
use crate::model::{Name, Size};

/// Takes space on a disk of a container by a file without a name: exactly one of `size` and `leave_free`. Held; it ends
/// with the worker that does it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerDiskFill {
    /// The container target.
    pub target: Name,
    /// A directory on the disk, an absolute path as the container sees it: a volume, best.
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

impl ContainerDiskFill {
    /// The same on a disk of the machine.
    pub fn disk(&self) -> DiskFill {
        let ContainerDiskFill { directory, size, leave_free, floor, .. } = self.clone();
        DiskFill { directory, size, leave_free, floor }
    }
}

impl Kind for ContainerDiskFill {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "container-disk-fill: { target: box, directory: /data, size: 64MiB }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["container"])]
    }

    fn detail(&self) -> String {
        self.disk().detail()
    }

    fn problems(&self) -> Vec<FieldProblem> {
        self.disk().problems()
    }
}
