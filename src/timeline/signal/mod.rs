//! The recovery signal: good in every stream, or not. One code path for the engine while the run is on and for the
//! judge.
//!
//! Time is cut into cells of 100 ms. A stream's windows are 100 ms for probes and 1 s for load, longer where the stream
//! is too slow to give `min` observations in that time. Each window has a verdict (see `window.rs`), a cell has the
//! worst of the windows it lies in: bad before blind before good. A cell whose windows are not complete is not decided,
//! and neither is anything after it: the signal always speaks of the time before its [`Signal::horizon`], a few hundred
//! milliseconds ago. Observations that arrive late change the past; [`Signal::renew`] says from where.
//!
//! Single observations bound the outages that windows find: see `bounds.rs`.

mod bounds;
mod window;

pub use bounds::Edge;

use std::collections::BTreeMap;

use super::event::SignalState;
use super::load::{LoadTrack, WINDOW};
use super::probes::ProbeTrack;
use crate::model::{Bound, Comparison, Delta, Metric, Name, Offset, Ratio, Threshold};
use crate::scenario::RecoverySignal;
use crate::scenario::plan::Plan;

/// One second in cells.
const SECOND: i64 = 1_000_000_000 / WINDOW.nanos();

/// Longest window, in cells: a slower stream has windows with too few observations.
const LONGEST: i64 = 600;

/// What the signal looks at.
#[derive(Debug, Clone, Copy)]
pub struct Streams<'a> {
    /// Probes.
    pub probes: &'a BTreeMap<Name, ProbeTrack>,
    /// Load streams.
    pub loads: &'a BTreeMap<Name, LoadTrack>,
}

/// One stream of the signal.
#[derive(Debug, Clone)]
struct Stream {
    name: Name,
    /// Window length in cells.
    cells: i64,
}

/// A stretch of time in which the signal did not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Its start.
    pub from: Offset,
    /// Its end; for the last one, the horizon.
    pub to: Offset,
    /// What the signal said.
    pub state: SignalState,
}

/// The recovery signal.
#[derive(Debug, Clone)]
pub struct Signal {
    streams: Vec<Stream>,
    error: Threshold,
    latency: Option<Threshold>,
    min: u64,
    /// The first cell.
    begin: Option<i64>,
    /// Decided cells from `begin` on.
    cells: Vec<SignalState>,
    /// Maximal runs of equal cells: number of the first cell, state.
    runs: Vec<(usize, SignalState)>,
    /// Cells from here on must be looked at again.
    stale: usize,
    /// No cell at or after this one counts: the run, or its load, was over.
    end: Option<i64>,
}

/// The number of the cell in which `at` lies.
fn cell_of(at: Offset) -> i64 {
    at.nanos().div_euclid(WINDOW.nanos())
}

/// The start of a cell.
fn start_of(cell: i64) -> Offset {
    Offset(cell.saturating_mul(WINDOW.nanos()))
}

impl Signal {
    /// The signal as the scenario defines it. A threshold that does not read is the strictest: lint has refused it
    /// before.
    pub fn new(signal: &RecoverySignal, plan: &Plan) -> Signal {
        let scenario = &plan.scenario;
        let strict = Threshold { comparison: Comparison::AtMost, bound: Bound::Ratio(Ratio(0.0)) };
        let min = u64::from(signal.min.max(1));
        let stream = |name: &Name| {
            let probe = scenario.probes.iter().find(|p| p.name == *name);
            let every = probe.map(|p| Delta::from(p.every).nanos().saturating_mul(min as i64) as f64);
            let rate = plan.profiles.get(name).and_then(|p| p.executor()).and_then(|e| e.asked_rate());
            let cells = match (every, rate) {
                (Some(every), _) => (every / WINDOW.nanos() as f64).ceil() as i64,
                (None, Some(rate)) if rate > 0.0 => (min as f64 / rate).ceil() as i64 * SECOND,
                _ => SECOND,
            };
            let shortest = if probe.is_some() { 1 } else { SECOND };
            Stream { name: name.clone(), cells: cells.clamp(shortest, LONGEST) }
        };
        Signal {
            streams: signal.streams.iter().map(stream).collect(),
            error: Threshold::parse(&Metric::ErrorRate, &signal.error_rate).unwrap_or(strict),
            latency: signal.latency.as_deref().and_then(|text| Threshold::parse(&Metric::Max, text).ok()),
            min,
            begin: None,
            cells: Vec::new(),
            runs: Vec::new(),
            stale: 0,
            end: None,
        }
    }

    /// The names of its streams.
    pub fn streams(&self) -> impl Iterator<Item = &Name> {
        self.streams.iter().map(|s| &s.name)
    }

    /// The largest latency that is still good in a stream; none: no bound, or the signal does not listen to the stream.
    pub fn latency_of(&self, stream: &Name) -> Option<Delta> {
        self.streams.iter().find(|s| s.name == *stream).and_then(|_| self.latency_bound())
    }

    fn latency_bound(&self) -> Option<Delta> {
        match self.latency?.bound {
            Bound::Duration(d) => Some(d.into()),
            _ => None,
        }
    }

    /// Something new is known about the time from `since` on.
    pub fn renew(&mut self, since: Offset) {
        let Some(begin) = self.begin else { return };
        let longest = self.streams.iter().map(|s| s.cells).max().unwrap_or(1);
        // The window that `since` lies in began at most its length earlier.
        let cell = (cell_of(since) - longest - begin).max(0) as usize;
        self.stale = self.stale.min(cell);
    }

    /// Looks at what is not decided yet, with the streams as they are at `now`.
    pub fn look(&mut self, now: Offset, streams: Streams<'_>) {
        let Some(begin) = self.begin.or_else(|| self.first_cell(streams)) else { return };
        self.begin = Some(begin);
        self.cut(self.stale);
        let mut memory = vec![None; self.streams.len()];
        let last = self.end.unwrap_or(cell_of(now));
        for cell in begin + self.cells.len() as i64..last {
            match self.cell(cell, now, streams, &mut memory) {
                Some(state) => self.put(state),
                None => break,
            }
        }
        self.stale = self.cells.len();
    }

    /// The first cell: where the first window of any stream begins whole.
    fn first_cell(&self, streams: Streams<'_>) -> Option<i64> {
        self.streams.iter().filter_map(|stream| self.stream_begin(stream, streams)).min()
    }

    /// The first whole window of a stream, as a cell.
    fn stream_begin(&self, stream: &Stream, streams: Streams<'_>) -> Option<i64> {
        let first = match (streams.probes.get(&stream.name), streams.loads.get(&stream.name)) {
            (Some(probe), _) => probe.looks().first().map(|look| look.intended),
            (None, Some(load)) => load.begin(),
            (None, None) => None,
        };
        first.map(|at| (at.nanos().div_euclid(WINDOW.nanos() * stream.cells) + 1) * stream.cells)
    }

    /// Forgets the cells from `from` on.
    fn cut(&mut self, from: usize) {
        self.cells.truncate(from);
        while self.runs.last().is_some_and(|(first, _)| *first >= self.cells.len()) {
            self.runs.pop();
        }
    }

    fn put(&mut self, state: SignalState) {
        if self.runs.last().is_none_or(|(_, last)| *last != state) {
            self.runs.push((self.cells.len(), state));
        }
        self.cells.push(state);
    }

    /// The worst of the windows that a cell lies in; none: not decided. `memory` holds the last window of each stream.
    fn cell(
        &self,
        cell: i64,
        now: Offset,
        streams: Streams<'_>,
        memory: &mut [Option<(i64, Option<SignalState>)>],
    ) -> Option<SignalState> {
        let mut worst = Some(SignalState::Good);
        for (stream, known) in self.streams.iter().zip(memory) {
            let window = cell.div_euclid(stream.cells);
            let state = match known {
                Some((number, state)) if *number == window => *state,
                _ => {
                    let state = self.window(stream, window, now, streams);
                    *known = Some((window, state));
                    state
                }
            };
            worst = match (worst, state) {
                (_, Some(SignalState::Bad)) | (Some(SignalState::Bad), _) => return Some(SignalState::Bad),
                (None, _) | (_, None) => None,
                (Some(SignalState::Blind), _) | (_, Some(SignalState::Blind)) => Some(SignalState::Blind),
                _ => Some(SignalState::Good),
            };
        }
        worst
    }

    /// The run, or its load, is over. Nothing counts after the stream that stopped first, except that all must have
    /// been on until `floor`: a stream that stopped before is blind from there.
    pub fn finish(&mut self, now: Offset, floor: Offset, streams: Streams<'_>) {
        let ends = self.streams.iter().filter_map(|stream| {
            let end = match (streams.probes.get(&stream.name), streams.loads.get(&stream.name)) {
                (Some(probe), _) => probe.looks().last()?.intended + probe.every,
                (None, Some(load)) => load.end(),
                (None, None) => return None,
            };
            Some(end)
        });
        let end = ends.min().unwrap_or(now).max(floor).min(now.max(floor));
        self.end = Some(cell_of(end));
        self.stale = 0;
        self.look(now, streams);
        // What is not decided by now never will be.
        while self.begin.is_some_and(|begin| begin + (self.cells.len() as i64) < cell_of(end)) {
            let cell = self.begin.unwrap_or(0) + self.cells.len() as i64;
            let late = now + Delta::from_millis(3_600_000);
            let state = self.cell(cell, late, streams, &mut vec![None; self.streams.len()]);
            self.put(state.unwrap_or(SignalState::Blind));
        }
        self.stale = self.cells.len();
    }

    /// The time before which everything is decided.
    pub fn horizon(&self) -> Offset {
        start_of(self.begin.unwrap_or(0) + self.cells.len() as i64)
    }

    /// What the signal says at the horizon, and since when; none: it has not seen anything yet.
    pub fn state(&self) -> Option<(SignalState, Offset)> {
        let begin = self.begin?;
        self.runs.last().map(|(first, state)| (*state, start_of(begin + *first as i64)))
    }

    /// Start of the good stretch that lasts at the horizon.
    pub fn good_since(&self) -> Option<Offset> {
        self.state().filter(|(state, _)| *state == SignalState::Good).map(|(_, since)| since)
    }

    /// Whether the signal is good now and has been for `hold`, counted from `after` on; then the start of that good
    /// stretch, which lies before `after` when there was nothing to recover from.
    pub fn recovered_since(&self, after: Offset, hold: Delta) -> Option<Offset> {
        self.good_since().filter(|since| self.horizon().since((*since).max(after)) >= hold)
    }

    /// Start of the first bad stretch that reaches beyond `at`.
    pub fn impact_after(&self, at: Offset) -> Option<Offset> {
        self.stretches().find(|s| s.state == SignalState::Bad && s.to > at).map(|s| s.from)
    }

    /// Everything that is decided, in order.
    pub fn stretches(&self) -> impl DoubleEndedIterator<Item = Stretch> {
        let begin = self.begin.unwrap_or(0);
        (0..self.runs.len()).map(move |i| {
            let (first, state) = self.runs[i];
            let next = self.runs.get(i + 1).map_or(self.cells.len(), |(next, _)| *next);
            Stretch { from: start_of(begin + first as i64), to: start_of(begin + next as i64), state }
        })
    }

    /// The state at a moment.
    pub fn state_at(&self, at: Offset) -> Option<SignalState> {
        let cell = cell_of(at) - self.begin?;
        self.cells.get(usize::try_from(cell).ok()?).copied()
    }
}

#[cfg(test)]
mod tests;
