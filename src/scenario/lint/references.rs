//! Names that lead nowhere.

use super::Lint;
use super::names::PHASES;
use crate::model::{Condition, Metric, Name, Subject, Threshold};
use crate::scenario::fault::{FaultSpec, FieldProblem, Use};
use crate::scenario::objectives::level_key;
use crate::scenario::phases::Phase;
use crate::scenario::step::{ContainerDo, ContainerStep};
use crate::scenario::yaml::advice;
use crate::scenario::{After, Milestone};

pub(super) fn check(lint: &mut Lint<'_>) {
    let scenario = lint.scenario;
    for name in scenario.targets.keys() {
        if let Some(service) = lint.service_of(name) {
            lint.must_exist(format!("targets.{name}.process"), "service", service, scenario.services.keys());
        }
    }
    for (i, fault) in scenario.faults.iter().enumerate() {
        let path = format!("faults[{i}]");
        spec(lint, &path, &fault.spec);
        if let Some(after) = &fault.after {
            self::after(lint, format!("{path}.after"), after);
        }
        if let Some(until) = &fault.until {
            let path = format!("{path}.until");
            if let Some(probe) = &until.probe {
                let probes: Vec<&Name> = scenario.probes.iter().map(|p| &p.name).collect();
                lint.must_exist(format!("{path}.probe"), "probe", probe, probes);
            }
            if let Some(step) = &until.step {
                self::step(lint, format!("{path}.step"), step);
            }
        }
    }
    for (i, step) in scenario.playbook.iter().enumerate() {
        if let Some(after) = &step.after {
            self::after(lint, format!("playbook[{i}].after"), after);
        }
        if let Some(container) = &step.container {
            self::container(lint, &format!("playbook[{i}].container"), container);
        }
    }
    if let Some(signal) = &scenario.recovery_signal {
        for (i, stream) in signal.streams.iter().enumerate() {
            let streams = lint.streams();
            lint.must_exist(format!("recovery_signal.streams[{i}]"), "probe or load stream", stream, streams);
        }
    }
    conditions(lint, "steady_state", &scenario.steady_state);
    conditions(lint, "guard.stop_when", &scenario.guard.stop_when);
    objectives(lint);
}

fn spec(lint: &mut Lint<'_>, path: &str, spec: &FaultSpec) {
    let path = format!("{path}.{}", spec.kind());
    let scenario = lint.scenario;
    for used in spec.uses() {
        match used {
            Use::Link { key, name } => {
                lint.must_exist(format!("{path}.{key}"), "proxy", name, scenario.proxies.keys());
            }
            Use::Target { key, name, sorts } => {
                lint.must_exist(format!("{path}.{key}"), "target", name, scenario.targets.keys());
                let Some(target) = scenario.targets.get(name) else { continue };
                if !sorts.contains(&target.sort()) {
                    let message = format!("`{}` cannot be aimed at a {} (`{name}`)", spec.kind(), target.sort());
                    lint.error(
                        format!("{path}.{key}"),
                        message,
                        &format!("name a target that is: {}", sorts.join(", ")),
                    );
                }
            }
        }
    }
    for FieldProblem { field, message, hint } in spec.problems().into_iter().chain(spec.problems_in(scenario)) {
        lint.error(format!("{path}.{field}"), message, &hint);
    }
}

/// A step on a container needs one, and a network to connect it to.
fn container(lint: &mut Lint<'_>, path: &str, step: &ContainerStep) {
    let targets = &lint.scenario.targets;
    lint.must_exist(format!("{path}.target"), "target", &step.target, targets.keys());
    if let Some(target) = targets.get(&step.target).filter(|target| target.sort() != "container") {
        let message = format!("`{}` is a {} and no container", step.target, target.sort());
        lint.error(format!("{path}.target"), message, "name a container target");
    }
    if (step.r#do == ContainerDo::Connect) != step.network.is_some() {
        let (message, hint) = match step.network {
            None => ("`connect` needs a network", "add `network: NAME`"),
            Some(_) => ("only `connect` takes a network", "leave `network` out"),
        };
        lint.error(format!("{path}.do"), message, hint);
    }
}

fn after(lint: &mut Lint<'_>, path: String, after: &After) {
    match (&after.fault, &after.step) {
        (Some(_), Some(_)) => {
            lint.key_error(format!("{path}.step"), "`fault` and `step` exclude each other", "keep one of them");
        }
        (None, None) => lint.key_error(path, "needs `fault` or `step`", "name what it comes after"),
        (Some(fault), None) => self::fault(lint, format!("{path}.fault"), fault),
        (None, Some(step)) => {
            self::step(lint, format!("{path}.step"), step);
            if after.is != Milestone::Done {
                lint.error(format!("{path}.is"), "a step is only ever `done`", "leave `is` out");
            }
        }
    }
}

fn fault(lint: &mut Lint<'_>, path: String, name: &Name) {
    let faults: Vec<&Name> = lint.scenario.faults.iter().map(|f| &f.name).collect();
    lint.must_exist(path, "fault", name, faults);
}

fn step(lint: &mut Lint<'_>, path: String, name: &Name) {
    let steps: Vec<&Name> = lint.scenario.playbook.iter().map(|s| &s.name).collect();
    lint.must_exist(path, "playbook step", name, steps);
}

fn conditions(lint: &mut Lint<'_>, key: &str, conditions: &[Condition]) {
    for (i, condition) in conditions.iter().enumerate() {
        let path = format!("{key}[{i}]");
        match &condition.subject.stream {
            Some(_) => subject(lint, path, &condition.subject, false),
            None if lint.scenario.load.is_empty() && lint.written("load").is_empty() => {
                let message = format!("`{}` is about the load, and there is none", condition.metric);
                lint.error(path, message, "add `load:`, or name a probe, as in `checkout.error_rate < 1%`");
            }
            None => {}
        }
    }
}

/// A subject that means nothing, or two things; `key`: it stands in a key.
fn subject(lint: &mut Lint<'_>, path: String, subject: &Subject, key: bool) {
    let known = lint.known();
    let Some(wrong) = known.problem(subject) else { return };
    // A stream or a probe that is there, and wrong in itself, is told of once.
    let named =
        |section| lint.written(section).iter().any(|n| subject.stream.as_ref().is_some_and(|s| s.as_str() == *n));
    if known.meant(subject).is_empty() && (named("probes") || named("load")) && subject.request.is_none() {
        return;
    }
    if key {
        lint.key_error(path, wrong.message, &wrong.hint);
    } else {
        lint.error(path, wrong.message, &wrong.hint);
    }
}

fn objectives(lint: &mut Lint<'_>) {
    let objectives = &lint.scenario.objectives;
    for (rto, path) in objectives.rto.iter().zip(lint.one_or_many("objectives.rto", objectives.rto.len())) {
        if let Some(name) = &rto.fault {
            fault(lint, format!("{path}.fault"), name);
        }
    }
    for (rpo, path) in objectives.rpo.iter().zip(lint.one_or_many("objectives.rpo", objectives.rpo.len())) {
        if let Some(name) = &rpo.fault {
            fault(lint, format!("{path}.fault"), name);
        }
    }
    for name in objectives.restore.keys() {
        let backups = lint.scenario.backups.keys();
        if !backups.clone().any(|b| b == name) && !lint.written("backups").contains(&name.as_str()) {
            let hint = advice(name.as_str(), backups.map(Name::as_str)).unwrap_or("add it under `backups:`".into());
            lint.key_error(format!("objectives.restore.{name}"), format!("there is no backup `{name}`"), &hint);
        }
    }
    for (span, metrics) in &objectives.slo {
        slo_span(lint, span);
        for (metric, threshold) in metrics {
            slo_metric(lint, format!("objectives.slo.{span}.{metric}"), metric, threshold);
        }
    }
}

fn slo_span(lint: &mut Lint<'_>, span: &Name) {
    let path = format!("objectives.slo.{span}");
    let judged = [Phase::Baseline, Phase::Fault, Phase::Recovery, Phase::After];
    if let Some(phase) = PHASES.iter().find(|p| p.as_str() == span.as_str()) {
        if !judged.contains(phase) {
            lint.key_error(
                path,
                format!("nothing is judged in the phase `{phase}`"),
                "use baseline, fault, recovery, after",
            );
        }
        return;
    }
    let faults = lint.scenario.faults.iter().map(|f| f.name.as_str());
    let stages = lint.stages();
    let known = || faults.clone().chain(stages.iter().map(String::as_str));
    if !known().any(|name| name == span.as_str()) && !lint.written("faults").contains(&span.as_str()) {
        let known: Vec<&str> = judged.iter().map(|p| p.as_str()).chain(known()).collect();
        let hint = advice(span.as_str(), known.iter().copied()).unwrap_or_default();
        lint.key_error(path, format!("`{span}` is neither a phase nor a fault, nor a stage of a load"), &hint);
    }
}

fn slo_metric(lint: &mut Lint<'_>, path: String, key: &str, threshold: &str) {
    match level_key(key) {
        Err(e) => {
            let near = ["error_rate", "availability", "p95", "mean", "max", "rate", "dropped", "apdex(250ms)"];
            let near = advice(key, near);
            lint.key_error(path, e.to_string(), &near.filter(|h| h.starts_with("did")).unwrap_or_default());
        }
        Ok((_, Metric::Ok)) => {
            lint.key_error(path, "`ok` is a condition of a moment, not of a span", "use `availability`");
        }
        Ok((subject, metric)) => {
            self::subject(lint, path.clone(), &subject, true);
            if let Err(e) = Threshold::parse(&metric, threshold) {
                lint.error(path, e.to_string(), "");
            }
        }
    }
}
