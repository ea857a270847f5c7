//! Probes and the recovery signal: whether they can see what they are asked for.

use std::time::Duration;

use super::Lint;
use crate::model::{Comparison, Metric, Threshold};

/// Longest wait of a probe that still sees a hang in time to bound an outage.
const SENSIBLE_TIMEOUT: Duration = Duration::from_secs(2);
/// Looks on their way at once, beyond which a probe is a load.
const MOST_IN_FLIGHT: u128 = 200;

pub(super) fn check(lint: &mut Lint<'_>) {
    let scenario = lint.scenario;
    let tightest = scenario.objectives.rto.iter().map(|r| r.max.get()).min();
    for (i, probe) in scenario.probes.iter().enumerate() {
        let path = format!("probes[{i}]");
        let (every, timeout) = (probe.every.get(), probe.timeout.get());
        let signals = scenario.recovery_signal.as_ref().is_some_and(|s| s.streams.contains(&probe.name));
        if every.is_zero() {
            lint.error(format!("{path}.every"), "a probe needs a time between two looks", "write `every: 20ms`");
            continue;
        }
        if timeout.is_zero() {
            lint.error(
                format!("{path}.timeout"),
                "a probe that waits for no time sees nothing",
                "write `timeout: 200ms`",
            );
            continue;
        }
        if timeout.as_nanos() / every.as_nanos() > MOST_IN_FLIGHT {
            let message = format!(
                "up to {} looks would wait at once: one every {}, each for {}",
                timeout.as_nanos() / every.as_nanos(),
                probe.every,
                probe.timeout
            );
            lint.warn(format!("{path}.timeout"), message, "shorten `timeout`, or lengthen `every`");
        } else if signals && timeout > SENSIBLE_TIMEOUT {
            let message = format!("a hang is seen no sooner than after {}", probe.timeout);
            lint.warn(format!("{path}.timeout"), message, "100ms to 250ms bound an outage well");
        }
        if let Some(rto) = tightest.filter(|_| signals)
            && every * 10 > rto
        {
            let message = format!(
                "one look every {} bounds a recovery no better than that, and the rto is {} s",
                probe.every,
                rto.as_secs_f64()
            );
            lint.warn(format!("{path}.every"), message, "look at least ten times within the rto");
        }
    }
    signal(lint);
}

fn signal(lint: &mut Lint<'_>) {
    let Some(signal) = &lint.scenario.recovery_signal else { return };
    if signal.streams.is_empty() {
        lint.error(
            "recovery_signal.streams",
            "good in no stream at all means nothing",
            "name a probe or a load stream",
        );
    }
    if signal.min == 0 {
        let message = "a window without a single observation would count as good";
        lint.error("recovery_signal.min", message, "write at least 1");
    }
    bound(lint, "recovery_signal.error_rate", &Metric::ErrorRate, &signal.error_rate);
    if let Some(latency) = &signal.latency {
        bound(lint, "recovery_signal.latency", &Metric::Max, latency);
    }
}

/// A bound of what is good: an upper one.
fn bound(lint: &mut Lint<'_>, path: &str, metric: &Metric, text: &str) {
    match Threshold::parse(metric, text) {
        Err(e) => lint.error(path, e.to_string(), "write an upper bound, such as `<= 0%` or `<= 400ms`"),
        Ok(Threshold { comparison: Comparison::Greater | Comparison::AtLeast, .. }) => {
            lint.error(path, format!("`{text}` calls the bad good"), "write an upper bound with `<` or `<=`");
        }
        Ok(_) => {}
    }
}
