//! `dns-override`: the specification.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network_flow::SORTS;
use super::{FieldProblem, Kind, ResourceKey, Use};
use crate::model::Name;

/// Answers a target's questions for some names with other addresses; all other questions reach their server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsOverride {
    /// The target: a container, a process in a network namespace of its own, or this machine.
    pub target: Name,
    /// Names, each with the address that is answered.
    #[schemars(length(min = 1))]
    pub names: BTreeMap<String, IpAddr>,
}

impl Kind for DnsOverride {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "dns-override: { target: box, names: { db.internal: 192.0.2.1 } }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, SORTS)]
    }

    fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Network(self.target.clone())]
    }

    fn detail(&self) -> String {
        self.names.iter().map(|(name, address)| format!("{name} is {address}")).collect::<Vec<_>>().join(", ")
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let wrong = |message: String, hint: &str| FieldProblem { field: "names", message, hint: hint.into() };
        if self.names.is_empty() {
            return vec![wrong("there is no name".into(), "give at least one, with its address")];
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        let is_name = |name: &str| name.len() <= 253 && name.trim_end_matches('.').split('.').all(label);
        let bad = self.names.keys().filter(|name| !is_name(name));
        bad.map(|name| wrong(format!("`{name}` is not a host name"), "write it as in db.internal")).collect()
    }
}
