//! `container-stop`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, Use};
use crate::model::{HumanDuration, Name};

/// Longest time a container gets to end: the call that harms has a minute in all.
const MOST_GRACE: HumanDuration = HumanDuration::from_secs(30);

/// Stops a container: asked to end, killed after `grace`. Held; undo starts it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerStop {
    /// The container target.
    pub target: Name,
    /// How long it gets to end by itself, in whole seconds, at most 30s.
    #[serde(default = "grace")]
    pub grace: HumanDuration,
}

impl Kind for ContainerStop {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "container-stop: { target: box }";

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

/// How long a container gets to end when nothing is said, as engines have it.
pub(super) fn grace() -> HumanDuration {
    HumanDuration::from_secs(10)
}

/// What is wrong with such a time.
pub(super) fn grace_problem(grace: HumanDuration) -> Option<FieldProblem> {
    (grace > MOST_GRACE).then(|| FieldProblem {
        field: "grace",
        message: format!("the container would get {grace} to end"),
        hint: format!("give it at most {MOST_GRACE}"),
    })
}
