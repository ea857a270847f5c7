//! When each request of an open model is meant to start. Pure: numbers in, numbers out.
//!
//! A schedule is a row of pieces in each of which the rate goes in a straight line, so that the number of requests due
//! by a time is a quadratic in it. When request `n` is due is that quadratic's root: computed from `n` alone and in
//! whole numbers, not by adding intervals, so that nothing drifts and every lane agrees.

use std::time::Duration;

use crate::scenario::profile::{Breakpoint, ConstantArrivalRate, RampingArrivalRate};

/// The time unit of a rate per second, in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// The schedule of an open model. Request `n` is due when the integral of the rate leaves `n`; none is due while the
/// rate is zero. Times are nanoseconds after the start, rounded down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The time unit of the rates, in nanoseconds.
    unit: u64,
    pieces: Vec<Piece>,
    /// When it ends; `None` is until stopped.
    end: Option<i64>,
    /// Rates that were ordered later, in their order.
    holds: Vec<Hold>,
}

/// A part in which the rate goes in a straight line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    from: i64,
    length: i64,
    /// Requests before it, times two units: a whole number where requests need not be.
    before: i128,
    /// The rate where it begins, and where it ends.
    first: i64,
    last: i64,
}

/// A constant rate from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hold {
    from: i64,
    /// The number of the request that is due at `from`.
    number: u64,
    per_second: u64,
}

impl Schedule {
    /// The schedule of a constant rate.
    pub fn constant(rate: &ConstantArrivalRate) -> Schedule {
        let mut schedule = Schedule::new(rate.time_unit.get());
        schedule.push(rate.duration.map(|duration| duration.get()), rate.rate.max(1), rate.rate.max(1));
        schedule.end = rate.duration.map(|duration| nanos(duration.get()));
        schedule
    }

    /// The schedule of stages.
    pub fn ramping(ramp: &RampingArrivalRate) -> Schedule {
        let mut schedule = Schedule::new(ramp.time_unit.get());
        let mut rate = ramp.start_rate;
        for stage in &ramp.stages {
            // A stage of no length only jumps.
            if !stage.duration.get().is_zero() {
                schedule.push(Some(stage.duration.get()), rate, stage.target);
            }
            rate = stage.target;
        }
        schedule.end = Some(schedule.pieces.last().map_or(0, |piece| piece.from.saturating_add(piece.length)));
        schedule
    }

    /// The steps of a search. The last goes on for as long as its confirmation takes, unless another rate is ordered.
    pub fn staircase(search: &Breakpoint) -> Schedule {
        let mut schedule = Schedule::new(Duration::from_nanos(SECOND));
        let rates = search.rates();
        for (nth, rate) in rates.iter().enumerate() {
            let more = if nth + 1 == rates.len() { search.confirm.get() } else { Duration::ZERO };
            schedule.push(Some(search.hold.get().saturating_add(more)), *rate, *rate);
        }
        schedule.end = Some(schedule.pieces.last().map_or(0, |piece| piece.from.saturating_add(piece.length)));
        schedule
    }

    fn new(unit: Duration) -> Schedule {
        let unit = u64::try_from(unit.as_nanos()).unwrap_or(u64::MAX).max(1);
        Schedule { unit, pieces: Vec::new(), end: None, holds: Vec::new() }
    }

    fn push(&mut self, length: Option<Duration>, first: u32, last: u32) {
        let (from, before) = match self.pieces.last() {
            Some(piece) => (piece.from.saturating_add(piece.length), piece.before + piece.whole()),
            None => (0, 0),
        };
        let length = length.map_or(i64::MAX, nanos);
        self.pieces.push(Piece { from, length, before, first: i64::from(first), last: i64::from(last) });
    }

    /// The same schedule up to `from`, and from there a constant rate until stopped. The numbers go on.
    pub fn held(mut self, from: i64, per_second: u32) -> Schedule {
        let number = self.count_before(from);
        self.holds.retain(|hold| hold.from < from);
        self.holds.push(Hold { from, number, per_second: u64::from(per_second).max(1) });
        self
    }

    /// When request `n` (from 0) is due; `None` when there is no such request.
    pub fn due(&self, n: u64) -> Option<i64> {
        if let Some(hold) = self.holds.iter().rfind(|hold| hold.number <= n) {
            return Some(hold.from.saturating_add(evenly(n - hold.number, SECOND, hold.per_second)));
        }
        // Of pieces that begin with the same number only the last has a rate.
        let goal = i128::from(n) * 2 * i128::from(self.unit);
        let piece = match self.pieces.as_slice() {
            [only] => only,
            pieces => pieces.get(pieces.partition_point(|piece| piece.before <= goal).checked_sub(1)?)?,
        };
        let due = match piece.before {
            0 if piece.first == piece.last && piece.first > 0 => {
                piece.from.saturating_add(evenly(n, self.unit, piece.first as u64))
            }
            _ => piece.from.saturating_add(piece.inverse(goal - piece.before)?),
        };
        let over = self.holds.is_empty() && self.end.is_some_and(|end| due >= end);
        (!over).then_some(due)
    }

    /// How many requests are due before `nanos` after the start.
    pub fn count_before(&self, nanos: i64) -> u64 {
        if let Some(hold) = self.holds.iter().rfind(|hold| hold.from < nanos) {
            return hold.number + evenly_before(nanos - hold.from, SECOND, hold.per_second);
        }
        let nanos = nanos.min(self.end.unwrap_or(i64::MAX));
        let begun = self.pieces.partition_point(|piece| piece.from < nanos);
        let Some(piece) = begun.checked_sub(1).and_then(|nth| self.pieces.get(nth)) else { return 0 };
        piece.count_before(nanos - piece.from, self.unit)
    }

    /// The shortest mean distance of two requests, in nanoseconds.
    pub fn least_interval(&self) -> i64 {
        let highest = self.pieces.iter().map(|piece| piece.first.max(piece.last)).max().unwrap_or(1).max(1);
        let held = self.holds.iter().map(|hold| SECOND / hold.per_second).min().unwrap_or(u64::MAX);
        i64::try_from(held.min(self.unit / highest.unsigned_abs())).unwrap_or(i64::MAX)
    }
}

impl Piece {
    /// Requests within it, times two units.
    fn whole(&self) -> i128 {
        i128::from(self.first + self.last) * i128::from(self.length)
    }

    /// Whether no more than `work / (2 × units)` requests lie within its first `nanos`:
    /// `2 × first × t + (last − first) × t² / length ≤ work`, without the division.
    fn fits(&self, nanos: i64, work: i128) -> bool {
        let (t, length) = (i128::from(nanos), i128::from(self.length));
        let rise = i128::from(self.last - self.first);
        (2 * i128::from(self.first))
            .saturating_mul(length)
            .saturating_mul(t)
            .saturating_add(rise.saturating_mul(t.saturating_mul(t)))
            <= work.saturating_mul(length)
    }

    /// The last nanosecond that [`fits`](Self::fits); `None` where the rate is zero throughout.
    fn inverse(&self, work: i128) -> Option<i64> {
        if self.first == self.last {
            let doubled = u128::try_from(2 * self.first).ok().filter(|rate| *rate > 0)?;
            return Some(i64::try_from(u128::try_from(work).ok()? / doubled).unwrap_or(i64::MAX));
        }
        // The root in the form that loses no digits: t = work / (first + √(first² + rise × work / length)).
        let (first, rise) = (self.first as f64, (self.last - self.first) as f64);
        let root = (first * first + rise * work as f64 / self.length as f64).max(0.0).sqrt();
        let mut low = ((work as f64 / (first + root)) as i64).clamp(0, self.length);
        // Floating point is some nanoseconds off, and near a rate of zero some more: the exact one is searched around
        // it.
        let mut step = 1;
        let mut high = low.saturating_add(1);
        if self.fits(low, work) {
            while high <= self.length && self.fits(high, work) {
                low = high;
                step *= 2;
                high = low.saturating_add(step);
            }
            high = high.min(self.length.saturating_add(1));
        } else {
            while low > 0 && !self.fits(low, work) {
                high = low;
                low = (low - step).max(0);
                step *= 2;
            }
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            *(if self.fits(middle, work) { &mut low } else { &mut high }) = middle;
        }
        Some(low)
    }

    /// How many requests are due before its first `nanos` are over, those of earlier pieces included.
    fn count_before(&self, nanos: i64, unit: u64) -> u64 {
        let (t, unit) = (i128::from(nanos), i128::from(unit));
        let count = if self.first == self.last {
            up(self.before + 2 * i128::from(self.first) * t, 2 * unit)
        } else {
            let length = i128::from(self.length);
            let rise = i128::from(self.last - self.first);
            let done = (self.before + 2 * i128::from(self.first) * t).saturating_mul(length);
            let done = done.saturating_add(rise.saturating_mul(t.saturating_mul(t)));
            up(done, (2 * unit).saturating_mul(length))
        };
        u64::try_from(count).unwrap_or(u64::MAX)
    }
}

/// `n × unit / rate`, rounded down.
fn evenly(n: u64, unit: u64, rate: u64) -> i64 {
    match n.checked_mul(unit) {
        Some(product) => i64::try_from(product / rate).unwrap_or(i64::MAX),
        None => i64::try_from(u128::from(n) * u128::from(unit) / u128::from(rate)).unwrap_or(i64::MAX),
    }
}

/// How many `n` have `n × unit / rate < nanos`.
fn evenly_before(nanos: i64, unit: u64, rate: u64) -> u64 {
    let Ok(nanos) = u128::try_from(nanos) else { return 0 };
    u64::try_from((nanos * u128::from(rate)).div_ceil(u128::from(unit))).unwrap_or(u64::MAX)
}

fn up(dividend: i128, divisor: i128) -> i128 {
    dividend.div_euclid(divisor) + i128::from(dividend.rem_euclid(divisor) > 0)
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
