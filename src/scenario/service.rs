//! `services:` and `proxies:`: what the drill starts itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::HumanDuration;

/// A service that the drill starts, watches, restarts and stops itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Program and arguments; no shell. `simulacro` as program means this very binary.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// Environment added to the runner's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Start it with libfaketime, so that `clock-skew` can move its clock.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub faketime: bool,
    /// Directory it runs in; the run's folder when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
    /// How to tell that it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Ready>,
    /// How its supervisor restarts it; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
}

/// How to tell that a service serves: exactly one of `http` and `tcp`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// An address that answers with a status from 200 to 299.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// An address, `host:port`, that accepts connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// Longest time from its start until then.
    pub within: HumanDuration,
}

/// How a service is restarted when it ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// Time between its end and its next start.
    pub after: HumanDuration,
}

/// A TCP link that faults can bend: a proxy between a client and what it talks to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// Address that clients dial, `host:port`; needed unless `control` is given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub listen: String,
    /// Address the link passes on to, `host:port`; needed unless `control` is given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub upstream: String,
    /// Where a `simulacro proxy serve` takes orders that already has a link of this name, `http://host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
}
