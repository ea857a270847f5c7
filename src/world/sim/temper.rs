//! How the stack that a drill is aimed at takes it: nothing of it is drawn, so it does what the scenario says it does.

use std::time::Duration;

use crate::model::Offset;
use crate::scenario::Scenario;
use crate::scenario::fault::Impact;
use crate::scenario::timing::Until;

/// How long a stack that recovers by itself takes, after the newest effect on it.
const TAKES_OVER: Duration = Duration::from_secs(2);

/// How the stack takes effects on its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Temper {
    /// No fault is expected to be seen: it serves all the time.
    Unmoved,
    /// It is down for as long as an effect stands.
    Falls,
    /// It is down at first and recovers with the effect still on, which is what a fault that is held `until` something
    /// waits for.
    TakesOver,
}

impl Temper {
    pub(super) fn of(scenario: &Scenario) -> Temper {
        let waits = |until: &Until| until.recovered || until.step.is_some();
        match scenario.faults.iter().any(|fault| fault.impact == Impact::Expected) {
            false => Temper::Unmoved,
            true if scenario.faults.iter().any(|fault| fault.until.as_ref().is_some_and(waits)) => Temper::TakesOver,
            true => Temper::Falls,
        }
    }

    /// Whether it is down at a moment, by how many effects stood from when on.
    pub(super) fn is_down(self, effects: &[(Offset, usize)], at: Offset) -> bool {
        let known = &effects[..effects.partition_point(|(since, _)| *since <= at)];
        let stands = known.last().is_some_and(|(_, count)| *count > 0);
        match self {
            Temper::Unmoved => false,
            Temper::Falls => stands,
            Temper::TakesOver => {
                let count_before = |n: usize| n.checked_sub(1).map_or(0, |n| known[n].1);
                let newest = (0..known.len()).rev().find(|n| known[*n].1 > count_before(*n));
                stands && newest.is_some_and(|n| at < known[n].0 + TAKES_OVER)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_that_takes_over_is_down_for_a_moment_after_each_new_effect() {
        let at = |secs: u64| Offset::default() + Duration::from_secs(secs);
        let effects = [(at(10), 1), (at(15), 2), (at(30), 1), (at(40), 0)];
        let down = |temper: Temper| (0..50).filter(|secs| temper.is_down(&effects, at(*secs))).collect::<Vec<_>>();
        assert_eq!(down(Temper::Unmoved), Vec::<u64>::new());
        assert_eq!(down(Temper::Falls), (10..40).collect::<Vec<_>>());
        assert_eq!(down(Temper::TakesOver), [10, 11, 15, 16]);
    }
}
