//! `memory-stress`: the specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FieldProblem, Kind, ResourceKey, Use};
use crate::model::Size;

/// Takes memory of this machine, writes to it and holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryStress {
    /// How much is taken.
    pub size: Size,
    /// So much must stay available, or everything is given back; 10 % of the machine's memory and at least 256 MiB when
    /// absent, and never less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leave: Option<Size>,
}

impl Kind for MemoryStress {
    const HELD: bool = true;
    const EXAMPLE: &'static str = "memory-stress: { size: 512MiB }";

    fn uses(&self) -> Vec<Use<'_>> {
        Vec::new()
    }

    fn touches(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::Machine("the memory of this machine".into())]
    }

    fn detail(&self) -> String {
        self.size.to_string()
    }

    fn problems(&self) -> Vec<FieldProblem> {
        let small = self.size < Size::from_mib(1);
        let problem = || FieldProblem {
            field: "size",
            message: format!("{} of memory is no stress", self.size),
            hint: "write at least 1MiB".into(),
        };
        small.then(problem).into_iter().collect()
    }
}
