//! `container-limit`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, Use};
use crate::model::{Name, Size};

/// Engines take no less memory than this for a container.
const LEAST_MEMORY: Size = Size::from_mib(6);

/// Lowers the limits of a running container. Held; undo sets back what was there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerLimit {
    /// The container target.
    pub target: Name,
    /// So many processors, in hundredths at the least: `0.25`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<f64>,
    /// So much memory, without swap on top of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// So many processes and threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pids: Option<u32>,
}

impl Kind for ContainerLimit {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "container-limit: { target: box, cpus: 0.25 }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["container"])]
    }

    fn detail(&self) -> String {
        let cpus = self.cpus.map(|cpus| format!("{cpus} processors"));
        let memory = self.memory.map(|memory| format!("{memory} of memory"));
        let pids = self.pids.map(|pids| format!("{pids} processes"));
        [cpus, memory, pids].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let problem = |field, message: String, hint: &str| FieldProblem { field, message, hint: hint.into() };
        let none = self.cpus.is_none() && self.memory.is_none() && self.pids.is_none();
        let none = none.then(|| problem("target", "no limit is given".into(), "add `cpus`, `memory` or `pids`"));
        let cpus = self.cpus.filter(|cpus| !(0.01..=1024.0).contains(cpus));
        let cpus = cpus.map(|cpus| problem("cpus", format!("{cpus} processors"), "give at least 0.01"));
        let memory = self.memory.filter(|memory| *memory < LEAST_MEMORY);
        let memory = memory.map(|m| problem("memory", format!("{m} is less than engines take"), "give at least 6MiB"));
        let pids = self.pids.filter(|pids| *pids == 0);
        let pids = pids.map(|_| problem("pids", "0 means no limit to engines".into(), "give at least 1"));
        [none, cpus, memory, pids].into_iter().flatten().collect()
    }
}
