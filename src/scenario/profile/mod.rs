//! Load profiles: what a load stream sends, and by which model, as written in YAML.
//!
//! A profile has exactly one executor, or several named `scenarios` with one each, which run at once. Open-model
//! executors start requests on schedule, whatever the target does, and pick from `requests`. Closed-model executors let
//! a number of users walk through `journeys`, each waiting for its answers.

mod data;
mod executor;
mod expect;
mod files;
mod http;
mod journey;
mod names;
mod request;
mod rows;
mod template;
mod threshold;
mod validate;

pub use data::{DataFile, DataOrder};
pub use executor::{
    Breakpoint, ConstantArrivalRate, ConstantVus, Executor, LoadModel, PerVuIterations, RampingArrivalRate, RampingVus,
    Stage,
};
pub use expect::{Expect, Extract, StatusCodes};
pub use http::{Auth, Basic, HttpOptions, HttpVersion, Tls};
pub use journey::{Journey, WaitTime};
pub use names::Named;
pub use request::{GrpcCall, MOST_BODY, Method, Request};
pub use rows::read_small;
pub use template::{Form, Part, Template, TemplateError, Value};
pub use threshold::{ErrorBudget, LoadThreshold};
pub use validate::{Problem, Severity};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{HumanDuration, Name};

/// The profile format that this program reads.
pub const PROFILE_VERSION: u32 = 1;

/// A load profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "simulacro load profile")]
pub struct Profile {
    /// The version of this format: 1.
    pub simulacro_profile: u32,
    /// The profile's name.
    pub name: Name,
    /// One line on what the load stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where the paths begin, for `simulacro load`; in a drill the scenario says it.
    #[serde(default, alias = "baseUrl", skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// Open model: requests start at a constant rate, whatever the target does.
    #[serde(default, alias = "constantArrivalRate", skip_serializing_if = "Option::is_none")]
    pub constant_arrival_rate: Option<ConstantArrivalRate>,
    /// Open model: requests start at a rate that follows stages.
    #[serde(default, alias = "rampingArrivalRate", skip_serializing_if = "Option::is_none")]
    pub ramping_arrival_rate: Option<RampingArrivalRate>,
    /// Open model: the rate rises until a condition breaks. For `simulacro load` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakpoint: Option<Breakpoint>,
    /// Closed model: a constant number of users, each going through journeys again and again.
    #[serde(default, alias = "constantVUs", alias = "constantVus", skip_serializing_if = "Option::is_none")]
    pub constant_vus: Option<ConstantVus>,
    /// Closed model: a number of users that follows stages.
    #[serde(default, alias = "rampingVUs", alias = "rampingVus", skip_serializing_if = "Option::is_none")]
    pub ramping_vus: Option<RampingVus>,
    /// Closed model: users that go through their journey a fixed number of times.
    #[serde(default, alias = "perVUIterations", alias = "perVuIterations", skip_serializing_if = "Option::is_none")]
    pub per_vu_iterations: Option<PerVuIterations>,
    /// When the first request starts, after the load's own start. Default `0s`.
    #[serde(default, alias = "startTime", skip_serializing_if = "Option::is_none")]
    pub start_time: Option<HumanDuration>,
    /// How long requests and users under way may take to finish once the executor's time is over. Default: the timeout.
    #[serde(default, alias = "gracefulStop", skip_serializing_if = "Option::is_none")]
    pub graceful_stop: Option<HumanDuration>,
    /// How long one request may take, connecting included, before it counts as failed. Default `10s`.
    #[serde(default = "default_timeout")]
    pub timeout: HumanDuration,
    /// How requests travel: version, TLS, cookies, who we say that we are.
    #[serde(default, skip_serializing_if = "HttpOptions::is_default")]
    pub http: HttpOptions,
    /// Variables for templates: templates themselves. What is random in one is the same wherever a request, or a user's
    /// pass, uses it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vars: BTreeMap<Name, String>,
    /// Data files for templates, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<Name, DataFile>,
    /// What an open-model executor sends: each request is picked by weight, with the run's seed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
    /// What the users of a closed-model executor go through; each user keeps to one journey, given out by weight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub journeys: Vec<Journey>,
    /// Several loads that run at once, by name; then there is no executor beside them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scenarios: BTreeMap<Name, ProfileScenario>,
    /// What the load must keep to, judged by `simulacro load`. In a drill the scenario's objectives are judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<LoadThreshold>,
    /// The error budget, and how much of it the load used.
    #[serde(default, alias = "errorBudget", skip_serializing_if = "Option::is_none")]
    pub error_budget: Option<ErrorBudget>,
}

/// One of several loads of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileScenario {
    /// As in the profile, like the rest.
    #[serde(default, alias = "constantArrivalRate", skip_serializing_if = "Option::is_none")]
    pub constant_arrival_rate: Option<ConstantArrivalRate>,
    /// Open model: a rate that follows stages.
    #[serde(default, alias = "rampingArrivalRate", skip_serializing_if = "Option::is_none")]
    pub ramping_arrival_rate: Option<RampingArrivalRate>,
    /// Closed model: a constant number of users.
    #[serde(default, alias = "constantVUs", alias = "constantVus", skip_serializing_if = "Option::is_none")]
    pub constant_vus: Option<ConstantVus>,
    /// Closed model: a number of users that follows stages.
    #[serde(default, alias = "rampingVUs", alias = "rampingVus", skip_serializing_if = "Option::is_none")]
    pub ramping_vus: Option<RampingVus>,
    /// Closed model: a fixed number of passes.
    #[serde(default, alias = "perVUIterations", alias = "perVuIterations", skip_serializing_if = "Option::is_none")]
    pub per_vu_iterations: Option<PerVuIterations>,
    /// When its first request starts, after the load's own start. Default `0s`.
    #[serde(default, alias = "startTime", skip_serializing_if = "Option::is_none")]
    pub start_time: Option<HumanDuration>,
    /// As in the profile.
    #[serde(default, alias = "gracefulStop", skip_serializing_if = "Option::is_none")]
    pub graceful_stop: Option<HumanDuration>,
    /// The profile's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<HumanDuration>,
    /// What it sends, in an open model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
    /// What its users do, in a closed model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub journeys: Vec<Journey>,
}

impl Profile {
    /// Reads a profile from YAML. Only the form is checked: see [`Profile::problems`] for the rest.
    pub fn from_yaml(text: &str) -> Result<Profile, Box<serde_saphyr::Error>> {
        serde_saphyr::from_str(text).map_err(Box::new)
    }

    /// The executors beside which there must be no other.
    fn executors(&self) -> Vec<Executor<'_>> {
        let all = [
            self.constant_arrival_rate.as_ref().map(Executor::ConstantArrivalRate),
            self.ramping_arrival_rate.as_ref().map(Executor::RampingArrivalRate),
            self.breakpoint.as_ref().map(Executor::Breakpoint),
            self.constant_vus.as_ref().map(Executor::ConstantVus),
            self.ramping_vus.as_ref().map(Executor::RampingVus),
            self.per_vu_iterations.as_ref().map(Executor::PerVuIterations),
        ];
        all.into_iter().flatten().collect()
    }

    /// The executor; `None` when there is none or more than one. A profile with `scenarios` has none of its own: see
    /// [`Profile::streams`].
    pub fn executor(&self) -> Option<Executor<'_>> {
        match self.executors().as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }

    /// The profile as profiles with one executor each, the only kind that a load worker takes: itself, without a name,
    /// or one for each of its scenarios.
    pub fn streams(&self) -> Vec<(Option<Name>, Profile)> {
        if self.scenarios.is_empty() {
            return vec![(None, self.clone())];
        }
        let stream = |(name, scenario): (&Name, &ProfileScenario)| {
            let alone = Profile { name: name.clone(), ..self.alone(scenario.clone()) };
            (Some(name.clone()), alone)
        };
        self.scenarios.iter().map(stream).collect()
    }

    fn alone(&self, scenario: ProfileScenario) -> Profile {
        Profile {
            constant_arrival_rate: scenario.constant_arrival_rate,
            ramping_arrival_rate: scenario.ramping_arrival_rate,
            constant_vus: scenario.constant_vus,
            ramping_vus: scenario.ramping_vus,
            per_vu_iterations: scenario.per_vu_iterations,
            start_time: scenario.start_time,
            graceful_stop: scenario.graceful_stop,
            timeout: scenario.timeout.unwrap_or(self.timeout),
            requests: scenario.requests,
            journeys: scenario.journeys,
            scenarios: BTreeMap::new(),
            // They are about all scenarios together, and may name any of them.
            thresholds: Vec::new(),
            error_budget: None,
            ..self.clone()
        }
    }

    /// Every request of the profile, in the order of [`Profile::request_names`].
    pub fn all_requests(&self) -> impl Iterator<Item = &Request> {
        let own = self.requests.iter().chain(self.journeys.iter().flat_map(Journey::requests));
        own.chain(
            self.scenarios.values().flat_map(|scenario| {
                scenario.requests.iter().chain(scenario.journeys.iter().flat_map(Journey::requests))
            }),
        )
    }

    /// The distinct request names, in order of first appearance: results are kept by these.
    pub fn request_names(&self) -> Vec<Name> {
        let mut names: Vec<Name> = Vec::new();
        for request in self.all_requests() {
            if !names.contains(&request.name) {
                names.push(request.name.clone());
            }
        }
        names
    }
}

fn default_timeout() -> HumanDuration {
    HumanDuration::from_secs(10)
}

pub(super) fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests;
