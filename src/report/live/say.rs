//! Events in words; those that a person who watches wants to hear of.

use crate::report::table::Tone;
use crate::report::words;
use crate::scenario::Fault;
use crate::scenario::timing::{Milestone, Moment};
use crate::timeline::event::{
    BackupMark, EndReason, EventKind, FaultMark, LedgerReading, SearchMark, ServiceMark, SignalState, StepMark,
};
use crate::timeline::restore::ProofOutcome;

/// When a fault is to begin.
pub(super) fn moment(fault: &Fault) -> String {
    match fault.moment() {
        Ok(Moment::At(after)) if after.get().is_zero() => "at the start of the fault phase".into(),
        Ok(Moment::At(after)) => format!("{after} into the fault phase"),
        Ok(Moment::After(after)) => {
            let what = after.fault.as_ref().or(after.step.as_ref()).map_or("?", |name| name.as_str());
            let is = match after.is {
                Milestone::Injected => "in effect",
                Milestone::Undone => "undone",
                Milestone::Recovered => "recovered",
                Milestone::Done => "done",
            };
            format!("once {what} is {is}")
        }
        Ok(Moment::When(when)) => format!("once steady for {}", when.steady),
        Err(_) => String::new(),
    }
}

/// What a mark is called; none for those that only fill gauges.
pub(super) fn mark(what: &EventKind) -> Option<(String, Tone)> {
    Some(match what {
        EventKind::Started { run, seed, .. } => (format!("run {run}, seed {seed}"), Tone::Plain),
        EventKind::Phase { phase } => (format!("── {phase}"), Tone::Plain),
        EventKind::Fault { fault, mark } => {
            let (text, tone) = fault_mark(mark)?;
            (format!("fault {fault} {text}"), tone)
        }
        EventKind::Service { service, change, .. } => {
            let (text, tone) = service_mark(change)?;
            (format!("service {service} {text}"), tone)
        }
        EventKind::LoadLost { stream, why } => (format!("load {stream} is lost: {why}"), Tone::Inconclusive),
        EventKind::Signal { state, .. } => match state {
            SignalState::Good => ("recovery signal is good".into(), Tone::Pass),
            SignalState::Bad => ("recovery signal is bad".into(), Tone::Breach),
            SignalState::Blind => ("recovery signal cannot be seen".into(), Tone::Inconclusive),
        },
        EventKind::Threshold { threshold, held, measured } => {
            let (word, tone) = match held {
                Some(true) => ("holds", Tone::Pass),
                Some(false) => ("is missed", Tone::Breach),
                None => ("cannot be told", Tone::Inconclusive),
            };
            (format!("threshold `{threshold}` {word}: {measured}"), tone)
        }
        EventKind::Search { stream, mark } => {
            let (text, tone) = search_mark(mark);
            (format!("search of {stream}: {text}"), tone)
        }
        EventKind::SteadyState { condition, held, measured } => {
            let (word, tone) = match held {
                Some(true) => ("holds", Tone::Pass),
                Some(false) => ("does not hold", Tone::Breach),
                None => ("cannot be told", Tone::Inconclusive),
            };
            (format!("steady state `{condition}` {word}: {measured}"), tone)
        }
        EventKind::Step { step, mark } => {
            let (text, tone) = step_mark(mark);
            (format!("step {step} {text}"), tone)
        }
        EventKind::Backup { backup, mark } => {
            let (text, tone) = backup_mark(mark);
            (format!("backup {backup} {text}"), tone)
        }
        EventKind::Restore { backup, proof } => {
            let tone = match proof.outcome {
                ProofOutcome::Verified => Tone::Pass,
                ProofOutcome::Inconclusive => Tone::Inconclusive,
                ProofOutcome::Failed => Tone::Breach,
            };
            let time = proof.restore_time.map_or_else(String::new, |t| format!(" in {t}"));
            (format!("restore of {backup}{time}: {} ({})", words::proof(proof.outcome).0, proof.why), tone)
        }
        EventKind::LedgerRead { node, outcome } => match outcome {
            LedgerReading::Read { present, .. } => {
                (format!("ledger read back from {node}: {} entries", words::count(present.len() as u64)), Tone::Plain)
            }
            LedgerReading::Failed { why } => (format!("ledger cannot be read back: {why}"), Tone::Inconclusive),
        },
        EventKind::Guard { condition, why } => (format!("guard `{condition}` tripped, healing: {why}"), Tone::Breach),
        EventKind::Cancel { by, level } => {
            let what = if *level > 1 { "undoing now" } else { "adding no more harm, then undoing" };
            (format!("cancelled by {by}: {what}"), Tone::Inconclusive)
        }
        EventKind::Note { text } => (text.clone(), Tone::Plain),
        EventKind::End { reason, remaining } => end(reason, remaining),
        EventKind::Probe { .. } | EventKind::Ledger { .. } => return None,
        EventKind::LoadReady { .. } | EventKind::Load { .. } | EventKind::LoadEnd { .. } => return None,
    })
}

fn search_mark(mark: &SearchMark) -> (String, Tone) {
    match mark {
        SearchMark::Step { per_second, from, to, confirm } => {
            let what = if *confirm { "confirming " } else { "" };
            (format!("{what}{per_second}/s for {}", to.since(*from)), Tone::Plain)
        }
        // The next step may have begun by now, so the one that is meant is named.
        SearchMark::Judged { from, held, why } => {
            let (word, tone) = match held {
                Some(true) => ("holds", Tone::Pass),
                Some(false) => ("breaks", Tone::Breach),
                None => ("cannot be told", Tone::Inconclusive),
            };
            (format!("the step of {from} {word}: {why}"), tone)
        }
        SearchMark::Over { why } => (format!("over: {why}"), Tone::Plain),
    }
}

fn fault_mark(mark: &FaultMark) -> Option<(String, Tone)> {
    Some(match mark {
        FaultMark::Act { .. } => ("acts".into(), Tone::Inconclusive),
        FaultMark::Injected { .. } => ("is in effect".into(), Tone::Inconclusive),
        FaultMark::Lost { why, .. } => (format!("lost its effect: {why}"), Tone::Inconclusive),
        FaultMark::Failed { why } => (format!("failed: {why}"), Tone::Breach),
        FaultMark::Undone { found, .. } => (format!("is undone: {found}"), Tone::Pass),
        FaultMark::Closed { .. } => ("is over: nothing to take back".into(), Tone::Pass),
        FaultMark::UndoFailed { why } => (format!("could NOT be undone: {why}"), Tone::Breach),
        FaultMark::Skipped { why } => (format!("is skipped: {why}"), Tone::Inconclusive),
        FaultMark::Armed { .. } | FaultMark::Touched { .. } | FaultMark::Undoing { .. } => return None,
    })
}

fn service_mark(change: &ServiceMark) -> Option<(String, Tone)> {
    Some(match change {
        ServiceMark::Ready => ("is ready".into(), Tone::Plain),
        ServiceMark::Exited { how } => (format!("ended: {how}"), Tone::Inconclusive),
        ServiceMark::Failed { why } => (format!("failed: {why}"), Tone::Breach),
        ServiceMark::Started { .. } => return None,
    })
}

fn step_mark(mark: &StepMark) -> (String, Tone) {
    match mark {
        StepMark::Began { .. } => ("begins".into(), Tone::Plain),
        StepMark::Done { answer, .. } => (format!("is done: {answer}"), Tone::Pass),
        StepMark::Failed { why, .. } => (format!("failed: {why}"), Tone::Breach),
        StepMark::Skipped { why } => (format!("is skipped: {why}"), Tone::Inconclusive),
    }
}

fn backup_mark(mark: &BackupMark) -> (String, Tone) {
    match mark {
        BackupMark::Began { .. } => ("begins".into(), Tone::Plain),
        BackupMark::Taken { bytes, .. } => (format!("is taken: {}", words::bytes(*bytes)), Tone::Plain),
        BackupMark::Failed { why, .. } => (format!("failed: {why}"), Tone::Breach),
    }
}

fn end(reason: &EndReason, remaining: &[String]) -> (String, Tone) {
    if !remaining.is_empty() {
        return (format!("over, and undo REMAINS: {}", remaining.join("; ")), Tone::Breach);
    }
    match reason {
        EndReason::Completed => ("over: the world is as before".into(), Tone::Plain),
        EndReason::Refused { why } => (format!("refused, nothing was hurt: {why}"), Tone::Inconclusive),
        EndReason::NotSteady => ("over: no steady state, nothing was hurt".into(), Tone::Inconclusive),
        EndReason::Guard => ("over: stopped by a guard, the world is as before".into(), Tone::Inconclusive),
        EndReason::Cancelled => ("over: cancelled, the world is as before".into(), Tone::Inconclusive),
        EndReason::Failed { why } => (format!("over: it could not go on: {why}"), Tone::Breach),
    }
}
