//! One load stream, kept small: counts by window, slots of 10 ms, histograms by span and by second.
//!
//! Window `w` covers [`w` × 100 ms, (`w` + 1) × 100 ms) of the run's own time: the runner gives its workers the raw
//! time of [`Offset::ZERO`] as their epoch. Window 0 begins with the run; there is none before it.
//!
//! Windows are reported late, in parts and in any order. Counts are added to their cell at once. Histograms wait until
//! nothing more will come for their window, and until it is known in which spans it lies; then they are added to the
//! sums of those spans and to their second, and dropped. So an hour takes a few MB, whatever the rate
//! (`docs/decisions/0024-thresholds.md`).

mod cell;
mod cells;
mod parts;
mod seconds;
mod settle;
mod spans;
mod sums;
#[cfg(test)]
mod tests;

pub use cell::{Cell, SlotCell};
pub use parts::{SearchTrack, StepTrack};
pub use spans::{Counts, Span, SpanRange};
pub use sums::Sums;

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use super::event::SearchMark;
use super::load_line::{Hello, LoadModel, WINDOW_MS, WindowLine};
use crate::model::{Delta, Offset};
use crate::scenario::profile::Profile;
use cells::Cells;
use parts::Stages;
use seconds::Seconds;
use sums::{Piece, Read};

/// Length of a window.
pub const WINDOW: Delta = Delta::from_millis(WINDOW_MS as i64);

/// Windows in a second.
const IN_SECOND: u64 = 1000 / WINDOW_MS;

/// How long histograms wait beyond the request timeout for a last line that does not come.
const GRACE: Delta = Delta::from_millis(5_000);

/// Most names that are kept apart; further ones share one row.
const NAMES: usize = 500;

/// A line about a window this far in the future is damaged.
const FUTURE: Delta = Delta::from_millis(60_000);

/// A time in which part of a stream is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The last time something was heard before.
    pub from: Offset,
    /// When it was noticed, after which all is well again; none: never again.
    pub to: Option<Offset>,
    /// Why.
    pub why: String,
    /// Nothing is lost, but it is not known to which windows it belongs.
    pub merged: bool,
}

/// One load stream.
#[derive(Debug, Clone)]
pub struct LoadTrack {
    /// Open or closed.
    pub model: LoadModel,
    /// The executor, in the words of the profile.
    pub executor: String,
    /// The rate asked for, per second.
    pub asked_rate: Option<f64>,
    /// How long a request may take.
    pub timeout: Delta,
    /// Parts that are missing.
    pub missing: Vec<Missing>,
    /// Whether every worker ended as it should.
    pub ended: bool,
    /// Its search for the highest rate, when it is one.
    pub search: Option<SearchTrack>,
    /// Successes slower than this count as slow, in microseconds.
    slow_us: Option<u64>,
    names: Vec<String>,
    next_seq: BTreeMap<u32, u64>,
    /// What is still unanswered, by window, worker and name.
    waiting: BTreeMap<(u64, u32, u16), u64>,
    cells: Cells,
    /// Only of a stream that the recovery signal listens to: nothing else asks for them.
    slots: Option<Vec<[SlotCell; 10]>>,
    open: BTreeMap<u64, Vec<Piece>>,
    sums: BTreeMap<Span, Vec<Sums>>,
    /// Sums of steps long over, all names together.
    folded: BTreeMap<Span, Sums>,
    /// Windows that were put away lately; none: nobody asks for single request names.
    recent: Option<VecDeque<(u64, Vec<Piece>)>>,
    seconds: Seconds,
    stages: Stages,
    first: Option<u64>,
    heard: Option<Offset>,
    reasons: Vec<(Offset, String)>,
}

impl LoadTrack {
    /// A stream that has not been heard of.
    pub fn new(profile: Option<&Profile>) -> LoadTrack {
        let executor = profile.and_then(Profile::executor);
        let names = profile.map(Profile::request_names).unwrap_or_default();
        LoadTrack {
            model: executor.map_or(LoadModel::Open, |e| e.model()),
            executor: String::new(),
            asked_rate: executor.and_then(|e| e.asked_rate()),
            timeout: profile.map_or(Delta::from_millis(10_000), |p| p.timeout.into()),
            missing: Vec::new(),
            ended: false,
            search: None,
            slow_us: None,
            names: names.iter().take(NAMES).map(ToString::to_string).collect(),
            next_seq: BTreeMap::new(),
            waiting: BTreeMap::new(),
            cells: Cells::default(),
            slots: None,
            open: BTreeMap::new(),
            sums: BTreeMap::new(),
            folded: BTreeMap::new(),
            recent: None,
            seconds: Seconds::default(),
            stages: Stages::of(executor),
            first: None,
            heard: None,
            reasons: Vec::new(),
        }
    }

    /// The recovery signal listens to it: slots are kept, and successes slower than `slow` are counted as such.
    pub fn listened(mut self, slow: Option<Delta>) -> LoadTrack {
        self.slow_us = slow.map(|slow| slow.nanos().max(0) as u64 / 1000);
        self.slots = Some(Vec::new());
        self
    }

    /// Conditions ask for single request names while the run is on: the last minute is kept by name.
    pub fn by_name(mut self) -> LoadTrack {
        self.recent = Some(VecDeque::new());
        self
    }

    /// Takes what a worker says of itself; its requests were meant to start from `from` on, where that is known.
    pub fn hello(&mut self, hello: &Hello, from: Option<Offset>) {
        from.into_iter().for_each(|from| self.stages.begin(from));
        self.model = hello.model;
        self.executor.clone_from(&hello.executor);
        self.asked_rate = hello.asked_rate.or(self.asked_rate);
    }

    /// Takes what became of its search.
    pub fn search(&mut self, mark: &SearchMark) {
        self.search.get_or_insert_default().mark(mark);
        self.fold_steps();
    }

    /// Takes a line that arrived at `at`; answers the start of the earliest time about which something new is known.
    pub fn line(&mut self, line: &WindowLine, at: Offset) -> Offset {
        let heard = self.heard.unwrap_or(at);
        let next = self.next_seq.entry(line.worker).or_insert(line.seq);
        match line.seq {
            seq if seq < *next => {
                self.miss(heard, Some(at), format!("worker {} repeated line {seq}", line.worker));
                return heard;
            }
            seq if seq > *next => {
                let lost = seq - *next;
                *next = seq + 1;
                self.miss(heard, Some(at), format!("{lost} lines of worker {} are lost", line.worker));
            }
            seq => *next = seq + 1,
        }
        self.heard = Some(at);
        let from = start_of(line.window);
        if from > at + FUTURE {
            self.miss(
                heard,
                Some(at),
                format!("worker {} spoke of window {}, which is far ahead", line.worker, line.window),
            );
            return heard;
        }
        if line.merged {
            // Where in the windows from here on its counts belong is not known, so none of them can be judged; the
            // counts go to the total only.
            let why = "the runner did not read for so long that windows were merged".into();
            self.missing.push(Missing { from, to: Some(at), why, merged: true });
        }
        self.add(line, at);
        from.min(heard)
    }

    fn add(&mut self, line: &WindowLine, at: Offset) {
        let name = self.name(&line.name);
        let read = Read::of(line).unwrap_or_else(|why| {
            self.miss(start_of(line.window), Some(at), why);
            Read::default()
        });
        let place = line.window as usize;
        if let Some(slots) = self.slots.as_mut().filter(|slots| place >= slots.len()) {
            slots.resize(place + 1, Default::default());
        }
        if line.intended > 0 {
            self.first = Some(self.first.map_or(line.window, |first| first.min(line.window)));
        }
        let key = (line.window, line.worker, name);
        let before = self.waiting.remove(&key).unwrap_or(0);
        if !line.is_final {
            self.waiting.insert(key, line.pending);
        }
        let slow = self.slow_us.map_or(0, |us| read.ok.above(us));
        self.cells.change(place, |cell| cell.add(line, slow, read.err.max(), before));
        if let Some(slots) = self.slots.as_mut().and_then(|slots| slots.get_mut(place)) {
            line.slots.iter().for_each(|slot| {
                if let Some(mine) = slots.get_mut(usize::from(slot.slot)) {
                    mine.add(slot);
                }
            });
        }
        if let Some(why) = &line.why
            && self.reasons.len() < 1_000
        {
            self.reasons.push((start_of(line.window), why.clone()));
        }
        let pieces = self.open.entry(line.window).or_default();
        let piece = match pieces.iter_mut().position(|piece| piece.name == name) {
            Some(at) => &mut pieces[at],
            None => {
                pieces.push(Piece::new(name));
                let last = pieces.len() - 1;
                &mut pieces[last]
            }
        };
        piece.add(line, read, before);
    }

    fn name(&mut self, name: &str) -> u16 {
        let name = if self.names.len() >= NAMES { "others" } else { name };
        let at = self.names.iter().position(|n| n == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        at as u16
    }

    fn miss(&mut self, from: Offset, to: Option<Offset>, why: String) {
        match self.missing.last_mut() {
            // A damaged stream would otherwise fill memory with the same remark.
            Some(last) if !last.merged && last.to.is_some_and(|end| end >= from) && to.is_some() => last.to = to,
            _ => self.missing.push(Missing { from, to, why, merged: false }),
        }
    }

    /// The worker is lost: what it did since its last line is unknown.
    pub fn lost(&mut self, at: Offset, why: &str) -> Offset {
        let from = self.heard.unwrap_or(at);
        self.missing.push(Missing { from, to: None, why: why.to_owned(), merged: false });
        from
    }

    /// The windows before this time have been told of entirely, as far as they were started; a window without any line
    /// is one that the worker could not report.
    pub fn told(&self) -> Offset {
        let all = self.end();
        if self.ended { all } else { all - WINDOW }
    }

    /// When something was last heard.
    pub fn heard(&self) -> Option<Offset> {
        self.heard
    }

    /// Start of the first window with a request.
    pub fn begin(&self) -> Option<Offset> {
        self.first.map(start_of)
    }

    /// End of the last window with a request.
    pub fn last(&self) -> Offset {
        let last = self.cells.rposition(|cell| cell.intended > 0);
        last.map_or(Offset::ZERO, |window| start_of(window as u64 + 1))
    }

    /// End of the last window that a line speaks of.
    pub fn end(&self) -> Offset {
        start_of(self.cells.len() as u64)
    }

    /// Why something failed in [`from`, `to`), the first that was reported.
    pub fn reason_between(&self, from: Offset, to: Offset) -> Option<&str> {
        self.reasons.iter().find(|(at, _)| (from..to).contains(at)).map(|(_, why)| why.as_str())
    }

    /// Whether something is missing in [`from`, `to`), and why.
    pub fn missing_between(&self, from: Offset, to: Offset) -> Option<&Missing> {
        self.missing.iter().find(|m| m.from < to && m.to.is_none_or(|end| end > from))
    }

    /// The windows that lie entirely inside [`from`, `to`).
    pub fn cells(&self, from: Offset, to: Offset) -> Cow<'_, [Cell]> {
        let (a, b) = inside(from, to, self.cells.len());
        self.cells.slice(a, b)
    }

    /// How many windows lie entirely inside [`from`, `to`).
    pub fn windows(&self, from: Offset, to: Offset) -> usize {
        let (a, b) = inside(from, to, self.cells.len());
        b - a
    }

    /// The slots of those windows, with the start of each; none of a stream that the recovery signal does not listen
    /// to.
    pub fn slots(&self, from: Offset, to: Offset) -> impl DoubleEndedIterator<Item = (Offset, &SlotCell)> {
        let slots = self.slots.as_deref().unwrap_or_default();
        let (a, b) = inside(from, to, slots.len());
        (a..b).flat_map(move |w| {
            let start = start_of(w as u64);
            (0..10).map(move |s| (start + Delta::from_millis(10 * s as i64), &slots[w][s]))
        })
    }

    /// Counts of the windows that lie entirely inside [`from`, `to`).
    pub fn counts(&self, from: Offset, to: Offset) -> Counts {
        Counts::of(&self.cells(from, to))
    }
}

/// Start of a window.
pub fn start_of(window: u64) -> Offset {
    Offset(WINDOW.nanos().saturating_mul(i64::try_from(window).unwrap_or(i64::MAX)))
}

/// Numbers of the windows entirely inside [`from`, `to`), of `len`.
fn inside(from: Offset, to: Offset, len: usize) -> (usize, usize) {
    let length = WINDOW.nanos() as u64;
    let a = (from.nanos().max(0) as u64).div_ceil(length).min(len as u64) as usize;
    let b = (to.nanos().max(0) as u64 / length).min(len as u64) as usize;
    (a.min(b), b)
}
