//! `container`: which containers of an engine are meant.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which containers are meant: those that fit everything given here. At least one key is given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContainerSelector {
    /// Its whole name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Labels that it carries, with these values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The Compose project it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compose_project: Option<String>,
    /// The Compose service it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compose_service: Option<String>,
    /// The engine's socket or address, as in `DOCKER_HOST`; absent, `DOCKER_HOST`, else the usual socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
}
