//! `process-kill`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, Use};
use crate::model::{Name, Signal};
use crate::scenario::target::ProcessSelector;
use crate::scenario::{Scenario, Target};

/// Sends a signal that ends a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessKill {
    /// The target.
    pub target: Name,
    /// The signal; SIGKILL when absent.
    #[serde(default = "kill")]
    pub signal: Signal,
}

impl Kind for ProcessKill {
    const HELD: bool = false;
    const EXAMPLE: &'static str = "process-kill: { target: app }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["process"])]
    }

    fn detail(&self) -> String {
        self.signal.to_string()
    }

    fn irreversible(&self, scenario: &Scenario) -> Option<FieldProblem> {
        let Some(Target::Process(ProcessSelector::Foreign(process))) = scenario.targets.get(&self.target) else {
            return None;
        };
        process.restarted_by.is_none().then(|| FieldProblem {
            field: "target",
            message: format!(
                "killing `{}` cannot be taken back: the drill did not start it, and nothing restarts it",
                self.target
            ),
            hint: format!(
                "say who does in `targets.{}.process.restarted_by`, or consent with `guard.allow_irreversible`",
                self.target
            ),
        })
    }
}

fn kill() -> Signal {
    Signal::KILL
}
