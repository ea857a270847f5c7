//! Service levels of a phase, of a fault's own span, or of a stage of a load.
//!
//! Each level is judged on every open-model stream on its own, and the worst counts. Closed-model users slow down while
//! the target does, which hides an outage: they are judged before and after the faults only. Without any load, probes
//! are judged. `stream.metric` as key names one stream or probe, `stream/request name.metric` one request name.

use std::collections::BTreeMap;

use super::level::{self, shown};
use super::part::{Rule, part};
use crate::model::{Metric, Name, Subject, Threshold};
use crate::result::{Objective, Outcome, Part};
use crate::scenario::objectives::level_key;
use crate::timeline::Timeline;
use crate::timeline::load::{LoadTrack, SpanRange};
use crate::timeline::load_line::LoadModel;
use crate::timeline::query::Scope;

/// One part for each span, metric and stream.
pub(super) fn judge(objectives: &BTreeMap<Name, BTreeMap<String, String>>, timeline: &Timeline) -> Vec<Part> {
    let levels = objectives.iter().flat_map(|(span, metrics)| metrics.iter().map(move |(key, text)| (span, key, text)));
    levels.flat_map(|(span, key, text)| level(span, key, text, timeline)).collect()
}

fn read(key: &str, text: &str) -> Result<(Subject, Metric, Threshold), String> {
    let (subject, metric) = level_key(key).map_err(|e| e.to_string())?;
    let threshold = Threshold::parse(&metric, text).map_err(|e| e.to_string())?;
    Ok((subject, metric, threshold))
}

fn level(span: &Name, key: &str, text: &str, timeline: &Timeline) -> Vec<Part> {
    let unclear =
        |why: &str| vec![part(Objective::Slo, format!("{span} {key}"), text).rule(Outcome::Inconclusive, why)];
    let (subject, metric, threshold) = match read(key, text) {
        Ok(level) => level,
        Err(why) => return unclear(&why),
    };
    let calm = matches!(span.as_str(), "warmup" | "baseline" | "after");
    let scopes = eligible(&subject, calm, timeline);
    if scopes.is_empty() {
        let why = "no stream can be judged here: a closed-model stream slows down with its target, so give an \
                   open-model stream or a probe";
        return unclear(why);
    }
    let place = |scope: &Scope<'_>| {
        timeline.span_named(span.as_str()).or_else(|| match scope {
            Scope::Load(_, load, _) => stage(load, span.as_str()),
            Scope::Probe(..) => None,
        })
    };
    let parts: Vec<Part> = scopes
        .iter()
        .filter_map(|scope| {
            let range = place(scope)?;
            let subject = format!("{span} {metric} ({})", shown(scope));
            let part = part(Objective::Slo, subject, text).at([range.from]);
            Some(level::judge(part, (&metric, &threshold), scope, &range, timeline))
        })
        .collect();
    if parts.is_empty() {
        return unclear("this phase or stage never came, or this fault never acted: nothing was looked at");
    }
    parts
}

/// The stage of a stream with a name.
fn stage(load: &LoadTrack, name: &str) -> Option<SpanRange> {
    load.own_spans().into_iter().find(|(stage, _)| *stage == name).map(|(_, range)| range)
}

/// What a level is judged on.
fn eligible<'a>(subject: &Subject, calm: bool, timeline: &'a Timeline) -> Vec<Scope<'a>> {
    let fits = |scope: &Scope<'_>| match scope {
        Scope::Load(_, load, _) => calm || load.model == LoadModel::Open,
        Scope::Probe(..) => true,
    };
    let named: Vec<_> = timeline.scopes(subject).into_iter().filter(fits).collect();
    if named.is_empty() && subject.is_all() {
        return timeline.probes.iter().map(|(name, probe)| Scope::Probe(name, probe)).collect();
    }
    named
}
