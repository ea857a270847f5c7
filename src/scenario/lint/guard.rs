//! The guard: what protects the drilled system from the drill.

use super::Lint;
use crate::model::Metric;
use crate::scenario::fault::{FieldProblem, Use};
use crate::scenario::guard::Environment;

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
