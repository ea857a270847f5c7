//! Quantiles that a span is too short for: a quantile q needs 10 / (1 - q) samples (measurement.md).

use std::time::Duration;

use super::Lint;
use super::overlap::planned_length;
use crate::model::{Metric, Name};
use crate::scenario::fault::Impact;
use crate::scenario::objectives::level_key;
use crate::scenario::profile::LoadModel;

pub(super) fn check(lint: &mut Lint<'_>) {
    let scenario = lint.scenario;
    for (span, metrics) in &scenario.objectives.slo {
        let (Some(length), Some((rate, whence))) = (length(lint, span), rate(lint, span)) else { continue };
        let samples = rate * length.as_secs_f64();
        for metric in metrics.keys() {
            let Ok((_, Metric::Quantile(q))) = level_key(metric) else { continue };
            // Tolerance for 0.9 being no exact binary fraction.
            let needed = (10.0 / (1.0 - q).max(1e-9) - 1e-6).ceil();
            if samples < needed {
                let message = format!(
                    "{metric} needs {needed:.0} samples; {whence} at {rate:.0}/s for {:.1} s give about {samples:.0}, so the \
                     verdict would be inconclusive",
                    length.as_secs_f64()
                );
                let hint = "lengthen it, raise the rate, or judge a lower quantile";
                lint.key_warn(format!("objectives.slo.{span}.{metric}"), message, hint);
            }
        }
    }
}

/// How long a phase or a fault lasts, as far as that is known beforehand.
fn length(lint: &Lint<'_>, span: &Name) -> Option<Duration> {
    let phases = &lint.scenario.phases;
    match span.as_str() {
        "baseline" => Some(phases.baseline.get()),
        "after" => Some(phases.after.get()),
        // At least that: it ends once it has been good for so long.
        "recovery" if lint.scenario.recovery_signal.is_some() => None,
        "recovery" => Some(phases.recovery.hold.get()),
        "fault" => planned_length(lint),
        _ => {
            let fault = lint.scenario.faults.iter().find(|f| f.name == *span)?;
            // The outage of an expected impact may outlast the fault.
            fault.hold_for.filter(|_| fault.impact != Impact::Expected).map(|d| d.get())
        }
    }
}

/// Samples per second, and of what: open-model streams; probes where there is no load. Closed-model users make as many
/// requests as the target lets them, so where they count nothing is said.
fn rate(lint: &Lint<'_>, span: &Name) -> Option<(f64, &'static str)> {
    let scenario = lint.scenario;
    if scenario.load.is_empty() {
        let rates = scenario.probes.iter().map(|p| 1.0 / p.every.get().as_secs_f64().max(1e-9));
        return (!scenario.probes.is_empty()).then_some((rates.sum(), "probes"));
    }
    let mut rate = 0.0;
    let profiles: Vec<_> = scenario.load.iter().map(|load| lint.profiles_of(&load.name)).collect();
    if profiles.iter().any(Vec::is_empty) {
        return None;
    }
    for (_, profile) in profiles.into_iter().flatten() {
        let executor = profile.executor()?;
        match executor.model() {
            LoadModel::Open => rate += executor.asked_rate()?,
            LoadModel::Closed if span.as_str() == "baseline" || span.as_str() == "after" => return None,
            LoadModel::Closed => {}
        }
    }
    (rate > 0.0).then_some((rate, "requests"))
}
