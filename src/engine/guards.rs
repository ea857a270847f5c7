//! Guards: conditions that stop a drill.

use std::time::Duration;

use crate::model::{Condition, Offset};
use crate::scenario::phases::Phase;
use crate::scenario::plan::Plan;
use crate::timeline::Timeline;
use crate::timeline::query::Measured;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// What a condition looks back on.
const LOOK_BACK: Duration = Duration::from_secs(2);
/// A guard that has seen nothing for so long trips: nobody is watching.
pub(super) const BLIND_FOR: Duration = Duration::from_secs(10);

/// A guard that tripped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trip {
    pub(super) condition: String,
    pub(super) why: String,
}

/// All guards of a drill.
pub(super) struct Guards {
    guards: Vec<Guard>,
    next: Offset,
}

struct Guard {
    condition: Condition,
    /// Since when it has held.
    holds_since: Option<Offset>,
    /// When it last saw anything.
    seen: Option<Offset>,
}

impl Guards {
    pub(super) fn new(plan: &Plan) -> Self {
        let guards = plan.scenario.guard.stop_when.iter();
        let guards = guards.map(|c| Guard { condition: c.clone(), holds_since: None, seen: None });
        Guards { guards: guards.collect(), next: Offset::ZERO }
    }

    /// Looks at every guard, at most every 500 ms, while anything may be hurt; the first that trips.
    pub(super) fn check(&mut self, now: Offset, timeline: &Timeline, phase: Phase) -> Option<Trip> {
        if !(Phase::Fault..=Phase::After).contains(&phase) || now < self.next {
            return None;
        }
        self.next = now + LOOK_EVERY;
        self.guards.iter_mut().find_map(|guard| guard.check(now, timeline))
    }
}

impl Guard {
    fn check(&mut self, now: Offset, timeline: &Timeline) -> Option<Trip> {
        let trip = |why| Some(Trip { condition: self.condition.to_string(), why });
        match timeline.measure(&self.condition, now - LOOK_BACK, now) {
            Measured::Seen { holds, value } => {
                self.seen = Some(now);
                self.holds_since = holds.then(|| self.holds_since.unwrap_or(now));
                let since = self.holds_since?;
                if now >= since + self.condition.hold.get() { trip(format!("measured {value}")) } else { None }
            }
            Measured::Unseen { why } => {
                let seen = *self.seen.get_or_insert(now);
                if now >= seen + BLIND_FOR {
                    trip(format!("the guard saw nothing for {BLIND_FOR:?}: {why}"))
                } else {
                    None
                }
            }
        }
    }
}
