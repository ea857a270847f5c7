//! `process`: which processes of this host are meant.

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::model::Name;

/// Which processes of this host are meant: the name of a service of this drill, or a selector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ProcessSelector {
    /// The process that runs for a service of this drill.
    Service(Name),
    /// A process that the drill did not start.
    Foreign(ForeignProcess),
}

/// By hand, because serde's own reading of untagged choices loses the line of an error inside.
impl<'de> Deserialize<'de> for ProcessSelector {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = ProcessSelector;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the name of a service, or a map with `pid_file` or `command_line`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<ProcessSelector, E> {
                text.parse().map(ProcessSelector::Service).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ProcessSelector, A::Error> {
                ForeignProcess::deserialize(MapAccessDeserializer::new(map)).map(ProcessSelector::Foreign)
            }
        }
        d.deserialize_any(Visit)
    }
}

/// A process that the drill did not start: exactly one of `pid_file` and `command_line`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForeignProcess {
    /// A file that holds its pid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_file: Option<String>,
    /// A regular expression that its command line, arguments joined by spaces, must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_line: Option<String>,
    /// Whether something else restarts it when it ends. Killing one that nothing restarts is irreversible.
    #[serde(default)]
    pub restarted_by: Option<String>,
}
