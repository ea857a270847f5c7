//! `container-restart`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::container_stop::{grace, grace_problem};
use super::{FieldProblem, Kind, Use};
use crate::model::{HumanDuration, Name};

/// Restarts a container by the engine: asked to end, killed after `grace`, started again at once. One act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerRestart {
    /// The container target.
    pub target: Name,
    /// How long it gets to end by itself, in whole seconds, at most 30s.
    #[serde(default = "grace")]
    pub grace: HumanDuration,
}

impl Kind for ContainerRestart {
    const HELD: bool = false;
    const EXAMPLE: &'static str = "container-restart: { target: box }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["container"])]
    }

    fn detail(&self) -> String {
        format!("grace {}", self.grace)
    }

    fn problems(&self) -> Vec<FieldProblem> {
        grace_problem(self.grace).into_iter().collect()
    }
}
