//! `container-stress`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, Use};
use crate::model::{Name, Ratio, Size};

/// Uses up processors or memory of a container, within its limits. Held; it ends with the worker that does it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerStress {
    /// The container target.
    pub target: Name,
    /// Number of busy threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub threads: Option<u32>,
    /// Share of the time for which each thread is busy; all of it when absent.
    #[serde(default = "all")]
    pub load: Ratio,
    /// Memory that is taken and held. More than its limit leaves is taken back by the kernel: for that use
    /// `container-oom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
}

impl Kind for ContainerStress {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "container-stress: { target: box, threads: 2, memory: 64MiB }";

    fn uses(&self) -> Vec<Use<'_>> {
        vec![Use::target(&self.target, &["container"])]
    }

    fn detail(&self) -> String {
        let threads = self.threads.map(|n| format!("{n} thread(s) at {}", self.load));
        let memory = self.memory.map(|memory| format!("{memory} of memory"));
        [threads, memory].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let problem =
            |field, message: &str, hint: &str| FieldProblem { field, message: message.into(), hint: hint.into() };
        let none = self.threads.is_none() && self.memory.is_none();
        let none = none.then(|| problem("target", "nothing says what is used up", "add `threads` or `memory`"));
        let threads = self.threads.filter(|n| *n == 0);
        let threads = threads.map(|_| problem("threads", "no thread makes no stress", "give at least 1"));
        let load = (self.load.0 <= 0.0).then(|| problem("load", "no load makes no stress", "write 1% to 100%"));
        let memory = self.memory.filter(|memory| memory.bytes() == 0);
        let memory = memory.map(|_| problem("memory", "0B takes nothing", "write 1MiB or more"));
        [none, threads, load, memory].into_iter().flatten().collect()
    }
}

fn all() -> Ratio {
    Ratio(1.0)
}
