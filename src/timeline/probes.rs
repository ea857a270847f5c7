//! The looks of one probe, kept small: an hour at 100 looks a second takes 6 MB.

use super::event::Sight;
use crate::model::{Delta, Offset};

/// Most reasons kept in words.
const REASONS: usize = 2_000;

/// The same reason is kept again after this time.
const AGAIN: Delta = Delta::from_millis(1_000);

/// Most numbers that may be missing before one that arrives; a larger gap is a damaged event.
const GAP: u64 = 1_000_000;

/// What became of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// Our side could not look.
    Blind,
    /// No report yet.
    Waiting,
}

/// One look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// When it should have started.
    pub intended: Offset,
    /// From then until its end, in microseconds, rounded up.
    pub took_us: u32,
    /// What it saw.
    pub seen: Seen,
}

impl Look {
    /// When it ended.
    pub fn done(&self) -> Offset {
        self.intended + self.took()
    }

    /// From the intended start to the end.
    pub fn took(&self) -> Delta {
        Delta(i64::from(self.took_us) * 1000)
    }
}

/// All looks of one probe.
#[derive(Debug, Clone)]
pub struct ProbeTrack {
    /// Time between two starts.
    pub every: Delta,
    /// After this time an unanswered look is bad.
    pub timeout: Delta,
    looks: Vec<Look>,
    reasons: Vec<(Offset, String)>,
}

impl ProbeTrack {
    /// A probe that has not looked yet.
    pub fn new(every: Delta, timeout: Delta) -> ProbeTrack {
        ProbeTrack { every: Delta(every.nanos().max(1)), timeout, looks: Vec::new(), reasons: Vec::new() }
    }

    /// Takes the report of look `n`; looks may be reported in any order.
    pub fn push(&mut self, n: u64, intended: Offset, done: Offset, sight: &Sight) {
        let len = self.looks.len() as u64;
        if n > len + GAP {
            return;
        }
        for missing in len..n {
            let before = Delta(self.every.nanos() * (n - missing) as i64);
            self.looks.push(Look { intended: intended - before, took_us: 0, seen: Seen::Waiting });
        }
        let seen = match sight {
            Sight::Good => Seen::Good,
            Sight::Bad { why } => self.remember(intended, why, Seen::Bad),
            Sight::Blind { why } => self.remember(intended, why, Seen::Blind),
        };
        let micros = done.since(intended).nanos().max(0) as u64;
        let look = Look { intended, took_us: u32::try_from(micros.div_ceil(1000)).unwrap_or(u32::MAX), seen };
        match self.looks.get_mut(n as usize) {
            Some(place) => *place = look,
            None => self.looks.push(look),
        }
    }

    fn remember(&mut self, at: Offset, why: &str, seen: Seen) -> Seen {
        let known = self.reasons.iter().rev().take(5).any(|(when, w)| w == why && at.since(*when) < AGAIN);
        if !known && self.reasons.len() < REASONS {
            self.reasons.push((at, why.to_owned()));
        }
        seen
    }

    /// All looks in order of their intended start.
    pub fn looks(&self) -> &[Look] {
        &self.looks
    }

    /// The number of the first look intended at `at` or later.
    pub fn index(&self, at: Offset) -> usize {
        self.looks.partition_point(|look| look.intended < at)
    }

    /// Looks intended in [`from`, `to`).
    pub fn between(&self, from: Offset, to: Offset) -> &[Look] {
        let (a, b) = (self.index(from), self.index(to));
        &self.looks[a..b.max(a)]
    }

    /// Reasons for looks that were not good, first of each kind, with the look's intended start.
    pub fn reasons(&self) -> &[(Offset, String)] {
        &self.reasons
    }

    /// The first reason given at `from` or later and before `to`.
    pub fn reason_between(&self, from: Offset, to: Offset) -> Option<&str> {
        self.reasons.iter().find(|(at, _)| (from..to).contains(at)).map(|(_, why)| why.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_reported_out_of_order_stand_in_order_and_gaps_wait() {
        let ms = Offset::from_millis;
        let mut track = ProbeTrack::new(Delta::from_millis(10), Delta::from_millis(200));
        track.push(0, ms(0), ms(1), &Sight::Good);
        track.push(3, ms(30), ms(31), &Sight::Good);
        assert_eq!(track.looks()[1], Look { intended: ms(10), took_us: 0, seen: Seen::Waiting });
        track.push(1, ms(10), ms(210), &Sight::Bad { why: "timeout".into() });
        assert_eq!((track.looks()[1].seen, track.looks()[1].done()), (Seen::Bad, ms(210)));
        assert_eq!(track.between(ms(10), ms(30)).len(), 2);
        track.push(u64::MAX, ms(40), ms(41), &Sight::Good);
        assert_eq!(track.looks().len(), 4);
    }
}
