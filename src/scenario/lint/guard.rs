//! The guard: what protects the drilled system from the drill.

use super::Lint;
use crate::model::Metric;
use crate::scenario::guard::Environment;
use crate::scenario::target::ProcessSelector;
use crate::scenario::{FaultSpec, Target};

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
        let target = match &fault.spec {
            FaultSpec::ProcessKill(spec) => ("process-kill.target", &spec.target),
            FaultSpec::ProcessPause(spec) => ("process-pause.target", &spec.target),
            FaultSpec::ProxyLatency(_)
            | FaultSpec::ProxyDown(_)
            | FaultSpec::ProxyTimeout(_)
            | FaultSpec::CommandFault(_) => continue,
        };
        if guard.max_targets == 0 {
            let message = "aimed at one process, and guard.max_targets is 0";
            lint.error(format!("faults[{i}].{}", target.0), message, "raise `guard.max_targets`");
        }
        let foreign = match scenario.targets.get(target.1) {
            Some(Target::Process(ProcessSelector::Foreign(process))) => process,
            _ => continue,
        };
        let ends = matches!(&fault.spec, FaultSpec::ProcessKill(_));
        if ends && foreign.restarted_by.is_none() && !guard.allow_irreversible {
            let message = format!(
                "killing `{}` cannot be taken back: the drill did not start it, and nothing restarts it",
                target.1
            );
            let hint = format!(
                "say who does in `targets.{}.process.restarted_by`, or consent with `guard.allow_irreversible`",
                target.1
            );
            lint.error(format!("faults[{i}].{}", target.0), message, &hint);
        }
    }
}
