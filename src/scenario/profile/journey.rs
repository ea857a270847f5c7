//! Journeys: what a user of a closed-model executor does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Request;
use crate::model::{HumanDuration, Name};

/// What a user does, step by step, again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Journey {
    /// The journey's name.
    pub name: Name,
    /// Its share of the users, relative to the other journeys. Default 1.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// How long the user thinks after each step that has no `think_time` of its own: a duration between these two,
    /// chosen with the run's seed.
    #[serde(default, alias = "waitTime", skip_serializing_if = "Option::is_none")]
    pub wait_time: Option<WaitTime>,
    /// What each user does once before its first pass, such as logging in. Values taken from these answers stay with
    /// the user.
    #[serde(default, alias = "onStart", skip_serializing_if = "Vec::is_empty")]
    pub on_start: Vec<Request>,
    /// The requests, in order. A pass ends at a step that needs a value which no answer gave; when that is the first
    /// one, the user does its `on_start` again.
    pub steps: Vec<Request>,
    /// What each user does once at its end, such as logging out; left out when the load is stopped at once.
    #[serde(default, alias = "onStop", skip_serializing_if = "Vec::is_empty")]
    pub on_stop: Vec<Request>,
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

impl Journey {
    /// Every request, in the order that a user comes to them.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        self.on_start.iter().chain(&self.steps).chain(&self.on_stop)
    }
}
