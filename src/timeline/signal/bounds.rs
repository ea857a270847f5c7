//! When an outage began and ended, bounded by single observations.
//!
//! A good observation says that the target was able to answer at some moment between its start and its end; a bad one,
//! that it was unable at some moment in between. An observation starts no earlier than intended. So, for one stream:
//!
//! ```text
//! impact   lies in ( intended start of the last good one before , end of the first bad one ]
//! recovery lies in ( intended start of the last bad one , end of the first good one after ]
//! ```
//!
//! A refused connection ends within a millisecond. An observation that times out ends late, and says little about when
//! the target stopped: an able target would have answered as fast as it did before. So the end of the first bad
//! observation is taken to be no later than its intended start plus the largest latency among the last good ones before
//! it (of at least [`LEAST`], at most [`MOST`]); lateness of our own timers is part of that latency.
//!
//! Over several streams the signal turns bad with the first stream and good with the last: impact lies in (least lower,
//! least upper], recovery in (greatest lower, greatest upper].
//!
//! Load is bounded by slots of 10 ms instead of single requests: a slot starts no later and ends no earlier than they
//! do.

use super::{Signal, Stream, Streams, cell_of, start_of};
use crate::model::{Delta, Offset};
use crate::timeline::event::SignalState;
use crate::timeline::load::{LoadTrack, SlotCell, WINDOW};
use crate::timeline::probes::ProbeTrack;

/// Fewest good observations before an outage that say how fast the target answers.
const LEAST: usize = 100;

/// Most of them.
const MOST: usize = 2_000;

/// Length of a slot.
const SLOT: Delta = Delta::from_millis(10);

/// A moment that lies in (`lower`, `upper`]; `value` is the best single reading, by intended starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// It is later than this.
    pub lower: Offset,
    /// The intended start of the observation that shows it.
    pub value: Offset,
    /// It is no later than this.
    pub upper: Offset,
}

impl Edge {
    fn new(lower: Offset, value: Offset, upper: Offset) -> Edge {
        let lower = lower.min(upper);
        Edge { lower, value: value.clamp(lower, upper), upper }
    }
}

impl Signal {
    /// When the stretch [`from`, `to`) began: the first moment at which a stream could not be served.
    pub fn impact(&self, from: Offset, to: Offset, streams: Streams<'_>) -> Edge {
        let edges = self.not_good(from, to, streams).filter_map(|(stream, first, _)| match lookup(stream, streams) {
            Some(Track::Probe(probe)) => Some(self.probe_impact(probe, first, first + stream.length())),
            Some(Track::Load(load)) => Some(self.load_impact(load, first, first + stream.length())),
            None => None,
        });
        let merged = edges.reduce(|a, b| {
            let value = if a.upper <= b.upper { a.value } else { b.value };
            Edge::new(a.lower.min(b.lower), value, a.upper.min(b.upper))
        });
        merged.unwrap_or(Edge::new(from - WINDOW, from, from + WINDOW))
    }

    /// When the stretch [`from`, `to`) ended: the first moment from which every stream was served again.
    pub fn recovery(&self, from: Offset, to: Offset, streams: Streams<'_>) -> Edge {
        let edges = self.not_good(from, to, streams).filter_map(|(stream, _, last)| match lookup(stream, streams) {
            Some(Track::Probe(probe)) => Some(self.probe_recovery(probe, last, last + stream.length())),
            Some(Track::Load(load)) => Some(self.load_recovery(load, last, last + stream.length())),
            None => None,
        });
        let merged = edges.reduce(|a, b| {
            let value = if a.upper >= b.upper { a.value } else { b.value };
            Edge::new(a.lower.max(b.lower), value, a.upper.max(b.upper))
        });
        merged.unwrap_or(Edge::new(to - WINDOW, to, to + WINDOW))
    }

    /// The streams with a window in [`from`, `to`) that is not good, with the start of the first and of the last of
    /// these. Where no stream is bad, those that are blind.
    fn not_good<'a>(
        &'a self,
        from: Offset,
        to: Offset,
        streams: Streams<'a>,
    ) -> impl Iterator<Item = (&'a Stream, Offset, Offset)> {
        let ends = move |stream: &'a Stream, state: SignalState| {
            let numbers = cell_of(from).div_euclid(stream.cells)..=cell_of(to - Delta(1)).div_euclid(stream.cells);
            let far = to + Delta::from_millis(3_600_000);
            let mut is = numbers.filter(move |n| self.window(stream, *n, far, streams) == Some(state));
            let first = is.next()?;
            let last = is.next_back().unwrap_or(first);
            Some((stream, start_of(first * stream.cells), start_of(last * stream.cells)))
        };
        let bad: Vec<_> = self.streams.iter().filter_map(|s| ends(s, SignalState::Bad)).collect();
        let blind = if bad.is_empty() { SignalState::Blind } else { SignalState::Bad };
        let found = if bad.is_empty() { self.streams.iter().filter_map(|s| ends(s, blind)).collect() } else { bad };
        found.into_iter()
    }

    fn probe_impact(&self, probe: &ProbeTrack, from: Offset, to: Offset) -> Edge {
        let looks = probe.looks();
        let far = to + Delta::from_millis(3_600_000);
        let window = probe.index(from)..probe.index(to);
        let bad = window.clone().find(|n| self.is_bad(&looks[*n], probe.timeout, far));
        let before = bad.unwrap_or(window.start).min(looks.len());
        let good = looks[..before].iter().rposition(|look| self.is_good(look));
        let lower = good.map_or(from - probe.every, |n| looks[n].intended);
        match bad.map(|n| &looks[n]) {
            Some(look) => {
                let end = self.usual_latency(probe, before).map_or(look.done(), |usual| look.intended + usual);
                Edge::new(lower, look.intended, look.done().min(end))
            }
            None => Edge::new(lower, from, to),
        }
    }

    /// The largest latency of the last good looks before look `n`.
    fn usual_latency(&self, probe: &ProbeTrack, n: usize) -> Option<Delta> {
        let good = probe.looks()[..n].iter().rev().filter(|look| self.is_good(look)).take(MOST);
        let (count, largest) = good.fold((0, Delta::ZERO), |(n, max), look| (n + 1, max.max(look.took())));
        (count >= LEAST).then_some(largest)
    }

    fn probe_recovery(&self, probe: &ProbeTrack, from: Offset, to: Offset) -> Edge {
        let looks = probe.looks();
        let far = to + Delta::from_millis(3_600_000);
        let is_bad = |look: &_| self.is_bad(look, probe.timeout, far);
        let window = probe.index(from)..probe.index(to);
        let in_window = window.clone().rev().find(|n| is_bad(&looks[*n]));
        let after = in_window.map_or(window.end, |n| n + 1);
        let good = (after..looks.len()).find(|n| self.is_good(&looks[*n]));
        // Bad ones at the start of the next window, too few to make it bad, are still of this outage.
        let bad = looks[..good.unwrap_or(looks.len())].iter().rposition(is_bad);
        let lower = match bad {
            Some(n) if in_window.is_some() => looks[n].intended,
            _ => from,
        };
        match good.map(|n| &looks[n]) {
            Some(look) => Edge::new(lower, look.intended, look.done()),
            None => Edge::new(lower, to, to + probe.every),
        }
    }

    fn slot_is_bad(&self, slot: &SlotCell) -> bool {
        slot.bad > 0 || (slot.ok > 0 && !self.slot_is_fast(slot))
    }

    fn slot_is_fast(&self, slot: &SlotCell) -> bool {
        self.latency.is_none_or(|bound| bound.holds(f64::from(slot.max_us) / 1e6))
    }

    /// Whether every request of the slot was good, and there was one.
    fn slot_is_good(&self, slot: &SlotCell) -> bool {
        slot.ok > 0 && slot.bad == 0 && self.slot_is_fast(slot)
    }

    fn load_impact(&self, load: &LoadTrack, from: Offset, to: Offset) -> Edge {
        let bad = load.slots(from, to).find(|(_, slot)| self.slot_is_bad(slot));
        let unanswered = from_cell(load, from, to);
        let (first, width, known) = match (bad, unanswered) {
            (Some((at, slot)), waiting) if waiting.is_none_or(|w| at <= w) => {
                let window = load.cells(start_of(cell_of(at)), start_of(cell_of(at) + 1));
                let longest = window.first().map_or(0, |cell| cell.err_max_us).max(slot.max_us);
                (at, SLOT, Delta(i64::from(longest) * 1000))
            }
            (_, Some(waiting)) => (waiting, WINDOW, self.latency_bound().unwrap_or(load.timeout)),
            (_, None) => (from, to.since(from), Delta::ZERO),
        };
        let begin = load.begin().unwrap_or(from);
        let recent = first - Delta::from_millis(20_000);
        let good =
            |before: Offset| load.slots(before.max(begin), first).rev().find(|(_, slot)| self.slot_is_good(slot));
        let lower = good(recent).or_else(|| good(begin)).map_or(begin, |(at, _)| at);
        let usual: Vec<u32> = load
            .slots(recent.max(begin), first)
            .filter(|(_, slot)| self.slot_is_good(slot))
            .map(|(_, slot)| slot.max_us)
            .collect();
        let usual = usual.iter().max().filter(|_| usual.len() >= LEAST).map(|us| Delta(i64::from(*us) * 1000));
        let end = known.min(usual.unwrap_or(known));
        Edge::new(lower, first, first + width + end)
    }

    fn load_recovery(&self, load: &LoadTrack, from: Offset, to: Offset) -> Edge {
        let bad = load.slots(from, to).rev().find(|(_, slot)| self.slot_is_bad(slot)).map(|(at, _)| at);
        let waiting = last_pending(load, from, to);
        let last = bad.max(waiting);
        let after = last.map_or(to, |at| at + SLOT);
        let good =
            load.slots(start_of(cell_of(after)), load.end()).find(|(at, slot)| *at >= after && self.slot_is_good(slot));
        match good {
            Some((at, slot)) => {
                let still = load.slots(from, load.end()).take_while(|(s, _)| *s < at);
                let lower = still.filter(|(_, slot)| self.slot_is_bad(slot)).map(|(s, _)| s).last().max(last);
                Edge::new(lower.unwrap_or(from), at, at + SLOT + Delta(i64::from(slot.max_us) * 1000))
            }
            None => Edge::new(last.unwrap_or(from), to, to + WINDOW),
        }
    }
}

/// Start of the first window with a request that was never answered.
fn from_cell(load: &LoadTrack, from: Offset, to: Offset) -> Option<Offset> {
    let place = load.cells(from, to).iter().position(|cell| cell.pending > 0)?;
    Some(from + Delta(WINDOW.nanos() * place as i64))
}

/// Start of the last window with a request that was never answered.
fn last_pending(load: &LoadTrack, from: Offset, to: Offset) -> Option<Offset> {
    let place = load.cells(from, to).iter().rposition(|cell| cell.pending > 0)?;
    Some(from + Delta(WINDOW.nanos() * place as i64))
}

enum Track<'a> {
    Probe(&'a ProbeTrack),
    Load(&'a LoadTrack),
}

fn lookup<'a>(stream: &Stream, streams: Streams<'a>) -> Option<Track<'a>> {
    let probe = streams.probes.get(&stream.name).map(Track::Probe);
    probe.or_else(|| streams.loads.get(&stream.name).map(Track::Load))
}

impl Stream {
    fn length(&self) -> Delta {
        Delta(WINDOW.nanos() * self.cells)
    }
}
