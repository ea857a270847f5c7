//! The search for the highest rate that holds. Pure: it is told what a step's time showed, and says what comes next.
//!
//! The worker climbs its staircase by itself. The first step that breaks ends the climb: the highest rate that held is
//! held again, for longer, to confirm it. When that breaks, too, the next lower rate is tried, and so on. Before a
//! confirmation counts, the target gets time to recover from the step that broke.

use std::time::Duration;

use crate::model::Offset;
use crate::scenario::profile::Breakpoint;
use crate::timeline::event::SearchMark;
use crate::timeline::gate::StepLook;
use crate::timeline::load::WINDOW;

/// From an order to the time it is meant for: workers want at least 100 ms.
const ORDER_AHEAD: Duration = Duration::from_millis(200);
/// Steps are told this long before they begin: who sums them up must know of them by then, also on a busy machine.
const TELL_AHEAD: Duration = Duration::from_secs(1);
/// Longest time to recover from the step that broke.
const MOST_REST: Duration = Duration::from_secs(5);

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Move {
    /// To be recorded.
    Mark(SearchMark),
    /// The worker keeps to a rate from a moment on.
    Hold { per_second: u32, from: Offset },
    /// Nothing more is to be found out: the worker stops.
    Stop,
}

/// A stretch of time at one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    per_second: u32,
    pub(super) from: Offset,
    pub(super) to: Offset,
    confirm: bool,
}

/// A search under way.
#[derive(Debug)]
pub(super) struct Search {
    steps: Vec<Step>,
    hold: Duration,
    confirm: Duration,
    /// How many steps were announced, and how many were judged.
    announced: usize,
    judged: usize,
    /// Rates that held on the way up, ascending.
    held: Vec<u32>,
    /// The lowest rate that broke.
    broke_at: Option<u32>,
    over: bool,
}

impl Search {
    /// A search whose first request is meant to start at `start`.
    pub(super) fn new(breakpoint: &Breakpoint, start: Offset) -> Search {
        let (hold, confirm) = (breakpoint.hold.get(), breakpoint.confirm.get());
        let at = |n: usize| start + hold.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX));
        let step = |(n, per_second)| Step { per_second, from: at(n), to: at(n + 1), confirm: false };
        let steps = breakpoint.rates().into_iter().enumerate().map(step).collect();
        let (held, broke_at) = (Vec::new(), None);
        Search { steps, hold, confirm, announced: 0, judged: 0, held, broke_at, over: false }
    }

    /// Steps that are about to begin, each told once.
    pub(super) fn announce(&mut self, now: Offset) -> Vec<Move> {
        let mut moves = Vec::new();
        while let Some(step) = self.steps.get(self.announced).filter(|step| !self.over && step.from <= now + TELL_AHEAD)
        {
            let Step { per_second, from, to, confirm } = *step;
            moves.push(Move::Mark(SearchMark::Step { per_second, from, to, confirm }));
            self.announced += 1;
        }
        moves
    }

    /// The step that is to be judged next.
    pub(super) fn step(&self) -> Option<Step> {
        self.steps.get(self.judged).copied().filter(|_| !self.over)
    }

    /// When something is to be done next, if nothing happens: a step begins, or one has had its time.
    pub(super) fn next_wake(&self) -> Option<Offset> {
        let begins = self.steps.get(self.announced).map(|step| step.from - TELL_AHEAD);
        let ends = self.steps.get(self.judged).map(|step| step.to);
        begins.into_iter().chain(ends).min().filter(|_| !self.over)
    }

    /// What the time of the step that was to be judged showed.
    pub(super) fn looked(&mut self, look: StepLook, now: Offset) -> Vec<Move> {
        let Some(step) = self.step() else { return Vec::new() };
        self.judged += 1;
        let (held, why, ours) = match look {
            StepLook::Held { measured } => (Some(true), measured, false),
            StepLook::Broke { why } => (Some(false), why, false),
            StepLook::Unclear { why, ours } => (None, why, ours),
        };
        let mut moves = vec![Move::Mark(SearchMark::Judged { from: step.from, held, why: why.clone() })];
        moves.extend(match (step.confirm, held) {
            (true, Some(true)) => self.end(self.found(step.per_second)),
            (true, Some(false)) => {
                self.held.retain(|rate| *rate < step.per_second);
                self.broke_at = Some(step.per_second);
                self.try_to_confirm(now)
            }
            (true, None) => self.end(format!("{}/s could not be confirmed: {why}", step.per_second)),
            (false, Some(false)) => {
                self.broke_at = Some(step.per_second);
                self.try_to_confirm(now)
            }
            (false, None) if ours => self.end(format!("our side could not drive {}/s: {why}", step.per_second)),
            (false, held) => {
                self.held.extend(held.map(|_| step.per_second));
                // Too little was seen for an answer: a higher rate shows more.
                if self.judged < self.steps.len() { Vec::new() } else { self.try_to_confirm(now) }
            }
        });
        moves
    }

    /// Holds the highest rate that may still be the one.
    fn try_to_confirm(&mut self, now: Offset) -> Vec<Move> {
        let Some(per_second) = self.held.last().copied() else {
            let why = match self.broke_at {
                Some(rate) if self.steps.first().is_some_and(|first| first.per_second == rate) => {
                    format!("the first rate, {rate}/s, breaks already")
                }
                Some(rate) => format!("{rate}/s breaks, and at no lower rate enough was seen"),
                None => "at no rate enough was seen".into(),
            };
            return self.end(why);
        };
        let order = on_grid(now + ORDER_AHEAD);
        let rest = if self.broke_at.is_some() { self.hold.min(MOST_REST) } else { Duration::ZERO };
        let from = on_grid(order + rest);
        // Whatever was still to come on the way up does not come any more.
        self.steps.truncate(self.judged);
        self.announced = self.judged;
        self.steps.push(Step { per_second, from, to: from + self.confirm, confirm: true });
        vec![Move::Hold { per_second, from: order }]
    }

    fn found(&self, per_second: u32) -> String {
        match self.broke_at {
            Some(broke) => format!("{per_second}/s is the highest rate that holds, {broke}/s breaks"),
            None => format!("nothing breaks up to {per_second}/s"),
        }
    }

    fn end(&mut self, why: String) -> Vec<Move> {
        self.over = true;
        vec![Move::Mark(SearchMark::Over { why }), Move::Stop]
    }
}

/// The start of the next window.
fn on_grid(at: Offset) -> Offset {
    let window = WINDOW.nanos();
    Offset((at.nanos() + window - 1).div_euclid(window) * window)
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
