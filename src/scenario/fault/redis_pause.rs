//! `redis-pause`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Use};
use crate::model::Name;

/// Suspends the commands of all clients with `CLIENT PAUSE`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisPause {
    /// The target, a `redis`.
    pub target: Name,
    /// Which commands wait.
    #[serde(default)]
    pub commands: PausedCommands,
}

impl Kind for RedisPause {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "redis-pause: { target: cache }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["redis"])]
    }
}

/// Which commands wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PausedCommands {
    /// Every command of every client. Ended by letting it run out, within a second.
    #[default]
    All,
    /// Commands that write, publish or run scripts; reads go on. Ended at once.
    Writes,
}
