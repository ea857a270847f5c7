//! The drill itself: each fault took effect, held, had its declared impact and was undone; the load was what was asked.

use super::outages::{BlindAs, Outage, outages};
use super::part::{Rule, part};
use crate::model::Offset;
use crate::result::{Objective, Outcome, Part};
use crate::scenario::Fault;
use crate::scenario::fault::Impact;
use crate::scenario::phases::Phase;
use crate::scenario::plan::Plan;
use crate::timeline::event::{EndReason, SignalState};
use crate::timeline::gate::RATE_SHARE;
use crate::timeline::load::LoadTrack;
use crate::timeline::query::count;
use crate::timeline::{FaultTrack, Timeline};

/// One part for each fault and each load stream.
pub(super) fn judge(plan: &Plan, timeline: &Timeline) -> Vec<Part> {
    let (best, worst) = (outages(plan, timeline, BlindAs::Good), outages(plan, timeline, BlindAs::Bad));
    let faults = plan.scenario.faults.iter().zip(&timeline.faults).enumerate();
    let mut parts: Vec<Part> = faults
        .map(|(n, (fault, track))| {
            let of = |outages: &Option<Vec<Outage>>| outages.as_ref().map(|o| o.iter().find(|o| o.fault == n).cloned());
            let asked = format!("takes effect, is undone; impact {}", impact_word(fault.impact));
            let part = part(Objective::Drill, fault.name.as_str(), asked).at(track.act);
            let (outcome, why) = effect(track)
                .or_else(|| Some(impact(n, fault, of(&best), of(&worst), timeline)))
                .unwrap_or((Outcome::Inconclusive, String::new()));
            Part { measured: measured(track), ..part }.rule(outcome, why)
        })
        .collect();
    parts.extend(plan.scenario.load.iter().map(|load| {
        match timeline.loads.get(&load.name) {
            Some(track) => stream(load.name.as_str(), track, timeline),
            None => part(Objective::Drill, format!("load {}", load.name), "")
                .rule(Outcome::Inconclusive, "nothing was heard of the stream"),
        }
    }));
    parts
}

/// A part for a run that could not go on, or whose record ends too early.
pub(super) fn ending(timeline: &Timeline) -> Option<Part> {
    let why = match &timeline.end {
        Some((EndReason::Failed { why }, _)) => why,
        Some(_) => return None,
        None => "the run's last event is missing: it was cut off, or its record was",
    };
    Some(part(Objective::Drill, "run", "goes on to its end").rule(Outcome::Inconclusive, why))
}

fn measured(track: &FaultTrack) -> String {
    let after = |at: Option<Offset>| at.zip(track.act).map(|(at, act)| at.since(act));
    let inject = after(track.inject).map(|d| format!("in effect {d} after the act"));
    let touched = track.touched.map(|n| format!("touched {}", count(n)));
    inject.into_iter().chain(touched).collect::<Vec<_>>().join(", ")
}

/// What is wrong with a fault's effect; none: it took effect, held and was undone.
fn effect(track: &FaultTrack) -> Option<(Outcome, String)> {
    let unclear = |why: String| Some((Outcome::Inconclusive, why));
    if let Some(why) = &track.undo_failed {
        return Some((Outcome::Breach, format!("it could not be undone: {why}")));
    }
    if let Some(why) = &track.skipped {
        return unclear(format!("it never began: {why}"));
    }
    if let Some(why) = &track.failed {
        return unclear(format!("the call that harms failed: {why}"));
    }
    if track.act.is_none() {
        return unclear("it never began: the drill ended first".into());
    }
    if track.inject.is_none() {
        return unclear("it was never observed in effect: nothing that was measured can be put down to it".into());
    }
    if track.touched == Some(0) {
        return unclear("it touched nothing: no process, connection or request ever met it".into());
    }
    if let Some((at, why)) = &track.lost {
        return unclear(format!("its effect was gone at {at}, before the undo: {why}"));
    }
    if track.held && track.undone.is_none() {
        return unclear("its undo was not seen to be complete".into());
    }
    None
}

/// Whether an outage was under way when a fault acted, so that its own impact could not be seen; then since when.
pub(super) fn hidden(fault: usize, timeline: &Timeline) -> Option<Offset> {
    let track = &timeline.faults[fault];
    let (act, inject) = (track.act?, track.inject?);
    let mut bad = timeline.signal()?.stretches().filter(|s| s.state == SignalState::Bad);
    bad.find(|s| s.from <= act && s.to > inject).map(|s| s.from)
}

/// The declared impact against what was seen, with blind windows taken for good and for bad.
fn impact(
    n: usize,
    fault: &Fault,
    best: Option<Option<Outage>>,
    worst: Option<Option<Outage>>,
    timeline: &Timeline,
) -> (Outcome, String) {
    let (Some(best), Some(worst)) = (best, worst) else {
        return match fault.impact {
            Impact::Tolerated => (Outcome::Pass, "it took effect; no recovery signal looked at its impact".into()),
            _ => {
                let why = "nothing looked at its impact: give a recovery_signal, or declare `impact: tolerated`";
                (Outcome::Inconclusive, why.into())
            }
        };
    };
    let seen = |outage: &Outage| format!("clients saw an outage from {}", outage.impact.value);
    if let Some(outage) = &best {
        let outcome = if fault.impact == Impact::None { Outcome::Breach } else { Outcome::Pass };
        let declared = if fault.impact == Impact::None { ", although none was to be seen" } else { "" };
        return (outcome, format!("{}{declared}", seen(outage)));
    }
    let hidden = hidden(n, timeline).map(|since| format!("an outage was already under way since {since}"));
    match fault.impact {
        Impact::Tolerated => (Outcome::Pass, "clients saw no outage".into()),
        Impact::Expected => {
            let why = "no outage was seen although one is expected: the signal may look at something that the fault \
                       does not reach, such as a static page";
            (Outcome::Inconclusive, hidden.unwrap_or(why.into()))
        }
        Impact::None => match (hidden, worst) {
            (Some(why), _) => (Outcome::Inconclusive, why),
            (None, Some(outage)) => {
                let why = format!("no outage was seen, but our side could not see at {}", outage.impact.value);
                (Outcome::Inconclusive, why)
            }
            (None, None) => (Outcome::Pass, "clients saw no outage".into()),
        },
    }
}

/// A load stream: nothing of it is lost, and the baseline had the rate that was asked.
fn stream(name: &str, load: &LoadTrack, timeline: &Timeline) -> Part {
    let asked = load
        .asked_rate
        .map_or("nothing of it is lost".to_owned(), |rate| format!(">= 95 % of {rate}/s in the baseline"));
    let part = part(Objective::Drill, format!("load {name}"), asked);
    let baseline = timeline.phase_span(Phase::Baseline);
    let rate = baseline.and_then(|b| rate(load, b.from, b.to.unwrap_or(timeline.now())));
    let part = match rate {
        Some(rate) => Part { measured: format!("{rate:.1}/s"), value: Some(rate), ..part },
        None => part,
    };
    if let Some(missing) = load.missing.first() {
        let why = format!("part of it is missing from {} on: {}", missing.from, missing.why);
        return part.at([missing.from]).rule(Outcome::Inconclusive, why);
    }
    if load.begin().is_none() {
        return part.rule(Outcome::Inconclusive, "it never sent anything");
    }
    if !load.ended {
        return part.rule(Outcome::Inconclusive, "its worker did not say that everything is reported");
    }
    match (load.asked_rate, rate) {
        (Some(asked), Some(rate)) if rate < RATE_SHARE * asked => {
            let why = format!(
                "the baseline had {:.1} % of the asked rate: the load was not what the drill assumes",
                rate / asked * 100.0
            );
            part.rule(Outcome::Inconclusive, why)
        }
        (Some(_), None) => part.rule(Outcome::Inconclusive, "there was no baseline to see its rate in"),
        _ => part.rule(Outcome::Pass, "every window was reported"),
    }
}

/// Requests started a second in the windows that lie inside [`from`, `to`); none: no window does.
pub(super) fn rate(load: &LoadTrack, from: Offset, to: Offset) -> Option<f64> {
    let windows = load.cells(from, to).len();
    let seconds = windows as f64 * crate::timeline::load::WINDOW.seconds();
    (windows > 0).then(|| load.counts(from, to).started as f64 / seconds)
}

fn impact_word(impact: Impact) -> &'static str {
    match impact {
        Impact::Expected => "expected",
        Impact::Tolerated => "tolerated",
        Impact::None => "none",
    }
}
