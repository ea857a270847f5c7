//! The live view of a load alone: a line for each stream, and one for the thresholds.

use std::collections::BTreeMap;

use super::gauge::Gauge;
use crate::model::{Name, Offset};
use crate::report::table::Tone;
use crate::report::words;
use crate::scenario::plan::Plan;
use crate::scenario::profile::{Executor, LoadModel};
use crate::timeline::event::{EndReason, EventKind};

/// What is shown of a load.
pub(super) struct Panel {
    streams: BTreeMap<Name, Stream>,
    /// Thresholds with their state, in the order of the profile.
    thresholds: Vec<(String, Option<bool>)>,
}

struct Stream {
    gauge: Gauge,
    open_model: bool,
    /// Stages with their ends, counted from the stream's start.
    stages: Vec<(String, std::time::Duration)>,
    length: Option<std::time::Duration>,
    from: Option<Offset>,
    ended: bool,
}

impl Panel {
    /// The panel of a load; none: the plan is a drill's.
    pub(super) fn of(plan: &Plan) -> Option<Panel> {
        let load = plan.load.as_ref()?;
        let stream = |name: &Name| {
            let executor = plan.profiles.get(name).and_then(|profile| profile.executor());
            let mut end = std::time::Duration::ZERO;
            let stages = executor.as_ref().map(|e| e.stages()).unwrap_or_default();
            let stages = stages.into_iter().map(|(name, stage)| {
                end += stage.duration.get();
                (name, end)
            });
            Stream {
                gauge: Gauge::default(),
                open_model: executor.is_some_and(|e| e.model() == LoadModel::Open),
                stages: stages.collect(),
                // A search ends when it has found something.
                length: executor
                    .filter(|e| !matches!(e, Executor::Breakpoint(_)))
                    .and_then(|e| e.duration())
                    .map(|length| length.get()),
                from: None,
                ended: false,
            }
        };
        Some(Panel {
            streams: plan.scenario.load.iter().map(|load| (load.name.clone(), stream(&load.name))).collect(),
            thresholds: load.thresholds.iter().map(|threshold| (threshold.when.clone(), None)).collect(),
        })
    }

    pub(super) fn on(&mut self, what: &EventKind) {
        match what {
            EventKind::LoadReady { stream, from, .. } => self.stream(stream, |stream| stream.from = *from),
            EventKind::Load { stream, line } => self.stream(stream, |stream| stream.gauge.load(line)),
            EventKind::LoadEnd { stream } | EventKind::LoadLost { stream, .. } => {
                self.stream(stream, |stream| stream.ended = true);
            }
            EventKind::Threshold { threshold, held, .. } => {
                self.thresholds.iter_mut().filter(|(text, _)| text == threshold).for_each(|(_, state)| *state = *held);
            }
            _ => {}
        }
    }

    fn stream(&mut self, name: &Name, change: impl FnOnce(&mut Stream)) {
        if let Some(stream) = self.streams.get_mut(name) {
            change(stream);
        }
    }

    /// The lines of this moment.
    pub(super) fn lines(&self, at: Offset) -> Vec<String> {
        let on = self.streams.iter().filter(|(_, stream)| !stream.ended);
        let mut lines: Vec<String> = on.map(|(name, stream)| format!("{name}: {}", stream.words(at))).collect();
        if !self.thresholds.is_empty() {
            let state = |(text, held): &(String, Option<bool>)| {
                let sign = match held {
                    Some(true) => "✓",
                    Some(false) => "✗",
                    None => "?",
                };
                format!("{sign} {text}")
            };
            lines.push(self.thresholds.iter().map(state).collect::<Vec<_>>().join("   "));
        }
        lines
    }
}

impl Stream {
    fn words(&self, at: Offset) -> String {
        let Some(since) = self.from.map(|from| at.since(from)) else { return "getting ready".into() };
        if since.nanos() < 0 {
            return format!("begins in {}", words::span(crate::model::Delta(-since.nanos())));
        }
        let since = since.to_duration();
        let mut parts = Vec::new();
        if let Some((stage, _)) = self.stages.iter().find(|(_, end)| since < *end) {
            parts.push(stage.clone());
        }
        if let Some(length) = self.length {
            let share = since.as_secs_f64() / length.as_secs_f64().max(f64::EPSILON);
            parts.push(format!("{:.0}%", share.min(1.0) * 100.0));
        }
        let figures = self.gauge.figures();
        if self.open_model {
            parts.push(format!("{} asked", words::rate(figures.intended as f64)));
        }
        parts.push(format!("{} started", words::rate(figures.started as f64)));
        parts.push(format!("{} in flight", words::count(figures.in_flight)));
        parts.push(format!("{} ok, {} failed", words::count(figures.good), words::count(figures.bad)));
        if figures.good + figures.bad > 0 {
            let at = |percent| figures.quantile(percent).map_or_else(|| "failures".into(), words::micros);
            parts.push(format!("p50 {}, p95 {}, p99 {}", at(50), at(95), at(99)));
        }
        parts.join(", ")
    }
}

/// What a mark is called in a load, where it differs from a drill: nothing is hurt, so nothing is healed.
pub(super) fn mark(what: &EventKind) -> Option<(String, Tone)> {
    Some(match what {
        EventKind::Guard { condition, why } => {
            (format!("threshold `{condition}` is missed, stopping at once: {why}"), Tone::Breach)
        }
        EventKind::Cancel { by, level } => {
            let what = if *level > 1 { "stopping at once" } else { "no more requests; waiting for answers under way" };
            (format!("cancelled by {by}: {what}"), Tone::Inconclusive)
        }
        EventKind::End { reason, .. } => match reason {
            EndReason::Completed => ("over".into(), Tone::Plain),
            EndReason::Guard => ("over: stopped by a threshold".into(), Tone::Breach),
            EndReason::Cancelled => ("over: cancelled".into(), Tone::Inconclusive),
            EndReason::Refused { why } => (format!("refused, nothing was sent: {why}"), Tone::Inconclusive),
            _ => return None,
        },
        _ => return None,
    })
}
