//! Names that are given twice, or that mean two things.

use super::Lint;
use crate::model::Name;
use crate::scenario::phases::Phase;

/// Phases in the order they come; a fault of such a name could not be told from the phase in `slo:`.
pub(super) const PHASES: [Phase; 8] = [
    Phase::Preflight,
    Phase::Warmup,
    Phase::Baseline,
    Phase::Fault,
    Phase::Undo,
    Phase::Recovery,
    Phase::After,
    Phase::Verify,
];

pub(super) fn check(lint: &mut Lint<'_>) {
    let scenario = lint.scenario;
    let load = scenario.load.iter().enumerate().map(|(i, l)| (format!("load[{i}].name"), &l.name));
    let probes = scenario.probes.iter().enumerate().map(|(i, p)| (format!("probes[{i}].name"), &p.name));
    let faults = scenario.faults.iter().enumerate().map(|(i, f)| (format!("faults[{i}].name"), &f.name));
    let steps = scenario.playbook.iter().enumerate().map(|(i, s)| (format!("playbook[{i}].name"), &s.name));
    unique(lint, "load stream or probe", load.chain(probes).collect());
    unique(lint, "fault", faults.clone().collect());
    unique(lint, "step", steps.collect());
    for (path, name) in faults {
        if PHASES.iter().any(|p| p.as_str() == name.as_str()) {
            lint.error(path, format!("`{name}` is the name of a phase"), "call the fault something else");
        }
    }
}

fn unique(lint: &mut Lint<'_>, what: &str, names: Vec<(String, &Name)>) {
    for (i, (path, name)) in names.iter().enumerate() {
        if let Some((first, _)) = names[..i].iter().find(|(_, earlier)| earlier == name) {
            let line = lint.line(first);
            lint.error(path, format!("another {what} is called `{name}`, on line {line}"), "names are given once");
        }
    }
}
