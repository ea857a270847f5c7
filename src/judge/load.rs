//! A load alone: its rate was reached, its thresholds hold over the whole load and over their stages, its search came
//! to an end.

use super::level::{self, shown};
use super::part::{Rule, number, part};
use crate::model::{Condition, Name};
use crate::result::{Objective, Outcome, Part};
use crate::scenario::plan::{LoadPlan, Plan};
use crate::scenario::profile::{Breakpoint, Executor};
use crate::timeline::Timeline;
use crate::timeline::gate::{RATE_SHARE, TOTAL, own_scopes, unsent};
use crate::timeline::load::{LoadTrack, SearchTrack, SpanRange, StepTrack};
use crate::timeline::query::Scope;

/// The parts of a load alone.
pub(super) fn judge(load: &LoadPlan, plan: &Plan, timeline: &Timeline) -> Vec<Part> {
    let mut parts: Vec<Part> = timeline.loads.iter().map(|(name, track)| stream(name, track, plan, timeline)).collect();
    parts.extend(load.thresholds.iter().flat_map(|t| threshold(&t.when, None, timeline)));
    for (name, track) in &timeline.loads {
        let executor = plan.profiles.get(name).and_then(|profile| profile.executor());
        for (stage, (shown, range)) in executor.iter().flat_map(Executor::stages).zip(track.own_spans()) {
            let place = Place { stream: name, shown, range };
            parts.extend(stage.1.thresholds.iter().flat_map(|when| threshold(when, Some(&place), timeline)));
        }
        if let Some(Executor::Breakpoint(search)) = executor {
            parts.push(self::search(name, search, track.search.as_ref()));
        }
    }
    stopped(&mut parts, timeline);
    parts
}

/// The stage that a threshold is about.
struct Place<'a> {
    stream: &'a Name,
    shown: &'a str,
    range: SpanRange,
}

/// A threshold, on each stream or request name that it means.
fn threshold(when: &str, place: Option<&Place<'_>>, timeline: &Timeline) -> Vec<Part> {
    let unclear = |why: String| {
        let subject = place.map_or_else(|| "total".to_owned(), |place| format!("{} of {}", place.shown, place.stream));
        vec![part(Objective::Threshold, subject, when).rule(Outcome::Inconclusive, why)]
    };
    let condition: Condition = match when.parse() {
        Ok(condition) => condition,
        Err(why) => return unclear(format!("{why}")),
    };
    let Some(bound) = condition.threshold else { return unclear("it has no bound".into()) };
    let scopes = match place {
        Some(place) => own_scopes(&condition, place.stream, timeline),
        None => timeline.scopes(&condition.subject),
    };
    if scopes.is_empty() {
        return unclear("no stream and no request is called so: nothing was looked at".into());
    }
    let judge = |scope: &Scope<'_>| {
        let range = place.map_or(TOTAL, |place| place.range);
        let span = place.map_or("total", |place| place.shown);
        let begin = match scope {
            Scope::Load(_, load, _) => load.begin().map(|begin| begin.max(range.from)),
            Scope::Probe(..) => None,
        };
        let subject = format!("{span} {} ({})", condition.metric, shown(scope));
        let part = part(Objective::Threshold, subject, bound.to_string()).at(begin);
        level::judge(part, (&condition.metric, &bound), scope, &range, timeline)
    };
    scopes.iter().map(judge).collect()
}

/// A threshold that stopped the load is missed, whatever the last answers made of it.
fn stopped(parts: &mut [Part], timeline: &Timeline) {
    for (at, when, measured) in &timeline.guards {
        let Ok(condition) = when.parse::<Condition>() else { continue };
        let asked = condition.threshold.map(|bound| bound.to_string()).unwrap_or_default();
        let meant = |part: &&mut Part| {
            let scopes = timeline.scopes(&condition.subject);
            let mut subjects = scopes.iter().map(|scope| format!("total {} ({})", condition.metric, shown(scope)));
            part.objective == Objective::Threshold && part.asked == asked && subjects.any(|s| s == part.subject)
        };
        // The worst of them: that is the one which stopped it.
        if let Some(part) = parts.iter_mut().filter(meant).max_by_key(|part| part.outcome) {
            part.outcome = Outcome::Breach;
            part.why = format!("it stopped the load at {at}: {measured}");
            part.evidence.push(*at);
        }
    }
}

/// A stream: nothing of it is lost, and its rate was really sent.
fn stream(name: &Name, load: &LoadTrack, plan: &Plan, timeline: &Timeline) -> Part {
    let executor = plan.profiles.get(name).and_then(|profile| profile.executor());
    let asked = match (executor, load.asked_rate) {
        (_, Some(rate)) => format!(">= {:.0} % of {rate}/s is sent", RATE_SHARE * 100.0),
        (Some(Executor::RampingArrivalRate(_)), None) => format!(">= {:.0} % of the ramp is sent", RATE_SHARE * 100.0),
        _ => "nothing of it is lost".into(),
    };
    let part = part(Objective::Load, name.as_str(), asked);
    let seconds = load.length(&TOTAL, timeline.now()).seconds();
    let counts = load.so_far(&TOTAL, None).counts;
    if counts.intended == 0 {
        return part.rule(Outcome::Inconclusive, "it never sent anything");
    }
    let rate = counts.started as f64 / seconds;
    let part = Part { measured: format!("{rate:.1}/s for {seconds:.1} s"), value: Some(rate), ..part }.at(load.begin());
    if let Some(missing) = load.missing.first() {
        let why = format!("part of it is missing from {} on: {}", missing.from, missing.why);
        return part.at([missing.from]).rule(Outcome::Inconclusive, why);
    }
    if !load.ended {
        return part.rule(Outcome::Inconclusive, "its worker did not say that everything is reported");
    }
    // A search looks at the rate of every step itself.
    let searched = matches!(executor, Some(Executor::Breakpoint(_)));
    match unsent(load, &TOTAL, load.asked_rate.unwrap_or(0.0), timeline.now()) {
        Some(why) if !searched => part.rule(Outcome::Inconclusive, why),
        _ if counts.not_sent > 0 => {
            let unsent = number(counts.not_sent, "request was", "requests were");
            part.rule(Outcome::Pass, format!("every window was reported; {unsent} not sent for reasons on our side"))
        }
        _ => part.rule(Outcome::Pass, "every window was reported"),
    }
}

/// A search passes when it found a rate and confirmed it; and that rate is at least the one that is asked for, if one
/// is. A first rate that breaks already is a breach: what is asked does not hold at any rate.
fn search(name: &Name, breakpoint: &Breakpoint, track: Option<&SearchTrack>) -> Part {
    let until = format!("{} in every step", breakpoint.until.join(", "));
    let asked = breakpoint.at_least.map_or(until.clone(), |least| format!(">= {least}/s with {until}"));
    let part = part(Objective::Load, format!("search of {name}"), asked);
    let Some(track) = track.filter(|track| !track.steps.is_empty()) else {
        return part.rule(Outcome::Inconclusive, "the search never began");
    };
    let over = track.over.as_deref().unwrap_or("the search was cut short");
    // A step that was never judged was cut short by the end of the search.
    let unclear = |step: &&StepTrack| step.held.is_none() && !step.why.is_empty() && !step.confirm;
    let broke = track.steps.iter().find(|step| step.held == Some(false) && !step.confirm);
    let broke = broke.or_else(|| track.steps.iter().find(unclear));
    let broke = broke.map_or_else(String::new, |step| format!("; {}/s: {}", step.per_second, step.why));
    let Some((_, found)) = track.found() else {
        let lowest = track.steps.first().map(|first| first.per_second);
        let broken = |step: &&StepTrack| Some(step.per_second) == lowest && step.held == Some(false);
        if let Some(first) = track.steps.iter().find(broken) {
            let why = format!("the first rate, {}/s, breaks already: {}", first.per_second, first.why);
            return part.at([first.from]).rule(Outcome::Breach, why);
        }
        return part
            .at(track.steps.first().map(|step| step.from))
            .rule(Outcome::Inconclusive, format!("no rate was seen to hold{broke}"));
    };
    let measured = format!("{}/s held for {}", found.per_second, found.to.since(found.from));
    let value = Some(f64::from(found.per_second));
    let part = Part { measured, value, ..part }.at([found.from]);
    let least = breakpoint.at_least.filter(|least| found.per_second < *least);
    match (track.confirmed(), least) {
        (Some(true), Some(least)) => part.rule(Outcome::Breach, format!("{least}/s is asked for{broke}")),
        (Some(true), None) => part.rule(Outcome::Pass, format!("it was confirmed{broke}")),
        (Some(false), _) => {
            let last = track.steps.iter().rfind(|step| step.confirm).map_or("", |step| step.why.as_str());
            part.rule(Outcome::Inconclusive, format!("it did not hold again when it was confirmed: {last}"))
        }
        (None, _) => part.rule(Outcome::Inconclusive, format!("it was not confirmed: {over}{broke}")),
    }
}
