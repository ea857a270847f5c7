//! Executors: how many requests start, and when. Open models start requests on schedule, whatever the target does;
//! closed models let users wait for their answers. The words are k6's; its camelCase is accepted.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{HumanDuration, Name};

/// The most senders that an open-model executor gets when the profile does not say: one request's memory is about
/// 20 KB with its connection.
const MOST_SENDERS_BY_DEFAULT: u64 = 5_000;

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

/// Requests at a rate that follows stages (open model): within each stage it goes in a straight line from where the
/// stage before ended to the stage's target. A stage of `0s` jumps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RampingArrivalRate {
    /// The rate at the start, in requests for each time unit. Default 0.
    #[serde(default, alias = "startRate")]
    pub start_rate: u32,
    /// The time unit of all rates. Default `1s`.
    #[serde(default = "one_second", alias = "timeUnit")]
    pub time_unit: HumanDuration,
    /// The stages, one after the other; `target` is a rate.
    pub stages: Vec<Stage>,
    /// As in `constant_arrival_rate`.
    #[serde(
        default,
        alias = "pre_allocated_vus",
        alias = "preAllocatedVUs",
        alias = "preAllocatedVus",
        skip_serializing_if = "Option::is_none"
    )]
    pub pre_allocated_senders: Option<u32>,
    /// As in `constant_arrival_rate`; the default is made from the highest rate.
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

/// Looks for the highest rate at which every condition holds (open model): the rate rises step by step until one
/// breaks, goes back to the last that held, and holds that to confirm it. For `simulacro load` only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Breakpoint {
    /// The rate of the first step, per second.
    pub start_rate: u32,
    /// The rate at which the search ends, per second: it is then said that nothing broke up to here.
    pub max_rate: u32,
    /// How much the rate rises with each step, per second. Exactly one of `step` and `factor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// By what the rate is multiplied with each step, more than 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// How long each step is held. Default `10s`.
    #[serde(default = "ten_seconds")]
    pub hold: HumanDuration,
    /// How long the rate that was found is held to confirm it. Default `30s`.
    #[serde(default = "thirty_seconds")]
    pub confirm: HumanDuration,
    /// What must hold in every step, such as `p95 < 200ms`; a step in which one breaks ends the search.
    pub until: Vec<String>,
    /// The rate that must hold at least, per second: below it the load fails.
    #[serde(default, alias = "atLeast", skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u32>,
    /// As in `constant_arrival_rate`; the default is made from `max_rate`.
    #[serde(default, alias = "maxSenders", skip_serializing_if = "Option::is_none")]
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

/// A number of users that follows stages (closed model).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RampingVus {
    /// How many users at the start. Default 0.
    #[serde(default, alias = "startVUs", alias = "startVus")]
    pub start_vus: u32,
    /// The stages, one after the other, in whole seconds; `target` is a number of users. A stage of `0s` jumps.
    pub stages: Vec<Stage>,
    /// How long users that are taken away may take to finish the step they are at. Default `30s`.
    #[serde(default = "thirty_seconds", alias = "gracefulRampDown")]
    pub graceful_ramp_down: HumanDuration,
}

/// A fixed number of passes for each user (closed model).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PerVuIterations {
    /// How many users.
    #[serde(alias = "users")]
    pub vus: u32,
    /// How often each user goes through its journey.
    pub iterations: u32,
    /// The stream ends after this time, whatever is left. Default `10m`.
    #[serde(default = "ten_minutes", alias = "maxDuration")]
    pub max_duration: HumanDuration,
}

/// One stage of a ramp.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// How long it takes to reach the target; `0s` jumps to it.
    pub duration: HumanDuration,
    /// The rate or the number of users at its end.
    pub target: u32,
    /// A name, under which the stage is shown and judged. Default `stage 1`, `stage 2`, … of those longer than `0s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// What must hold within this stage, such as `availability >= 99%`. Judged by `simulacro load`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<String>,
}

/// The one executor of a valid profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Executor<'a> {
    /// `constant_arrival_rate`
    ConstantArrivalRate(&'a ConstantArrivalRate),
    /// `ramping_arrival_rate`
    RampingArrivalRate(&'a RampingArrivalRate),
    /// `breakpoint`
    Breakpoint(&'a Breakpoint),
    /// `constant_vus`
    ConstantVus(&'a ConstantVus),
    /// `ramping_vus`
    RampingVus(&'a RampingVus),
    /// `per_vu_iterations`
    PerVuIterations(&'a PerVuIterations),
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
            Executor::RampingArrivalRate(_) => "ramping_arrival_rate",
            Executor::Breakpoint(_) => "breakpoint",
            Executor::ConstantVus(_) => "constant_vus",
            Executor::RampingVus(_) => "ramping_vus",
            Executor::PerVuIterations(_) => "per_vu_iterations",
        }
    }

    /// Its load model.
    pub fn model(&self) -> LoadModel {
        match self {
            Executor::ConstantArrivalRate(_) | Executor::RampingArrivalRate(_) | Executor::Breakpoint(_) => {
                LoadModel::Open
            }
            Executor::ConstantVus(_) | Executor::RampingVus(_) | Executor::PerVuIterations(_) => LoadModel::Closed,
        }
    }

    /// How long it goes on at most; `None` is until stopped.
    pub fn duration(&self) -> Option<HumanDuration> {
        match self {
            Executor::ConstantArrivalRate(rate) => rate.duration,
            Executor::RampingArrivalRate(ramp) => Some(total(&ramp.stages)),
            Executor::Breakpoint(search) => Some(search.longest()),
            Executor::ConstantVus(users) => users.duration,
            Executor::RampingVus(ramp) => Some(total(&ramp.stages)),
            Executor::PerVuIterations(users) => Some(users.max_duration),
        }
    }

    /// The rate it asks for all the time, per second; none for a closed model and for a rate that changes.
    pub fn asked_rate(&self) -> Option<f64> {
        match self {
            Executor::ConstantArrivalRate(rate) => Some(rate.per_second()),
            _ => None,
        }
    }

    /// Its stages with their names, those longer than `0s`.
    pub fn stages(&self) -> Vec<(String, &Stage)> {
        let stages = match self {
            Executor::RampingArrivalRate(ramp) => &ramp.stages,
            Executor::RampingVus(ramp) => &ramp.stages,
            _ => return Vec::new(),
        };
        let longer = stages.iter().filter(|stage| !stage.duration.get().is_zero());
        longer.enumerate().map(|(nth, stage)| (stage.shown(nth), stage)).collect()
    }
}

impl Stage {
    fn shown(&self, nth: usize) -> String {
        self.name.as_ref().map_or_else(|| format!("stage {}", nth + 1), Name::to_string)
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
        asked.unwrap_or_else(|| senders(self.per_second(), timeout))
    }
}

impl RampingArrivalRate {
    /// The highest rate in requests per second.
    pub fn highest_per_second(&self) -> f64 {
        let highest = self.stages.iter().map(|stage| stage.target).max().unwrap_or(0).max(self.start_rate);
        f64::from(highest) / self.time_unit.get().as_secs_f64()
    }

    /// As [`ConstantArrivalRate::senders`], for the highest rate.
    pub fn senders(&self, timeout: HumanDuration) -> u32 {
        let asked = self.max_senders.or(self.pre_allocated_senders);
        asked.unwrap_or_else(|| senders(self.highest_per_second(), timeout))
    }
}

impl Breakpoint {
    /// As [`ConstantArrivalRate::senders`], for the highest rate.
    pub fn senders(&self, timeout: HumanDuration) -> u32 {
        self.max_senders.unwrap_or_else(|| senders(f64::from(self.max_rate), timeout))
    }

    /// The rates of the steps, per second, the last no higher than `max_rate`. At most 1,000.
    pub fn rates(&self) -> Vec<u32> {
        let mut rates = vec![self.start_rate.min(self.max_rate)];
        while let Some(&last) = rates.last()
            && last < self.max_rate
            && rates.len() < 1_000
        {
            let next = match (self.step, self.factor) {
                (Some(step), _) => last.saturating_add(step.max(1)),
                (None, Some(factor)) => ((f64::from(last) * factor).ceil() as u32).max(last + 1),
                (None, None) => self.max_rate,
            };
            rates.push(next.min(self.max_rate));
        }
        rates
    }

    fn longest(&self) -> HumanDuration {
        let steps = u32::try_from(self.rates().len()).unwrap_or(u32::MAX);
        HumanDuration(self.hold.get().saturating_mul(steps).saturating_add(self.confirm.get()))
    }
}

fn senders(per_second: f64, timeout: HumanDuration) -> u32 {
    let needed = (per_second * timeout.get().as_secs_f64()).ceil() as u64;
    needed.clamp(1, MOST_SENDERS_BY_DEFAULT) as u32
}

fn total(stages: &[Stage]) -> HumanDuration {
    let sum = stages.iter().fold(Duration::ZERO, |sum, stage| sum.saturating_add(stage.duration.get()));
    HumanDuration(sum)
}

fn one_second() -> HumanDuration {
    HumanDuration::from_secs(1)
}

fn ten_seconds() -> HumanDuration {
    HumanDuration::from_secs(10)
}

fn thirty_seconds() -> HumanDuration {
    HumanDuration::from_secs(30)
}

fn ten_minutes() -> HumanDuration {
    HumanDuration::from_secs(600)
}
