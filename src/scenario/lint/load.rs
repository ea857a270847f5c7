//! Load: which model may say what (measurement.md: a closed model slows down with its target, which hides an outage).

use super::Lint;
use crate::model::Name;
use crate::scenario::profile::{Executor, LoadModel, Profile};

pub(super) fn check(lint: &mut Lint<'_>) {
    let scenario = lint.scenario;
    if let Some(signal) = &scenario.recovery_signal {
        for (i, stream) in signal.streams.iter().enumerate() {
            if lint.models(stream).contains(&LoadModel::Closed) {
                let message = format!("`{stream}` is a closed model: its users wait during an outage, which hides it");
                let hint = "name a probe, or a stream with an arrival rate";
                lint.error(format!("recovery_signal.streams[{i}]"), message, hint);
            }
        }
    }
    for (i, load) in scenario.load.iter().enumerate() {
        for (stream, profile) in lint.profiles_of(&load.name) {
            stops_early(lint, &format!("load[{i}]"), profile);
            taken(lint, &format!("load[{i}]"), &load.name, stream);
        }
    }
    let models: Vec<LoadModel> = scenario.load.iter().flat_map(|l| lint.models(&l.name)).collect();
    let all_closed = !models.is_empty() && models.iter().all(|model| *model == LoadModel::Closed);
    for span in scenario.objectives.slo.keys().filter(|s| !["baseline", "after"].contains(&s.as_str())) {
        if all_closed && scenario.probes.is_empty() {
            let message = "judged on open-model streams and probes, and all load here is a closed model";
            let hint = "add a stream with an arrival rate, or a probe";
            lint.key_error(format!("objectives.slo.{span}"), message, hint);
        }
    }
    silent_condition(lint);
}

/// In a drill load runs from warm-up to the end; a profile that stops by itself would look like an outage.
fn stops_early(lint: &mut Lint<'_>, path: &str, profile: &Profile) {
    let Some(executor) = profile.executor().filter(|e| !matches!(e, Executor::Breakpoint(_))) else { return };
    let Some(duration) = executor.duration() else { return };
    let phases = &lint.scenario.phases;
    let before = phases.warmup.get() + phases.baseline.get();
    if duration.get() <= before {
        let message =
            format!("this profile stops after {duration}, and the faults begin {} s after it", before.as_secs_f64());
        lint.warn(
            format!("{path}.profile"),
            message,
            "leave `duration` out of the profile: a drill ends its load itself",
        );
    }
}

/// A stream of a load with several, called as something else is.
fn taken(lint: &mut Lint<'_>, path: &str, load: &Name, stream: &Name) {
    let others = lint.scenario.load.iter().map(|l| &l.name).chain(lint.scenario.probes.iter().map(|p| &p.name));
    if stream != load && others.into_iter().any(|other| other == stream) {
        let message = format!("the stream `{stream}` of this load is called as another load or probe is");
        lint.error(format!("{path}.name"), message, "names are given once");
    }
}

/// Objectives with nothing to observe them by.
fn silent_condition(lint: &mut Lint<'_>) {
    let scenario = lint.scenario;
    if scenario.load.is_empty() && scenario.probes.is_empty() {
        for span in scenario.objectives.slo.keys() {
            let message = "there is neither load nor a probe to judge this by";
            lint.key_error(format!("objectives.slo.{span}"), message, "add `load:` or `probes:`");
        }
    }
}
