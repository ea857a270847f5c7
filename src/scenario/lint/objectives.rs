//! Objectives that could never be judged, or whose verdict is known beforehand.

use super::Lint;
use crate::scenario::Fault;
use crate::scenario::backup::BackupCheck;
use crate::scenario::fault::Impact;
use crate::scenario::objectives::{Rto, RtoFrom};
use crate::scenario::phases::Phase;

pub(super) fn check(lint: &mut Lint<'_>) {
    let objectives = &lint.scenario.objectives;
    let rto_paths = lint.one_or_many("objectives.rto", objectives.rto.len());
    for (rto, path) in objectives.rto.iter().zip(rto_paths) {
        self::rto(lint, &path, rto);
    }
    let rpo_paths = lint.one_or_many("objectives.rpo", objectives.rpo.len());
    for path in &rpo_paths {
        if lint.scenario.ledger.is_none() {
            lint.key_error(path, "data loss is measured by a ledger, and there is none", "add `ledger:`");
        }
        if lint.scenario.faults.is_empty() {
            lint.key_error(path, "no fault that data could be lost by", "add one, or leave the rpo out");
        }
    }
    stalled_ledger(lint, rpo_paths.first());
    restores(lint);
    empty_phases(lint);
}

fn rto(lint: &mut Lint<'_>, path: &str, rto: &Rto) {
    let scenario = lint.scenario;
    if scenario.recovery_signal.is_none() {
        let hint = "say what good means under `recovery_signal:`";
        lint.key_error(path, "recovery is seen by a recovery signal, and there is none", hint);
    }
    if scenario.faults.is_empty() {
        lint.key_error(path, "no fault to recover from", "add one, or leave the rto out");
    }
    // measurement.md: the run goes on to D + H; with D below the objective a breach could not be told from a pass.
    let deadline = scenario.phases.recovery.deadline;
    if deadline < rto.max {
        let message = format!("the rto of {} is longer than phases.recovery.deadline, {deadline}", rto.max);
        lint.error(format!("{path}.max"), message, "raise the deadline to at least the rto");
    }
    let named = |f: &&Fault| rto.fault.as_ref().map_or(f.impact == Impact::Expected, |name| f.name == *name);
    for fault in scenario.faults.iter().filter(named) {
        judged_fault(lint, path, rto, fault);
    }
}

fn judged_fault(lint: &mut Lint<'_>, path: &str, rto: &Rto, fault: &Fault) {
    let name = &fault.name;
    if fault.impact == Impact::None {
        let message = format!("`{name}` says `impact: none`: there would be nothing to recover from");
        lint.error(format!("{path}.fault"), message, "say `impact: expected`, or leave the rto out");
    }
    match (rto.from, fault.hold_for) {
        (RtoFrom::Undo, _) if !fault.spec.is_held() => {
            let message = format!("`{name}` ({}) is one act: nothing is undone", fault.spec.kind());
            lint.error(format!("{path}.from"), message, "count `from: impact` or `from: act`");
        }
        (RtoFrom::Impact | RtoFrom::Act, Some(hold))
            if hold < rto.max && fault.spec.is_held() && fault.impact == Impact::Expected =>
        {
            let message = format!(
                "`{name}` is lifted after {hold}, before the rto of {}: a recovery that only follows the lifting is \
                 inconclusive",
                rto.max
            );
            let hint = "judge `from: undo`, or hold it `until: { recovered: true, at_most: … }`";
            lint.warn(path, message, hint);
        }
        _ => {}
    }
    if let Some(service) = unrestarted(lint, fault) {
        let message = format!("`{name}` ends the service `{service}`, and nothing in this scenario restarts it");
        lint.warn(path, message, &format!("add `services.{service}.restart`, or a playbook step that starts it"));
    }
}

/// The drill's own service that a kill ends for good.
fn unrestarted<'a>(lint: &Lint<'a>, fault: &Fault) -> Option<&'a crate::model::Name> {
    let crate::scenario::FaultSpec::ProcessKill(kill) = &fault.spec else { return None };
    let service = lint.service_of(&kill.target)?;
    let restarts = lint.scenario.services.get(service)?.restart.is_some();
    (!restarts && lint.scenario.playbook.is_empty()).then_some(service)
}

/// measurement.md: a pass needs acknowledgements in the last max(1 s, 5 intervals) before the fault.
fn stalled_ledger(lint: &mut Lint<'_>, path: Option<&String>) {
    let (Some(path), Some(ledger)) = (path, &lint.scenario.ledger) else { return };
    let before = lint.scenario.phases.warmup.get() + lint.scenario.phases.baseline.get();
    let needed = (ledger.every.get() * 5).max(std::time::Duration::from_secs(1));
    if before < needed {
        let message = format!(
            "an rpo needs acknowledged writes in the last {} s before the fault; warm-up and baseline last {} s",
            needed.as_secs_f64(),
            before.as_secs_f64()
        );
        lint.warn(path, message, "lengthen `phases.baseline`, or shorten `ledger.every`");
    }
}

fn restores(lint: &mut Lint<'_>) {
    let scenario = lint.scenario;
    for (name, objective) in &scenario.objectives.restore {
        let Some(backup) = scenario.backups.get(name) else { continue };
        let path = format!("objectives.restore.{name}");
        if objective.rto.is_none() && objective.rpo.is_none() {
            lint.key_error(path.clone(), "no objective is given", "add `rto` or `rpo`");
        }
        if objective.rpo.is_some() && !backup.checks.contains(&BackupCheck::Ledger) {
            let message =
                format!("the rpo of a restore is read from the ledger, which `backups.{name}` does not check");
            lint.key_error(format!("{path}.rpo"), message, "add `ledger` to its `checks`");
        }
    }
    for (name, backup) in &scenario.backups {
        if backup.checks.contains(&BackupCheck::Ledger) && scenario.ledger.is_none() {
            let place = backup.checks.iter().position(|c| *c == BackupCheck::Ledger).unwrap_or(0);
            let path = format!("backups.{name}.checks[{place}]");
            lint.error(path, "there is no ledger to check", "add `ledger:`, or leave this check out");
        }
        if let Some(at) = backup.at.filter(|at| *at > scenario.phases.baseline) {
            let message = format!("{at} is after the end of the baseline, which lasts {}", scenario.phases.baseline);
            lint.error(format!("backups.{name}.at"), message, "backups are taken during the baseline");
        }
        let existing = backup.source == crate::scenario::backup::BackupSource::Existing;
        if let Some(sqlite) = &backup.sqlite
            && existing != sqlite.file.is_some()
        {
            if existing {
                lint.key_error(format!("backups.{name}.sqlite"), "`source: existing` needs the backup's `file`", "");
            } else {
                let hint = "say `source: existing`, or leave `file` out";
                lint.key_error(format!("backups.{name}.sqlite.file"), "`file` is for an existing backup", hint);
            }
        }
    }
}

/// A phase that is judged and has no length.
fn empty_phases(lint: &mut Lint<'_>) {
    let scenario = lint.scenario;
    let phases = &scenario.phases;
    let hint = "give the phase some seconds";
    if !scenario.steady_state.is_empty() && phases.baseline.get().is_zero() {
        lint.key_error("steady_state", "the steady state is looked at in the baseline, which lasts 0s", hint);
    }
    for (phase, length) in [(Phase::Baseline, phases.baseline), (Phase::After, phases.after)] {
        if length.get().is_zero() && scenario.objectives.slo.contains_key(phase.as_str()) {
            lint.key_error(format!("objectives.slo.{phase}"), format!("the phase `{phase}` lasts 0s"), hint);
        }
    }
    if scenario.faults.is_empty() && scenario.objectives.slo.contains_key(Phase::Fault.as_str()) {
        lint.key_error("objectives.slo.fault", "there are no faults", "add one, or leave this out");
    }
    let hold = phases.recovery.hold;
    if hold.get().is_zero() && scenario.recovery_signal.is_some() {
        let message = "a single good moment would count as recovered";
        lint.error("phases.recovery.hold", message, "give the recovery a time to hold, such as 3s");
    }
}
