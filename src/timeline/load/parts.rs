//! Parts of a stream's own schedule: the stages of a ramp, the steps of a search.

use super::{Span, SpanRange};
use crate::model::{Delta, Offset};
use crate::scenario::profile::Executor;
use crate::timeline::event::SearchMark;

/// The stages of a ramp, those longer than 0 s.
#[derive(Debug, Clone, Default)]
pub(super) struct Stages {
    stages: Vec<(String, Delta)>,
    /// When the first of them began.
    start: Option<Offset>,
}

/// A search for the highest rate at which its conditions hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchTrack {
    /// Its steps, in order.
    pub steps: Vec<StepTrack>,
    /// Why it ended; none: it did not.
    pub over: Option<String>,
}

/// One step of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepTrack {
    /// The rate asked for, per second.
    pub per_second: u32,
    /// Its start.
    pub from: Offset,
    /// Its end.
    pub to: Offset,
    /// Whether it is the long hold that confirms what was found.
    pub confirm: bool,
    /// Whether every condition held; none: it could not be told, or was never looked at.
    pub held: Option<bool>,
    /// What was measured, or why it could not be told.
    pub why: String,
}

impl Stages {
    pub fn of(executor: Option<Executor<'_>>) -> Stages {
        let stages = |executor: Executor<'_>| {
            executor.stages().into_iter().map(|(name, stage)| (name, stage.duration.into())).collect()
        };
        Stages { stages: executor.map(stages).unwrap_or_default(), start: None }
    }

    /// The stages count from here, unless that is known already: a stream with several workers begins with the first.
    pub fn begin(&mut self, start: Offset) {
        self.start = Some(self.start.map_or(start, |known| known.min(start)));
    }

    /// Their names with their places in time; `otherwise`: where they begin when no worker said it.
    pub fn ranges(&self, otherwise: Option<Offset>) -> Vec<(&str, SpanRange)> {
        let Some(mut from) = self.start.or(otherwise) else { return Vec::new() };
        let mut ranges = Vec::new();
        for (nth, (name, length)) in self.stages.iter().enumerate() {
            let to = from + *length;
            ranges.push((name.as_str(), SpanRange { span: Span::Stage(nth), from, to: Some(to) }));
            from = to;
        }
        ranges
    }
}

impl SearchTrack {
    pub(super) fn mark(&mut self, mark: &SearchMark) {
        match mark {
            SearchMark::Step { per_second, from, to, confirm } => {
                let (per_second, from, to, confirm) = (*per_second, *from, *to, *confirm);
                self.steps.push(StepTrack { per_second, from, to, confirm, held: None, why: String::new() });
            }
            SearchMark::Judged { from, held, why } => {
                if let Some(step) = self.steps.iter_mut().rfind(|step| step.from == *from) {
                    step.held = *held;
                    step.why.clone_from(why);
                }
            }
            SearchMark::Over { why } => self.over = Some(why.clone()),
        }
    }

    pub(super) fn ranges(&self) -> impl Iterator<Item = SpanRange> {
        let steps = self.steps.iter().enumerate();
        steps.map(|(nth, step)| SpanRange { span: Span::Step(nth), from: step.from, to: Some(step.to) })
    }

    /// The step that confirmed what was found; else the one with the highest rate that held. A rate whose confirmation
    /// broke did not hold.
    pub fn found(&self) -> Option<(usize, &StepTrack)> {
        let broke = |rate: u32| {
            self.steps.iter().any(|step| step.confirm && step.held == Some(false) && step.per_second <= rate)
        };
        let held = || {
            let steps = self.steps.iter().enumerate();
            steps.filter(move |(_, step)| step.held == Some(true) && !broke(step.per_second))
        };
        let confirmed = held().filter(|(_, step)| step.confirm).max_by_key(|(_, step)| step.per_second);
        confirmed.or_else(|| held().max_by_key(|(_, step)| step.per_second))
    }

    /// Whether the rate that was found was held to confirm it; none: there was no such step.
    pub fn confirmed(&self) -> Option<bool> {
        let last = self.steps.iter().rfind(|step| step.confirm)?;
        last.held
    }
}
