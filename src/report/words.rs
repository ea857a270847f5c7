//! Words and number formats that all reports share.

use crate::model::{Delta, Offset};
use crate::result::{Outcome, RecoveredBy, RunResult, StreamKind};
use crate::scenario::fault::Impact;
use crate::timeline::restore::{CheckOutcome, Layer, ProofOutcome};

use super::table::Tone;

/// The sign that goes with an outcome, so that it can be told without colour.
pub(crate) const fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "✓",
        Outcome::Inconclusive => "?",
        Outcome::Breach => "✗",
    }
}

/// The headline of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Headline {
    pub sign: &'static str,
    pub word: &'static str,
    pub tone: Tone,
    /// What the exit code says, in a sentence without its full stop.
    pub meaning: &'static str,
}

/// What an exit code says of a load alone, where that differs from what it says of a drill.
const fn of_load(code: u8) -> Option<&'static str> {
    Some(match code {
        0 => "every threshold met",
        10 => "a threshold was missed",
        20 => "a threshold could not be judged, or the load was not what was asked",
        21 => "refused: nothing was sent",
        22 => "a threshold ended the load",
        23 => "the operator or a signal ended the load",
        _ => return None,
    })
}

/// The headline of a run: its exit code knows more than the verdict (a refused drill, an undo that remains).
pub(crate) fn headline(result: &RunResult) -> Headline {
    let (word, outcome, meaning) = match result.end.exit_code {
        0 => ("pass", Outcome::Pass, "every objective met, the world is as before"),
        10 => ("breach", Outcome::Breach, "a service level was missed"),
        11 => ("breach", Outcome::Breach, "a recovery took longer than its objective (RTO)"),
        12 => ("breach", Outcome::Breach, "more data was lost than the objective allows (RPO)"),
        13 => ("breach", Outcome::Breach, "a backup did not restore as its objective asks"),
        14 => ("breach", Outcome::Breach, "an alert was missing or late"),
        15 => ("breach", Outcome::Breach, "worse than the run it is compared with"),
        20 => ("inconclusive", Outcome::Inconclusive, "an objective could not be judged"),
        21 => ("not run", Outcome::Inconclusive, "refused, or not in its steady state: nothing was touched"),
        22 => ("stopped by a guard", Outcome::Inconclusive, "a guard ended the drill, the world is as before"),
        23 => ("cancelled", Outcome::Inconclusive, "the operator or a signal ended the drill, the world is as before"),
        30 => ("undo incomplete", Outcome::Breach, "a fault may remain: act on the list below"),
        31 => ("result not written", Outcome::Breach, "the result could not be saved"),
        1 => ("bug", Outcome::Breach, "a bug in this program"),
        2 => ("invalid", Outcome::Breach, "usage, or an invalid scenario"),
        _ => (result.verdict.outcome.as_str(), result.verdict.outcome, "an exit code this version does not know"),
    };
    let word = if result.load.is_some() && word == "stopped by a guard" { "stopped by a threshold" } else { word };
    let meaning = result.load.as_ref().and_then(|_| of_load(result.end.exit_code)).unwrap_or(meaning);
    Headline { sign: sign(outcome), word, tone: outcome.into(), meaning }
}

/// That a run repeats an inconclusive one, without its full stop.
pub(crate) fn retry(result: &RunResult) -> Option<String> {
    let first = result.run.retry_of.as_ref()?;
    let why = first.why.trim_end_matches('.');
    let why = why.strip_prefix("Inconclusive: ").unwrap_or(why);
    Some(format!("Second attempt; the first, {}, was inconclusive: {why}", first.run))
}

/// Microseconds with three significant digits: `0.62 ms`, `12.3 ms`, `250 ms`, `1.25 s`.
pub(crate) fn micros(us: u64) -> String {
    let ms = us as f64 / 1000.0;
    match ms {
        ms if ms < 9.995 => format!("{ms:.2} ms"),
        ms if ms < 99.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms if ms < 9_995.0 => format!("{:.2} s", ms / 1000.0),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}

/// A share as a percentage; a share that is not nothing is never shown as nothing.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0%".into(),
        p if p < 0.01 => "< 0.01%".into(),
        p if p < 1.0 => format!("{p:.2}%"),
        p if p > 99.9 && p < 100.0 => format!("{:.2}%", (p * 100.0).floor() / 100.0),
        p => format!("{}%", (p * 10.0).round() / 10.0),
    }
}

/// A number per second.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second >= 100.0 || per_second == 0.0 { format!("{per_second:.0}/s") } else { format!("{per_second:.1}/s") }
}

/// A whole number in groups of three.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(','); // Not a thin space: terminals and CI logs do not agree on its width.
        }
        text.push(digit);
    }
    text
}

/// A size in bytes.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut size = n as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1023.95 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// A point in time without its unit's clutter: `2.04 s`, `12 min 03 s`.
pub(crate) fn moment(at: Offset) -> String {
    span(at.since(Offset::ZERO))
}

/// A wall-clock time in RFC 3339 to the second.
pub(crate) fn wall(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, _)) if time.ends_with('Z') => format!("{whole}Z"),
        _ => time.to_owned(),
    }
}

/// A point in time to the millisecond, for marks whose distance matters.
pub(crate) fn mark(at: Offset) -> String {
    format!("{:.3} s", at.seconds())
}

/// A distance in time to hundredths of a second, for tables and charts where the bounds are not the matter.
pub(crate) fn span(d: Delta) -> String {
    let sign = if d.nanos() < 0 { "−" } else { "" };
    let seconds = d.seconds().abs();
    if seconds < 120.0 {
        return format!("{sign}{seconds:.2} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        s if s < 3600 => format!("{sign}{} min {:02} s", s / 60, s % 60),
        s => format!("{sign}{} h {:02} min {:02} s", s / 3600, s / 60 % 60, s % 60),
    }
}

/// A long time in its largest whole unit: `30 days`, `12 h`, `90 min`.
pub(crate) fn long(d: Delta) -> String {
    let seconds = d.nanos() / 1_000_000_000;
    match seconds {
        86_400 => "1 day".into(),
        s if s > 0 && s % 86_400 == 0 => format!("{} days", s / 86_400),
        s if s > 0 && s % 3_600 == 0 => format!("{} h", s / 3_600),
        s if s > 0 && s % 60 == 0 => format!("{} min", s / 60),
        _ => span(d),
    }
}

/// What kind of stream it is.
pub(crate) const fn model(kind: StreamKind) -> &'static str {
    match kind {
        StreamKind::Probe => "probe",
        StreamKind::Open => "open",
        StreamKind::Closed => "closed",
    }
}

/// What clients were expected to see.
pub(crate) const fn impact(impact: Impact) -> &'static str {
    match impact {
        Impact::Expected => "expected",
        Impact::Tolerated => "tolerated",
        Impact::None => "none",
    }
}

/// Who ended an outage.
pub(crate) const fn recovered_by(by: Option<RecoveredBy>) -> &'static str {
    match by {
        Some(RecoveredBy::System) => "system",
        Some(RecoveredBy::Playbook) => "playbook",
        Some(RecoveredBy::Undo) => "undo",
        None => "nobody",
    }
}

/// The layer of a restore check.
pub(crate) const fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Presence => "0 presence",
        Layer::Digest => "1 digest",
        Layer::Structure => "2 structure",
        Layer::Restore => "3 restore",
        Layer::Integrity => "4 integrity",
        Layer::Content => "5 content",
        Layer::Use => "6 use",
        Layer::Ledger => "7 ledger",
        Layer::Chain => "8 chain",
    }
}

/// How a restore check came out, with its sign.
pub(crate) const fn check(outcome: CheckOutcome) -> (&'static str, Tone) {
    match outcome {
        CheckOutcome::Pass => ("✓ pass", Tone::Pass),
        CheckOutcome::Inconclusive => ("? inconclusive", Tone::Inconclusive),
        CheckOutcome::Fail => ("✗ fail", Tone::Breach),
    }
}

/// How a restore proof came out, with its sign.
pub(crate) const fn proof(outcome: ProofOutcome) -> (&'static str, Tone) {
    match outcome {
        ProofOutcome::Verified => ("✓ verified", Tone::Pass),
        ProofOutcome::Inconclusive => ("? inconclusive", Tone::Inconclusive),
        ProofOutcome::Failed => ("✗ failed", Tone::Breach),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_keep_three_digits_and_their_unit() {
        let shown = [620, 9_994, 9_996, 99_960, 250_000, 999_600, 1_250_000, 61_000_000].map(micros);
        assert_eq!(shown, ["0.62 ms", "9.99 ms", "10.0 ms", "100 ms", "250 ms", "1.00 s", "1.25 s", "61.0 s"]);
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 1023, 1024, 1_048_575, 5 << 30].map(bytes), ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "5.0 GiB"]);
        assert_eq!(span(Delta::from_millis(-1_500)), "−1.50 s");
        assert_eq!(
            [2_592_000, 5_400, 90].map(|s| long(Delta::from_millis(s * 1_000))),
            ["30 days", "90 min", "90.00 s"]
        );
        assert_eq!(wall("2026-11-23T05:51:45.596144001Z"), "2026-11-23T05:51:45Z");
        assert_eq!(span(Delta::from_millis(3_723_000)), "1 h 02 min 03 s");
    }

    #[test]
    fn a_share_is_never_rounded_to_all_or_nothing() {
        assert_eq!([0.0, 0.000_01, 0.001, 0.123, 1.0].map(percent), ["0%", "< 0.01%", "0.10%", "12.3%", "100%"]);
        assert_eq!(percent(0.999_999), "99.99%");
    }

    proptest! {
        #[test]
        fn longer_latencies_never_show_as_shorter(a in 1u64..600_000_000, b in 1u64..600_000_000) {
            let value = |us: u64| {
                let text = micros(us);
                let (number, unit) = text.split_once(' ').unwrap();
                number.parse::<f64>().unwrap() * if unit == "s" { 1000.0 } else { 1.0 }
            };
            prop_assert!(a <= b || value(a) >= value(b));
        }
    }
}
