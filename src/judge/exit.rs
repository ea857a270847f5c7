//! The exit code that says how a run ended, and the sentence beside it.

use crate::result::{Objective, Outcome, Part, Verdict};
use crate::timeline::event::EndReason;

/// The exit code (`docs/exit-codes.md`): undo incomplete, nothing touched, the lowest breach, stopped, inconclusive,
/// met. That the result could not be written (31) is for whoever writes it to say.
pub(super) fn code(verdict: &Verdict, reason: Option<&EndReason>, remaining: &[String]) -> u8 {
    if !remaining.is_empty() {
        return 30;
    }
    if matches!(reason, Some(EndReason::Refused { .. } | EndReason::NotSteady)) {
        return 21;
    }
    let breached = verdict.parts.iter().filter(|part| part.outcome == Outcome::Breach);
    if let Some(code) = breached.map(|part| part.objective.breach_code()).min() {
        return code;
    }
    match reason {
        Some(EndReason::Guard) => 22,
        Some(EndReason::Cancelled) => 23,
        Some(EndReason::Completed) if verdict.outcome == Outcome::Pass => 0,
        _ => 20,
    }
}

/// One sentence on the run; `load`: it was a load alone.
pub(super) fn sentence(verdict: &Verdict, reason: Option<&EndReason>, remaining: &[String], load: bool) -> String {
    if !remaining.is_empty() {
        return format!("Undo is incomplete, a fault may remain: {}.", remaining.join("; "));
    }
    let stopped = match reason {
        Some(EndReason::Refused { why }) if load => return format!("Refused, nothing was sent: {why}."),
        Some(EndReason::Refused { why }) => return format!("Refused, nothing was touched: {why}."),
        Some(EndReason::NotSteady) => return not_steady(verdict),
        Some(EndReason::Guard) if load => "Stopped by a threshold. ",
        Some(EndReason::Cancelled) if load => "Stopped by the operator or a signal. ",
        Some(EndReason::Failed { .. }) if load => "The load could not go on. ",
        Some(EndReason::Guard) => "Stopped by a guard and healed. ",
        Some(EndReason::Cancelled) => "Stopped by the operator or a signal and healed. ",
        Some(EndReason::Failed { .. }) => "The drill could not go on and was healed. ",
        Some(EndReason::Completed) => "",
        None => "The record of the run ends before its last event. ",
    };
    let of = |outcome: Outcome| verdict.parts.iter().filter(|p| p.outcome == outcome).collect::<Vec<_>>();
    let (breached, unclear) = (of(Outcome::Breach), of(Outcome::Inconclusive));
    let said = match (breached.first(), unclear.first()) {
        (Some(first), _) => format!("Breach: {}{}", one(first), more(breached.len())),
        (None, Some(first)) => format!("Inconclusive: {}{}", one(first), more(unclear.len())),
        (None, None) if verdict.parts.is_empty() => "Inconclusive: nothing was judged".into(),
        (None, None) => format!("All {} parts of the verdict passed", verdict.parts.len()),
    };
    format!("{stopped}{said}.")
}

fn not_steady(verdict: &Verdict) -> String {
    let look = verdict.parts.iter().find(|p| p.objective == Objective::SteadyState && p.outcome != Outcome::Pass);
    let look = look.map_or(String::new(), |p| format!(": {} ({})", p.asked, p.measured));
    format!("The steady state did not hold, so nothing was hurt{look}.")
}

fn one(part: &Part) -> String {
    let measured = if part.measured.is_empty() { String::new() } else { format!(" {},", part.measured) };
    let asked = if part.asked.is_empty() { String::new() } else { format!(" asked {}:", part.asked) };
    format!("{} {}{measured}{asked} {}", part.objective.as_str(), part.subject, part.why)
}

fn more(n: usize) -> String {
    if n > 1 { format!(" (and {} more)", n - 1) } else { String::new() }
}
