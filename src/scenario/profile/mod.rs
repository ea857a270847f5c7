//! Load profiles: what a load stream sends, and by which model, as written in YAML.
//!
//! A profile has exactly one executor. Open-model executors (`constant_arrival_rate`) start requests on schedule,
//! whatever the target does, and pick from `requests`. Closed-model executors (`constant_vus`) let a number of users
//! walk through `journeys`, each waiting for its answers. The words are k6's; its camelCase is accepted.

mod request;
mod template;
mod validate;

pub use request::{Expect, Method, Request, StatusCodes};
pub use template::{Rendering, Secrets, Template, TemplateError, mix};
pub use validate::{Problem, Severity};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{HumanDuration, Name};

/// The profile format that this program reads.
pub const PROFILE_VERSION: u32 = 1;

/// The most senders that an open-model executor gets when the profile does not say: one request's memory is about
/// 20 KB with its connection.
const MOST_SENDERS_BY_DEFAULT: u64 = 5_000;

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
    /// Open model: requests start at a constant rate, whatever the target does.
    #[serde(default, alias = "constantArrivalRate", skip_serializing_if = "Option::is_none")]
    pub constant_arrival_rate: Option<ConstantArrivalRate>,
    /// Closed model: a constant number of users, each going through journeys again and again.
    #[serde(default, alias = "constantVUs", alias = "constantVus", skip_serializing_if = "Option::is_none")]
    pub constant_vus: Option<ConstantVus>,
    /// How long one request may take, connecting included, before it counts as failed. Default `10s`.
    #[serde(default = "default_timeout")]
    pub timeout: HumanDuration,
    /// What an open-model executor sends: each request is picked by weight, with the run's seed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
    /// What the users of a closed-model executor go through; each user keeps to one journey, given out by weight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub journeys: Vec<Journey>,
}

/// Requests at a constant rate (open model): `rate` per `time_unit`. A request that finds every sender waiting for the
/// target is dropped, and counts as failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConstantArrivalRate {
    /// Requests to start in each time unit.
    pub rate: u32,
    /// The time unit of the rate. Default `1s`.
    #[serde(default = "one_second", alias = "timeUnit")]
    pub time_unit: HumanDuration,
    /// How long to go on; until stopped when absent, as a drill does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<HumanDuration>,
    /// Connections opened before the first request. Default 0: each is opened by its first request.
    #[serde(
        default,
        alias = "pre_allocated_vus",
        alias = "preAllocatedVUs",
        alias = "preAllocatedVus",
        skip_serializing_if = "Option::is_none"
    )]
    pub pre_allocated_senders: Option<u32>,
    /// The most requests that wait for the target at once, each on its own connection. Default: rate × timeout, at most
    /// 5000. Below rate × the longest outage the model is closed again: what cannot be sent is dropped.
    #[serde(
        default,
        alias = "maxSenders",
        alias = "max_vus",
        alias = "maxVUs",
        alias = "maxVus",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_senders: Option<u32>,
}

/// A constant number of users (closed model).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConstantVus {
    /// How many users.
    #[serde(alias = "users")]
    pub vus: u32,
    /// How many users start in each second. Default: all in the first second.
    #[serde(default, alias = "startPerSecond", skip_serializing_if = "Option::is_none")]
    pub start_per_second: Option<u32>,
    /// How long to go on; until stopped when absent, as a drill does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<HumanDuration>,
}

/// What a user does, step by step, again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Journey {
    /// The journey's name.
    pub name: Name,
    /// Its share of the users, relative to the other journeys. Default 1.
    #[serde(default = "one")]
    pub weight: u32,
    /// How long the user thinks after each step: a duration between these two, chosen with the run's seed.
    #[serde(default, alias = "waitTime", skip_serializing_if = "Option::is_none")]
    pub wait_time: Option<WaitTime>,
    /// The requests, in order.
    pub steps: Vec<Request>,
}

/// Bounds of a user's think time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitTime {
    /// The shortest.
    pub min: HumanDuration,
    /// The longest.
    pub max: HumanDuration,
}

/// The one executor of a valid profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Executor<'a> {
    /// `constant_arrival_rate`
    ConstantArrivalRate(&'a ConstantArrivalRate),
    /// `constant_vus`
    ConstantVus(&'a ConstantVus),
}

/// Whether requests wait for earlier answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoadModel {
    /// Requests start on schedule. Objectives are judged on this.
    Open,
    /// Users wait for their answers and then think: an outage slows them down, which hides it.
    Closed,
}

impl Executor<'_> {
    /// The executor's key in the profile.
    pub fn key(&self) -> &'static str {
        match self {
            Executor::ConstantArrivalRate(_) => "constant_arrival_rate",
            Executor::ConstantVus(_) => "constant_vus",
        }
    }

    /// Its load model.
    pub fn model(&self) -> LoadModel {
        match self {
            Executor::ConstantArrivalRate(_) => LoadModel::Open,
            Executor::ConstantVus(_) => LoadModel::Closed,
        }
    }

    /// How long it goes on; `None` is until stopped.
    pub fn duration(&self) -> Option<HumanDuration> {
        match self {
            Executor::ConstantArrivalRate(rate) => rate.duration,
            Executor::ConstantVus(users) => users.duration,
        }
    }

    /// The rate it asks for, per second; a closed model asks for none.
    pub fn asked_rate(&self) -> Option<f64> {
        match self {
            Executor::ConstantArrivalRate(rate) => Some(rate.per_second()),
            Executor::ConstantVus(_) => None,
        }
    }
}

impl ConstantArrivalRate {
    /// The rate in requests per second.
    pub fn per_second(&self) -> f64 {
        f64::from(self.rate) / self.time_unit.get().as_secs_f64()
    }

    /// The most requests that may wait at once: as written, or the default for requests that may take `timeout`.
    pub fn senders(&self, timeout: HumanDuration) -> u32 {
        let asked = self.max_senders.or(self.pre_allocated_senders);
        asked.unwrap_or_else(|| {
            let needed = (self.per_second() * timeout.get().as_secs_f64()).ceil() as u64;
            needed.clamp(1, MOST_SENDERS_BY_DEFAULT) as u32
        })
    }
}

impl Profile {
    /// Reads a profile from YAML. Only the form is checked: see [`Profile::problems`] for the rest.
    pub fn from_yaml(text: &str) -> Result<Profile, Box<serde_saphyr::Error>> {
        serde_saphyr::from_str(text).map_err(Box::new)
    }

    /// The executor; `None` when there is none or more than one.
    pub fn executor(&self) -> Option<Executor<'_>> {
        match (&self.constant_arrival_rate, &self.constant_vus) {
            (Some(rate), None) => Some(Executor::ConstantArrivalRate(rate)),
            (None, Some(users)) => Some(Executor::ConstantVus(users)),
            _ => None,
        }
    }

    /// Every request of the profile, in the order of [`Profile::request_names`].
    pub fn all_requests(&self) -> impl Iterator<Item = &Request> {
        self.requests.iter().chain(self.journeys.iter().flat_map(|journey| &journey.steps))
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

fn one_second() -> HumanDuration {
    HumanDuration::from_secs(1)
}

pub(super) fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests;
