//! The guard: what protects the drilled system from the drill.

use super::Lint;
use crate::model::Metric;
use crate::scenario::fault::{FieldProblem, Use};
use crate::scenario::guard::{Environment, Guard, KeepReady};

pub(super) fn check(lint: &mut Lint<'_>) {
    let scenario = lint.scenario;
    let guard = &scenario.guard;
    if guard.environment == Environment::Production && guard.stop_when.is_empty() {
        let hint = "add `guard.stop_when`, such as `error_rate > 5% for 10s`";
        lint.error("guard.environment", "production needs a guard on real traffic", hint);
    }
    for (i, condition) in guard.stop_when.iter().enumerate() {
        if condition.metric == Metric::Ok {
            let stream = condition.subject.to_string();
            let message = format!("the drill would be stopped as soon as `{stream}` is good");
            lint.error(format!("guard.stop_when[{i}]"), message, &format!("write `{stream}.error_rate > 95% for 30s`"));
        }
    }
    limits(lint, guard);
    if guard.max_hold.get().is_zero() && scenario.faults.iter().any(|f| f.spec.is_held()) {
        lint.error("guard.max_hold", "no fault could be held at all", "write a duration, such as 5m");
    }
    for (i, fault) in scenario.faults.iter().enumerate() {
        let path = format!("faults[{i}].{}", fault.spec.kind());
        for used in fault.spec.uses() {
            if let Use::Target { key, .. } = used
                && guard.max_targets == 0
            {
                let message = "aimed at one target, and guard.max_targets is 0";
                lint.error(format!("{path}.{key}"), message, "raise `guard.max_targets`");
            }
        }
        if let Some(FieldProblem { field, message, hint }) = fault.spec.irreversible(scenario)
            && !guard.allow_irreversible
        {
            lint.error(format!("{path}.{field}"), message, &hint);
        }
    }
}

fn limits(lint: &mut Lint<'_>, guard: &Guard) {
    match &guard.keep_ready {
        Some(KeepReady::Of(wanted)) => {
            for name in wanted.keys().filter(|name| !lint.scenario.targets.contains_key(*name)) {
                let hint = "name one under `targets`; no fault needs to be aimed at it";
                lint.key_error(format!("guard.keep_ready.{name}"), format!("there is no target `{name}`"), hint);
            }
        }
        Some(KeepReady::Beside(0)) => {
            lint.warn("guard.keep_ready", "0 keeps nothing ready", "write 1 or more, or leave it out");
        }
        _ => {}
    }
    let empty = [
        ("allow", guard.allow.as_ref().is_some_and(|a| a.labels.is_empty() && a.names.is_empty())),
        ("protect", guard.protect.as_ref().is_some_and(|p| p.labels.is_empty() && p.names.is_empty())),
    ];
    for (key, _) in empty.into_iter().filter(|(_, empty)| *empty) {
        lint.error(format!("guard.{key}"), "it names nothing", "give `labels` or `names`, or leave it out");
    }
    for (key, path) in [("kill_file", &guard.kill_file), ("freeze_file", &guard.freeze_file)] {
        if path.as_ref().is_some_and(|path| path.trim().is_empty()) {
            lint.error(format!("guard.{key}"), "it names no file", "write a path, relative to this file");
        }
    }
    for (i, freeze) in guard.freeze.iter().enumerate() {
        if let Some((key, why)) = freeze.problem() {
            let path = format!("guard.freeze[{i}]");
            let place =
                if lint.source.node(&format!("{path}.{key}")).is_some() { format!("{path}.{key}") } else { path };
            lint.error(place, why, "write `{ from: 2026-12-20, to: 2027-01-02, zone: Europe/Berlin, reason: … }`");
        }
    }
}
