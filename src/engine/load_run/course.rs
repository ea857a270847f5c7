//! When a load ends: by itself, at a limit, or because it is stopped. Pure: it waits for nothing and reads no clock.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{Name, Offset};
use crate::scenario::plan::Plan;
use crate::scenario::profile::{Executor, Profile};
use crate::timeline::event::EndReason;

/// How long workers may take to report what is left, beyond what their requests may take.
const MARGIN: Duration = Duration::from_secs(5);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Every worker stops, and waits at most so long for the answers under way.
    Stop {
        /// Longest wait.
        grace: Duration,
    },
    /// The load is over.
    Finish(EndReason),
}

/// How a load is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// Answers under way are waited for.
    Graceful,
    /// Nothing is waited for.
    AtOnce,
}

/// The course of a load.
#[derive(Debug)]
pub(super) struct Course {
    streams: BTreeMap<Name, Stream>,
    /// Longest time that answers under way are waited for.
    grace: Duration,
    stop: Option<Stop>,
}

#[derive(Debug)]
struct Stream {
    /// From its start to its end, late answers included; none: it goes on until it is stopped.
    length: Option<Duration>,
    start: Option<Offset>,
    over: bool,
}

#[derive(Debug)]
struct Stop {
    reason: EndReason,
    asked: Urgency,
    /// What the workers were told, and when they must have ended.
    told: Option<(Urgency, Offset)>,
}

impl Course {
    pub(super) fn new(plan: &Plan) -> Course {
        let profiles =
            || plan.scenario.load.iter().filter_map(|load| Some((&load.name, plan.profiles.get(&load.name)?)));
        let stream = |(name, profile): (&Name, &Profile)| {
            let executor = profile.executor();
            // A search ends when it has found something.
            let length = executor.filter(|e| !matches!(e, Executor::Breakpoint(_))).and_then(|e| e.duration());
            let length = length.map(|length| length.get().saturating_add(grace(profile)).saturating_add(MARGIN));
            (name.clone(), Stream { length, start: None, over: false })
        };
        Course {
            streams: profiles().map(stream).collect(),
            grace: profiles().map(|(_, profile)| grace(profile)).max().unwrap_or_default(),
            stop: None,
        }
    }

    /// A stream's worker is ready; its requests are meant to start at `start`.
    pub(super) fn ready(&mut self, stream: &Name, start: Offset) {
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.start = Some(start);
        }
    }

    /// A stream has ended, or its worker is lost.
    pub(super) fn over(&mut self, stream: &Name) {
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.over = true;
        }
    }

    /// Ends the load before its time. The first reason stays; greater urgency counts.
    pub(super) fn stop(&mut self, reason: EndReason, urgency: Urgency) {
        match &mut self.stop {
            Some(stop) => stop.asked = stop.asked.max(urgency),
            None => self.stop = Some(Stop { reason, asked: urgency, told: None }),
        }
    }

    /// Whether it is being ended before its time.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_some()
    }

    /// What is to be done at this moment; asked again until it says nothing.
    pub(super) fn poll(&mut self, now: Offset) -> Option<Action> {
        if self.streams.values().all(|stream| stream.over) {
            let reason = self.stop.take().map_or(EndReason::Completed, |stop| stop.reason);
            return Some(Action::Finish(reason));
        }
        if self.stop.is_none() && self.limit().is_some_and(|limit| now >= limit) {
            // Somebody does not end: not even with the time that late answers may take.
            self.stop(EndReason::Completed, Urgency::AtOnce);
        }
        let grace = self.grace;
        let stop = self.stop.as_mut()?;
        match stop.told {
            Some((urgency, deadline)) if now >= deadline && urgency == Urgency::AtOnce => {
                return Some(Action::Finish(stop.reason.clone()));
            }
            Some((_, deadline)) if now >= deadline => stop.asked = Urgency::AtOnce,
            _ => {}
        }
        if stop.told.is_some_and(|(told, _)| told >= stop.asked) {
            return None;
        }
        let grace = if stop.asked == Urgency::AtOnce { Duration::ZERO } else { grace };
        stop.told = Some((stop.asked, now + grace + MARGIN));
        Some(Action::Stop { grace })
    }

    /// When something may have to be done next, if nothing happens.
    pub(super) fn next_wake(&self) -> Option<Offset> {
        match &self.stop {
            Some(stop) => stop.told.map(|(_, deadline)| deadline),
            None => self.limit(),
        }
    }

    /// When the last stream must have ended by itself; none while one is not ready, or has no end.
    fn limit(&self) -> Option<Offset> {
        let ends = self.streams.values().map(|stream| Some(stream.start? + stream.length?));
        ends.collect::<Option<Vec<_>>>()?.into_iter().max()
    }
}

/// How long a profile's answers under way are waited for.
fn grace(profile: &Profile) -> Duration {
    profile.graceful_stop.unwrap_or(profile.timeout).get()
}

#[cfg(test)]
#[path = "course_tests.rs"]
mod tests;
