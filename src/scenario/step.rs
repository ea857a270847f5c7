//! `playbook:`: recovery steps.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fault::{Exclusive, FieldProblem};
use super::timing::{After, Moment, When};
use crate::model::{HumanDuration, Name};

/// A recovery step, timed on its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The step's name.
    pub name: Name,
    /// This long after the start of the fault phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<HumanDuration>,
    /// After something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
    /// When the system is in a state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// Sends an HTTP request. Exactly one of `http`, `command`, `container`, `manual`, `postgres`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpStep>,
    /// Runs a command; off unless `--allow-commands`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandStep>,
    /// Does something to a container target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerStep>,
    /// Asks a person to do something and waits for the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual: Option<ManualStep>,
    /// Acts on a PostgreSQL server, or waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<PostgresStep>,
    /// Longest time the step may take; for a manual step at most `guard.max_hold`.
    #[serde(default = "step_within")]
    pub within: HumanDuration,
}

fn step_within() -> HumanDuration {
    HumanDuration::from_secs(30)
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StepAction<'a> {
    /// Sends an HTTP request.
    Http(&'a HttpStep),
    /// Runs a command.
    Command(&'a CommandStep),
    /// Orders something of a container.
    Container(&'a ContainerStep),
    /// Asks a person.
    Manual(&'a ManualStep),
    /// Acts on a PostgreSQL server, or waits for it.
    Postgres(&'a PostgresStep),
}

impl Step {
    /// The one thing this step does.
    ///
    /// # Errors
    /// When none or several are given.
    pub fn action(&self) -> Result<StepAction<'_>, Exclusive> {
        let actions = [
            self.http.as_ref().map(StepAction::Http),
            self.command.as_ref().map(StepAction::Command),
            self.container.as_ref().map(StepAction::Container),
            self.manual.as_ref().map(StepAction::Manual),
            self.postgres.as_ref().map(StepAction::Postgres),
        ];
        Exclusive::pick(actions, "http, command, container, manual, postgres")
    }

    /// Why the step cannot be taken back; none when it can, or does nothing.
    pub fn irreversible(&self) -> Option<FieldProblem> {
        let step = self.postgres.as_ref().filter(|step| step.action == PostgresAction::Promote)?;
        Some(FieldProblem {
            field: "target",
            message: format!("promoting `{}` cannot be taken back without a new copy of the data", step.target),
            hint: "consent with `guard.allow_irreversible`, and run it with --yes".into(),
        })
    }

    /// When it begins.
    ///
    /// # Errors
    /// When several moments are given.
    pub fn moment(&self) -> Result<Moment<'_>, Exclusive> {
        Moment::of(self.at, self.after.as_ref(), self.when.as_ref())
    }
}

/// An HTTP step: done when the status is good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpStep {
    /// Method; POST when absent.
    #[serde(default = "post")]
    pub method: String,
    /// Absolute address.
    pub url: String,
    /// Headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The status that is good; any from 200 to 299 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

fn post() -> String {
    "POST".into()
}

/// A command step: done when the exit code is 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandStep {
    /// Program and arguments; no shell.
    #[schemars(length(min = 1))]
    pub argv: Vec<String>,
}

/// A container step: done when the container is as ordered; one that is so already is done at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerStep {
    /// The container target. It may mean one container only.
    pub target: Name,
    /// What is done.
    pub r#do: ContainerDo,
    /// For `connect`: the network's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
}

/// What a step does to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContainerDo {
    /// Starts it.
    Start,
    /// Stops it.
    Stop,
    /// Stops and starts it.
    Restart,
    /// Unpauses it.
    Unpause,
    /// Connects it to a network.
    Connect,
}

/// A manual step: a person does it and says so. Without a terminal it ends at its limit, unanswered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManualStep {
    /// What the person is asked to do.
    pub prompt: String,
}

/// A step on a PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresStep {
    /// The target, a `postgres`.
    pub target: Name,
    /// What is done.
    #[serde(rename = "do")]
    pub action: PostgresAction,
}

/// What a step does on a PostgreSQL server. Each is done when the state it names is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PostgresAction {
    /// Promotes a standby, and waits until it takes writes. Done at once where it is no standby any more.
    Promote,
    /// Waits until the server takes writes.
    WaitWritable,
    /// Waits until the server is a standby that receives from its primary: an old primary that was made to rejoin.
    WaitRejoined,
}
