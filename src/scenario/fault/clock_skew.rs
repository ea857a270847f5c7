//! `clock-skew`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, Use};
use crate::model::{HumanDuration, Name};
use crate::scenario::target::ProcessSelector;
use crate::scenario::{Scenario, Target};

/// Moves the wall clock of a service of this drill: exactly one of `ahead` and `behind`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockSkew {
    /// The target: a service of this drill that is started with `faketime: true`.
    pub target: Name,
    /// Its clock is so much ahead of the right time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<HumanDuration>,
    /// Its clock is so much behind the right time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<HumanDuration>,
}

impl ClockSkew {
    /// How far the clock is moved, in seconds; negative: back.
    pub fn seconds(&self) -> f64 {
        let seconds = |by: Option<HumanDuration>| by.map_or(0.0, |by| by.get().as_secs_f64());
        seconds(self.ahead) - seconds(self.behind)
    }
}

impl Kind for ClockSkew {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "clock-skew: { target: app, ahead: 1h }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["process"])]
    }

    fn detail(&self) -> String {
        match (self.ahead, self.behind) {
            (Some(by), _) => format!("{by} ahead"),
            (None, by) => format!("{} behind", by.unwrap_or_default()),
        }
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let problem =
            |field, message: &str, hint: &str| vec![FieldProblem { field, message: message.into(), hint: hint.into() }];
        match (self.ahead, self.behind) {
            (None, None) => problem("target", "nothing says how far", "add `ahead` or `behind`"),
            (Some(_), Some(_)) => problem("behind", "`ahead` says how far already", "give one of them"),
            _ if self.seconds().abs() < 0.001 => {
                let field = if self.ahead.is_some() { "ahead" } else { "behind" };
                problem(field, "less than 1ms is not to be told from the right time", "write 1ms or more")
            }
            _ => Vec::new(),
        }
    }

    fn problems_in(&self, scenario: &Scenario) -> Vec<FieldProblem> {
        let problem = |message: String, hint: String| vec![FieldProblem { field: "target", message, hint }];
        match scenario.targets.get(&self.target) {
            Some(Target::Process(ProcessSelector::Service(name))) => match scenario.services.get(name) {
                Some(service) if !service.faketime => problem(
                    format!("the clock of service `{name}` cannot be moved while it runs"),
                    format!("start it so that it can: `services.{name}.faketime: true`"),
                ),
                _ => Vec::new(),
            },
            Some(Target::Process(ProcessSelector::Foreign(_))) => problem(
                format!("`{}` was not started by the drill, so its clock cannot be moved", self.target),
                "make it a service of the drill, with `faketime: true`".into(),
            ),
            _ => Vec::new(),
        }
    }
}
