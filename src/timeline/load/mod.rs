//! One load stream, kept small: counts by window, slots of 10 ms, histograms by span and by second.
//!
//! Window `w` covers [`w` × 100 ms, (`w` + 1) × 100 ms) of the run's own time: the runner gives its workers the raw
//! time of [`Offset::ZERO`] as their epoch. Window 0 begins with the run; there is none before it.
//!
//! Windows are reported late, in parts and in any order. Counts are added to their cell at once. Histograms wait until
//! nothing more will come for their window, and until it is known in which spans it lies; then they are added to the
//! sums of those spans and to their second, and dropped. So an hour with 10 names at 10 windows a second takes tens of
//! MB.

mod cell;
mod spans;

pub use cell::{Cell, SlotCell};
pub use spans::{Counts, Span, SpanRange, Sums};

use std::collections::BTreeMap;

use super::latency::Sparse;
use super::load_line::{Hello, LoadModel, WINDOW_MS, WindowLine};
use crate::model::{Delta, Offset};
use spans::Piece;

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
    /// Successes slower than this count as slow, in microseconds.
    slow_us: Option<u64>,
    names: Vec<String>,
    next_seq: BTreeMap<u32, u64>,
    /// What is still unanswered, by window, worker and name.
    waiting: BTreeMap<(u64, u32, u16), u64>,
    cells: Vec<Cell>,
    slots: Vec<[SlotCell; 10]>,
    open: BTreeMap<u64, Vec<Piece>>,
    sums: BTreeMap<Span, Vec<Sums>>,
    seconds: Vec<Sparse>,
    first: Option<u64>,
    heard: Option<Offset>,
    reasons: Vec<(Offset, String)>,
}

impl LoadTrack {
    /// A stream that has not been heard of. `slow`: successes that took longer are counted as slow.
    pub fn new(model: LoadModel, asked_rate: Option<f64>, timeout: Delta, slow: Option<Delta>) -> LoadTrack {
        LoadTrack {
            model,
            executor: String::new(),
            asked_rate,
            timeout,
            missing: Vec::new(),
            ended: false,
            slow_us: slow.map(|slow| slow.nanos().max(0) as u64 / 1000),
            names: Vec::new(),
            next_seq: BTreeMap::new(),
            waiting: BTreeMap::new(),
            cells: Vec::new(),
            slots: Vec::new(),
            open: BTreeMap::new(),
            sums: BTreeMap::new(),
            seconds: Vec::new(),
            first: None,
            heard: None,
            reasons: Vec::new(),
        }
    }

    /// Takes what a worker says of itself.
    pub fn hello(&mut self, hello: &Hello) {
        self.model = hello.model;
        self.executor.clone_from(&hello.executor);
        self.asked_rate = hello.asked_rate.or(self.asked_rate);
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
        let (ok, err) = match (Sparse::decode(&line.hist_ok), Sparse::decode(&line.hist_err)) {
            (Ok(ok), Ok(err)) => (ok, err),
            (Err(why), _) | (_, Err(why)) => {
                self.miss(start_of(line.window), Some(at), why.to_string());
                Default::default()
            }
        };
        let place = line.window as usize;
        if place >= self.cells.len() {
            self.cells.resize(place + 1, Cell::default());
            self.slots.resize(place + 1, Default::default());
        }
        if line.intended > 0 {
            self.first = Some(self.first.map_or(line.window, |first| first.min(line.window)));
        }
        let key = (line.window, line.worker, name);
        let before = self.waiting.remove(&key).unwrap_or(0);
        if !line.is_final {
            self.waiting.insert(key, line.pending);
        }
        let slow = self.slow_us.map_or(0, |us| ok.above(us));
        self.cells[place].add(line, slow, err.max(), before);
        line.slots.iter().for_each(|slot| {
            if let Some(mine) = self.slots[place].get_mut(usize::from(slot.slot)) {
                mine.add(slot);
            }
        });
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
        piece.add(line, ok, err, before);
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
    pub fn cells(&self, from: Offset, to: Offset) -> &[Cell] {
        let (a, b) = inside(from, to, self.cells.len());
        &self.cells[a..b]
    }

    /// The slots of those windows, with the start of each.
    pub fn slots(&self, from: Offset, to: Offset) -> impl DoubleEndedIterator<Item = (Offset, &SlotCell)> {
        let (a, b) = inside(from, to, self.slots.len());
        (a..b).flat_map(move |w| {
            let start = start_of(w as u64);
            (0..10).map(move |s| (start + Delta::from_millis(10 * s as i64), &self.slots[w][s]))
        })
    }

    /// Counts of the windows that lie entirely inside [`from`, `to`).
    pub fn counts(&self, from: Offset, to: Offset) -> Counts {
        let mut counts = Counts::default();
        self.cells(from, to).iter().for_each(|cell| counts.add_cell(cell));
        counts
    }

    /// Latencies of successes in [`from`, `to`): of the whole seconds inside, and of windows not yet put away.
    pub fn latencies(&self, from: Offset, to: Offset) -> super::latency::Hist {
        let mut hist = super::latency::Hist::default();
        let second = Delta(WINDOW.nanos() * IN_SECOND as i64);
        let first = (from.nanos().max(0) as u64).div_ceil(second.nanos() as u64) as usize;
        let last = (to.nanos().max(0) as u64 / second.nanos() as u64) as usize;
        self.seconds.iter().take(last).skip(first).for_each(|s| hist.merge_sparse(s));
        for (window, pieces) in &self.open {
            if start_of(*window) >= from && start_of(*window + 1) <= to {
                pieces.iter().for_each(|piece| hist.merge_sparse(&piece.ok));
            }
        }
        hist
    }

    /// Latencies of successes of second `n` of the run.
    pub fn second(&self, n: usize) -> Option<&Sparse> {
        self.seconds.get(n)
    }

    /// The sums of a span by request name.
    pub fn sums(&self, span: Span) -> Vec<(&str, &Sums)> {
        let sums = self.sums.get(&span).into_iter().flatten();
        sums.enumerate().map(|(name, sums)| (self.names[name].as_str(), sums)).collect()
    }

    /// The sums of a span over all names.
    pub fn sum(&self, span: Span) -> Sums {
        let mut all = Sums::default();
        self.sums.get(&span).into_iter().flatten().for_each(|sums| all.merge(sums));
        all
    }

    /// Puts histograms away. A window goes when nothing more will come for it (or nothing came for too long) and it
    /// ends at `through` or earlier: up to there `spans` are known. `all`: the run is over, nothing more will come at
    /// all.
    pub fn settle(&mut self, now: Offset, through: Offset, spans: &[SpanRange], all: bool) {
        while let Some((&window, _)) = self.open.first_key_value() {
            let (from, to) = (start_of(window), start_of(window + 1));
            let late = now > to + self.timeout + GRACE;
            let complete = to <= self.told() && self.waiting.range((window, 0, 0)..(window + 1, 0, 0)).next().is_none();
            if !all && (to > through || !(late || complete)) {
                return;
            }
            let pieces = self.open.remove(&window).unwrap_or_default();
            let merged = self.missing.iter().any(|m| m.merged && m.from < to && m.to.is_none_or(|end| end > from));
            for span in spans.iter().filter(|span| span.span == Span::Total || (!merged && span.holds(from, to))) {
                let sums = self.sums.entry(span.span).or_default();
                sums.resize_with(sums.len().max(self.names.len()), Sums::default);
                pieces.iter().for_each(|piece| sums[usize::from(piece.name)].add(piece));
            }
            self.put_second(window, &pieces);
        }
    }

    fn put_second(&mut self, window: u64, pieces: &[Piece]) {
        let second = (window / IN_SECOND) as usize;
        if second >= self.seconds.len() {
            self.seconds.resize_with(second + 1, Sparse::default);
        }
        let mut hist = super::latency::Hist::default();
        hist.merge_sparse(&self.seconds[second]);
        pieces.iter().for_each(|piece| hist.merge_sparse(&piece.ok));
        self.seconds[second] = hist.sparse();
    }

    /// Bytes it takes, about.
    pub fn heap(&self) -> usize {
        let sums: usize = self.sums.values().flatten().map(Sums::heap).sum();
        let open: usize = self.open.values().flatten().map(Piece::heap).sum();
        let cells = self.cells.capacity() * size_of::<Cell>() + self.slots.capacity() * size_of::<[SlotCell; 10]>();
        sums + open + cells + self.seconds.iter().map(|s| s.heap() + size_of::<Sparse>()).sum::<usize>()
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
