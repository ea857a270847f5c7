//! `process-signal`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, Use};
use crate::model::{Name, Signal};
use crate::scenario::target::ProcessSelector;
use crate::scenario::{Scenario, Target};

/// Signals that stop a process: SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU (signal(7)).
const STOPPING: [i32; 4] = [19, 20, 21, 22];

/// Signals that programs handle and go on (SIGHUP, SIGUSR1, SIGUSR2), or that do nothing unless handled (SIGCHLD,
/// SIGURG, SIGWINCH). All others end a program as a rule.
const HARMLESS: [i32; 6] = [1, 10, 12, 17, 23, 28];

/// Sends a process a signal, one act: SIGHUP to reload, SIGUSR1 and SIGUSR2 for whatever they mean to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessSignal {
    /// The target.
    pub target: Name,
    /// The signal.
    pub signal: Signal,
}

impl ProcessSignal {
    /// Whether the signal ends most programs.
    pub fn ends_as_a_rule(&self) -> bool {
        !HARMLESS.contains(&self.signal.number())
    }
}

impl Kind for ProcessSignal {
    const HELD: bool = false;
    const EXAMPLE: &'static str = "process-signal: { target: app, signal: SIGHUP }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["process"])]
    }

    fn detail(&self) -> String {
        self.signal.to_string()
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let problem = |message: &str, hint: &str| FieldProblem {
            field: "signal",
            message: format!("{} {message}", self.signal),
            hint: hint.into(),
        };
        let problem = match self.signal {
            signal if STOPPING.contains(&signal.number()) => {
                problem("stops a process, and this fault takes nothing back", "use `process-pause`")
            }
            Signal::CONT => problem("does nothing to a process that runs", "`process-pause` continues what it stopped"),
            _ => return Vec::new(),
        };
        vec![problem]
    }

    fn irreversible(&self, scenario: &Scenario) -> Option<FieldProblem> {
        let Some(Target::Process(ProcessSelector::Foreign(process))) = scenario.targets.get(&self.target) else {
            return None;
        };
        (self.ends_as_a_rule() && process.restarted_by.is_none()).then(|| FieldProblem {
            field: "target",
            message: format!(
                "{} ends most programs, and nothing restarts `{}`: that cannot be taken back",
                self.signal, self.target
            ),
            hint: format!(
                "say who does in `targets.{}.process.restarted_by`, or consent with `guard.allow_irreversible`",
                self.target
            ),
        })
    }
}
