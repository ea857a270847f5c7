//! Which users are there, and when. Pure: numbers in, numbers out.
//!
//! The number of users is a line made of straight pieces. User `k`, counted from 0, is there while the line is above
//! `k`, so that the line's whole numbers are met exactly: it comes and goes in visits.

use std::time::Duration;

use crate::scenario::profile::{ConstantVus, PerVuIterations, RampingVus};

/// One piece of the line.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    /// Users at its beginning.
    from: f64,
    /// Users at its end.
    to: f64,
    /// Nanoseconds; zero for a jump.
    length: i64,
}

/// The time between a user's coming and going, in nanoseconds after the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// When it comes.
    pub from: i64,
    /// When it goes; none: when it is told to.
    pub to: Option<i64>,
}

/// All users of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Crew {
    pieces: Vec<Piece>,
    /// When everybody goes; none: when told to.
    end: Option<i64>,
    /// How many users there are at most.
    users: u32,
    /// How often each goes through its journey; none: as often as it can.
    passes: Option<u32>,
    /// How long one that goes before the end may take to finish its pass.
    grace: Duration,
}

impl Crew {
    /// A constant number of users, come in at a rate.
    pub fn constant(users: &ConstantVus) -> Crew {
        let per_second = users.start_per_second.unwrap_or(users.vus).max(1);
        let length = f64::from(users.vus) / f64::from(per_second) * 1e9;
        let pieces = vec![Piece { from: 0.0, to: f64::from(users.vus), length: length as i64 }];
        let end = users.duration.map(|d| nanos(d.get()));
        Crew { pieces, end, users: users.vus, passes: None, grace: Duration::ZERO }
    }

    /// A number of users that follows stages.
    pub fn ramping(ramp: &RampingVus) -> Crew {
        let mut at = f64::from(ramp.start_vus);
        let mut pieces = vec![Piece { from: 0.0, to: at, length: 0 }];
        for stage in &ramp.stages {
            let to = f64::from(stage.target);
            pieces.push(Piece { from: at, to, length: nanos(stage.duration.get()) });
            at = to;
        }
        let end = pieces.iter().fold(0i64, |sum, piece| sum.saturating_add(piece.length));
        let users = ramp.stages.iter().map(|stage| stage.target).max().unwrap_or(0).max(ramp.start_vus);
        Crew { pieces, end: Some(end), users, passes: None, grace: ramp.graceful_ramp_down.get() }
    }

    /// Users who all come at once, and go when they have done their passes.
    pub fn passes(users: &PerVuIterations) -> Crew {
        let pieces = vec![Piece { from: 0.0, to: f64::from(users.vus), length: 0 }];
        let end = Some(nanos(users.max_duration.get()));
        Crew { pieces, end, users: users.vus, passes: Some(users.iterations), grace: Duration::ZERO }
    }

    /// How many users there are at most.
    pub fn users(&self) -> u32 {
        self.users
    }

    /// When everybody goes, in nanoseconds after the start; none: when told to.
    pub fn end(&self) -> Option<i64> {
        self.end
    }

    /// How often each user goes through its journey; none: as often as it can.
    pub fn passes_each(&self) -> Option<u32> {
        self.passes
    }

    /// How long a user that goes may take to finish its pass; at the end of all that is the profile's own matter.
    pub fn grace(&self) -> Duration {
        self.grace
    }

    /// The visits of user `k`, in order; the last ends with the crew.
    pub fn visits(&self, k: u32) -> Vec<Visit> {
        let level = f64::from(k);
        let mut visits = Vec::new();
        let mut open: Option<i64> = None;
        let mut begin = 0i64;
        for piece in &self.pieces {
            let crossing = || {
                let part = (level - piece.from) / (piece.to - piece.from);
                begin.saturating_add((part * piece.length as f64) as i64)
            };
            if open.is_none() && piece.to > level && piece.from <= level {
                open = Some(crossing());
            } else if piece.to <= level
                && let Some(from) = open.take()
            {
                visits.push(Visit { from, to: Some(crossing()) });
            }
            begin = begin.saturating_add(piece.length);
        }
        if let Some(from) = open {
            visits.push(Visit { from, to: self.end });
        }
        // A jump up and down again in no time is no visit.
        visits.retain(|visit| visit.to.is_none_or(|to| to > visit.from));
        visits
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HumanDuration;
    use crate::scenario::profile::Stage;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000_000;

    fn ramp(start: u32, stages: &[(u64, u32)]) -> Crew {
        let stages = stages.iter().map(|(millis, target)| Stage {
            duration: HumanDuration::from_millis(*millis),
            target: *target,
            name: None,
            thresholds: Vec::new(),
        });
        let graceful_ramp_down = HumanDuration::from_secs(30);
        Crew::ramping(&RampingVus { start_vus: start, stages: stages.collect(), graceful_ramp_down })
    }

    /// The line's height at a time, from its definition.
    fn height(crew: &Crew, at: i64) -> f64 {
        let mut begin = 0;
        let mut height = 0.0;
        for piece in &crew.pieces {
            if at < begin {
                break;
            }
            let part = if piece.length == 0 { 1.0 } else { (at - begin) as f64 / piece.length as f64 };
            height = piece.from + (piece.to - piece.from) * part.min(1.0);
            begin += piece.length;
        }
        height
    }

    #[test]
    fn users_come_and_go_with_the_line() {
        let crew = ramp(0, &[(10_000, 10), (5_000, 10), (10_000, 0)]);
        assert_eq!(crew.visits(0), [Visit { from: 0, to: Some(25 * SECOND) }]);
        assert_eq!(crew.visits(9), [Visit { from: 9 * SECOND, to: Some(16 * SECOND) }]);
        assert_eq!((crew.visits(10), crew.users(), crew.end()), (vec![], 10, Some(25 * SECOND)));
    }

    #[test]
    fn stages_of_no_length_jump_and_a_user_can_come_back() {
        let crew = ramp(5, &[(1_000, 5), (0, 1), (1_000, 1), (0, 5), (1_000, 5)]);
        let [first, second] = crew.visits(3)[..] else { panic!("{:?}", crew.visits(3)) };
        assert_eq!(first, Visit { from: 0, to: Some(SECOND) });
        assert_eq!(second, Visit { from: 2 * SECOND, to: Some(3 * SECOND) });
        assert_eq!(crew.visits(0), [Visit { from: 0, to: Some(3 * SECOND) }]);
    }

    #[test]
    fn a_constant_crew_comes_in_at_its_rate_and_stays() {
        let mut users = ConstantVus { vus: 4, start_per_second: Some(2), duration: None };
        assert_eq!(Crew::constant(&users).visits(3), [Visit { from: 3 * SECOND / 2, to: None }]);
        users.duration = Some(HumanDuration::from_secs(7));
        assert_eq!(Crew::constant(&users).visits(0), [Visit { from: 0, to: Some(7 * SECOND) }]);
    }

    proptest! {
        #[test]
        fn as_many_users_are_there_as_the_line_is_high(
            start in 0u32..20,
            stages in prop::collection::vec((0u64..5_000, 0u32..20), 1..6),
            at in 0i64..20_000,
        ) {
            let crew = ramp(start, &stages);
            let end = crew.end().unwrap();
            // Beside the millisecond, so that no rounding of a crossing plays a part.
            let at = at * 1_000_000 + 333_333;
            prop_assume!(at < end);
            let there = |k: u32| crew.visits(k).iter().any(|v| v.from <= at && v.to.is_none_or(|to| to > at));
            let height = height(&crew, at);
            prop_assume!((height - height.round()).abs() > 1e-6 || stages.iter().all(|(length, _)| *length == 0)
                || height.fract() == 0.0);
            let count = (0..crew.users()).filter(|k| there(*k)).count();
            prop_assert_eq!(count, height.ceil() as usize);
        }

        #[test]
        fn visits_are_in_order_and_end_with_the_crew(
            start in 0u32..20,
            stages in prop::collection::vec((0u64..5_000, 0u32..20), 1..8),
            k in 0u32..20,
        ) {
            let crew = ramp(start, &stages);
            let visits = crew.visits(k);
            for pair in visits.windows(2) {
                prop_assert!(pair[0].to.unwrap() <= pair[1].from);
            }
            for visit in &visits {
                prop_assert!(visit.from >= 0 && visit.from < visit.to.unwrap() && visit.to <= crew.end());
            }
        }
    }
}
