//! What differs between the sides beside what was measured: then a change is not (only) that of the system.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sample::{RunSample, StreamSample};
use crate::result::StreamKind;

/// What can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Differs {
    /// The scenario or load profile: its name, or what it says.
    Scenario,
    /// The load: asked rate, or open against closed model.
    Load,
    /// The machine.
    Host,
    /// Simulated against real.
    World,
    /// The version of the machine's kernel.
    Kernel,
    /// The version of this program.
    Program,
}

impl Differs {
    /// The word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Differs::Scenario => "scenario",
            Differs::Load => "load",
            Differs::Host => "host",
            Differs::World => "world",
            Differs::Kernel => "kernel",
            Differs::Program => "program",
        }
    }

    /// Whether runs that differ so are not compared unless that is allowed. Another version of this program or of the
    /// kernel is only told: a gate must survive an upgrade.
    pub const fn is_refused(self) -> bool {
        !matches!(self, Differs::Kernel | Differs::Program)
    }
}

/// One difference, in words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// What differs.
    pub differs: Differs,
    /// How: `BASE ran on a, RUN on b`.
    pub words: String,
}

/// All differences, runs of one side among each other included.
pub(super) fn differences(base: &[RunSample], run: &[RunSample]) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut look = |differs: Differs, what: &str, of: &dyn Fn(&RunSample) -> BTreeSet<String>| {
        let all = |side: &[RunSample]| side.iter().flat_map(of).collect::<BTreeSet<_>>();
        let (b, r) = (all(base), all(run));
        if b != r || base.iter().chain(run).any(|one| of(one) != b) {
            let list = |side: BTreeSet<String>| side.into_iter().collect::<Vec<_>>().join(", ");
            let words = match b == r {
                true => format!("{what}: {}", list(b)),
                false => format!("{what}: BASE {}; RUN {}", list(b), list(r)),
            };
            found.push(Difference { differs, words });
        }
    };
    look(Differs::Scenario, "name of the scenario or profile", &|run| one(run.scenario.to_string()));
    look(Differs::Scenario, "SHA-256 of the scenario or profile", &|run| one(run.digest.chars().take(12).collect()));
    look(Differs::Load, "load asked for", &loads);
    // Names tell machines apart only where nothing better does: each job of a CI has another one.
    match base.iter().chain(run).all(|run| run.machine.is_some()) {
        true => look(Differs::Host, "machine", &|run| run.machine.iter().map(ToString::to_string).collect()),
        false => look(Differs::Host, "machine", &|run| one(run.host.clone())),
    }
    look(Differs::Kernel, "kernel", &|run| run.machine.iter().map(|machine| machine.kernel.clone()).collect());
    look(Differs::World, "world", &|run| one(if run.simulated { "simulated" } else { "real" }.into()));
    look(Differs::Program, "version of simulacro", &|run| one(run.program.clone()));
    found
}

fn one(value: String) -> BTreeSet<String> {
    BTreeSet::from([value])
}

fn loads(run: &RunSample) -> BTreeSet<String> {
    let words = |stream: &StreamSample| {
        let model = if stream.kind == StreamKind::Open { "open model" } else { "closed model" };
        let rate = stream.asked_rate.map_or_else(String::new, |rate| format!(" {rate}/s"));
        format!("{}{rate} ({model})", stream.name)
    };
    run.streams.iter().map(words).collect()
}

/// All differences, and what to do about those that are refused.
pub(super) fn refusal(differences: &[Difference]) -> String {
    let mut text = String::from("the runs are not alike, so a change may not be one of the system:");
    let mut allow: Vec<&str> = Vec::new();
    for difference in differences {
        text.push_str(&format!("\n  {}", difference.words));
        if difference.differs.is_refused() && !allow.contains(&difference.differs.as_str()) {
            allow.push(difference.differs.as_str());
        }
    }
    let flags: Vec<String> = allow.iter().map(|what| format!("--allow-different {what}")).collect();
    text.push_str(&format!(
        "\ncompare runs that differ in the system alone, or say that it is meant: {}",
        flags.join(" ")
    ));
    text
}
