//! `cpu-stress`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, ResourceKey, Use};
use crate::model::Ratio;

/// Keeps processors of this machine busy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CpuStress {
    /// Number of busy threads; one for each processor when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub threads: Option<u32>,
    /// Share of the time for which each is busy; all of it when absent.
    #[serde(default = "all")]
    pub load: Ratio,
}

impl Kind for CpuStress {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "cpu-stress: { threads: 2, load: 80% }";

    fn uses(&self) -> Vec<Use<'_>> {
        Vec::new()
    }

    fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Machine("the processors of this machine".into())]
    }

    fn detail(&self) -> String {
        let threads = self.threads.map_or("all processors".to_owned(), |n| format!("{n} thread(s)"));
        format!("{threads} at {}", self.load)
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let nothing =
            |field, message: &str, hint: &str| FieldProblem { field, message: message.into(), hint: hint.into() };
        let threads = (self.threads == Some(0))
            .then(|| nothing("threads", "no thread makes no stress", "leave it out for one on each processor"));
        let load = (self.load.0 <= 0.0).then(|| nothing("load", "no load makes no stress", "write 1% to 100%"));
        threads.into_iter().chain(load).collect()
    }
}

fn all() -> Ratio {
    Ratio(1.0)
}
