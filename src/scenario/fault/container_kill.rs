//! `container-kill`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, Use};
use crate::model::{HumanDuration, Name};

/// Longest patience with a restart policy: an undo has half a minute in all.
const MOST_PATIENCE: HumanDuration = HumanDuration::from_secs(20);

/// Kills a container with SIGKILL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerKill {
    /// The container target.
    pub target: Name,
    /// What kills it, and so who starts it again.
    #[serde(default)]
    pub mode: KillMode,
    /// With `mode: crash`: how long the restart policy gets, at most 20s. Then, or at once where there is none, the
    /// undo starts it.
    #[serde(default = "heal_within")]
    pub heal_within: HumanDuration,
}

/// What kills a container, and so who starts it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KillMode {
    /// A signal to its first process, from this host: a crash. One act; its restart policy starts it again. Needs root
    /// on the engine's host.
    #[default]
    Crash,
    /// The engine's own kill, which suppresses every restart policy. Held: it stays down for `for` or `until`, then the
    /// undo starts it.
    Api,
}

impl Kind for ContainerKill {
    const HELD: bool = false;
    const EXAMPLE: &'static str = "container-kill: { target: box }";

    fn held(&self) -> bool {
        self.mode == KillMode::Api
    }

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["container"])]
    }

    fn detail(&self) -> String {
        match self.mode {
            KillMode::Crash => "crash".into(),
            KillMode::Api => "by the engine".into(),
        }
    }

    fn problems(&self) -> Vec<FieldProblem> {
        patience_problem(self.heal_within).into_iter().collect()
    }
}

/// What is wrong with such a patience.
pub(super) fn patience_problem(patience: HumanDuration) -> Option<FieldProblem> {
    (patience > MOST_PATIENCE).then(|| FieldProblem {
        field: "heal_within",
        message: format!("the restart policy would get {patience}, an undo has 30s in all"),
        hint: format!("give it at most {MOST_PATIENCE}"),
    })
}

/// How long a restart policy gets when nothing is said.
pub(super) fn heal_within() -> HumanDuration {
    HumanDuration::from_secs(10)
}
