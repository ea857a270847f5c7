//! `container-oom`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::container_kill::{heal_within, patience_problem};
use super::{FieldProblem, Kind, Use};
use crate::model::{HumanDuration, Name, Size};

/// Below this the worker's own program counts for more than all that the limit allows, and the kernel ends the worker.
pub const LEAST: Size = Size::from_mib(64);

/// Lets a container run out of memory: the kernel ends its first process. One act; its restart policy starts it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerOom {
    /// The container target.
    pub target: Name,
    /// A limit of memory that it gets for the time of the fault; needed where it has none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// How long the restart policy gets, at most 20s. Then, or at once where there is none, the undo starts it.
    #[serde(default = "heal_within")]
    pub heal_within: HumanDuration,
}

impl Kind for ContainerOom {
    const HELD: bool = false;
    const EXAMPLE: &'static str = "container-oom: { target: box, memory: 64MiB }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["container"])]
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let small = self.memory.filter(|memory| *memory < LEAST);
        let small = small.map(|memory| FieldProblem {
            field: "memory",
            message: format!("{memory} is too little for the worker that is to fill it"),
            hint: format!("give at least {LEAST}"),
        });
        small.into_iter().chain(patience_problem(self.heal_within)).collect()
    }
}
