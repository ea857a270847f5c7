//! `load:`: streams of load.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Name;

/// A load stream: a profile, driven against an address from warm-up to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The stream's name.
    pub name: Name,
    /// The load profile's file, relative to the scenario's.
    pub profile: String,
    /// Where the profile's paths begin.
    pub base_url: String,
}
