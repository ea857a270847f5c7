//! From what senders write down to the lines on the wire: nothing is lost, nothing counted twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use hdrhistogram::Histogram;
use proptest::prelude::*;

use super::collector::{Collector, Totals};
use super::latencies::micros;
use super::lines::Lines;
use super::outbox::{MOST_WINDOWS, Outbox};
use super::reason::Reason;
use super::recorder::{Grid, Outcome, Shard, Ticket};
use crate::timeline::hist::{decode_hist, new_hist};
use crate::timeline::load_line::{MAX_LINE, WindowLine, WorkerLine};

const MS: i64 = 1_000_000;
const GRID: Grid = Grid { epoch: 5_000 * MS };

/// One thing that a sender or the pacer does; times are milliseconds after the epoch.
#[derive(Debug, Clone)]
enum Act {
    Begin { name: u16, after: i64, late: i64 },
    Finish { nth: usize, took: i64, how: u8 },
    Drop { name: u16, after: i64 },
    TooLate { name: u16, after: i64 },
    Collect { step: i64 },
    Write,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0u16..3, 0i64..40, 0i64..30).prop_map(|(name, after, late)| Act::Begin { name, after, late }),
        6 => (0usize..50, 0i64..900_000, 0u8..6).prop_map(|(nth, took, how)| Act::Finish { nth, took, how }),
        1 => (0u16..3, 0i64..40).prop_map(|(name, after)| Act::Drop { name, after }),
        1 => (0u16..3, 0i64..40).prop_map(|(name, after)| Act::TooLate { name, after }),
        2 => (0i64..500).prop_map(|step| Act::Collect { step }),
        1 => Just(Act::Write),
    ];
    prop::collection::vec(act, 0..400)
}

/// What was done, written down a second time.
struct Truth {
    ok: Histogram<u32>,
    err: Histogram<u32>,
    service: Histogram<u32>,
    started: u64,
    late: u64,
    /// How many requests of a window ended how many windows later.
    later: BTreeMap<(u64, u64), u64>,
    /// Those of them that count as failures.
    later_failed: BTreeMap<(u64, u64), u64>,
}

impl Truth {
    fn new() -> Self {
        Truth {
            ok: new_hist(),
            err: new_hist(),
            service: new_hist(),
            started: 0,
            late: 0,
            later: BTreeMap::new(),
            later_failed: BTreeMap::new(),
        }
    }

    fn finish(&mut self, outcome: Outcome, latency: i64, service: i64) {
        let micros = |nanos| u64::from(micros(nanos).0);
        match outcome {
            Outcome::Ok => {
                self.ok.record(micros(latency)).unwrap();
                self.service.record(micros(service)).unwrap();
            }
            Outcome::Bad(reason) if reason.is_ours() => {}
            Outcome::Bad(_) => self.err.record(micros(latency)).unwrap(),
        }
    }
}

/// The whole path with hand-made times.
struct Path {
    shards: [Shard; 2],
    /// Shard, record, intended and actual start of each request.
    under_way: Vec<(usize, Ticket, i64, i64)>,
    truth: Truth,
    collector: Collector,
    outbox: Outbox,
    lines: Lines,
    /// The raw time up to which requests were meant to start.
    cursor: i64,
    now: i64,
    written: Vec<WindowLine>,
}

impl Path {
    fn new() -> Self {
        let start = GRID.epoch;
        Path {
            shards: [Shard::new(GRID, Some(start)), Shard::new(GRID, Some(start))],
            under_way: Vec::new(),
            truth: Truth::new(),
            collector: Collector::new(GRID, start),
            outbox: Outbox::default(),
            lines: Lines::new(["a", "b", "c"].iter().map(|name| name.parse().unwrap()).collect(), Arc::default()),
            cursor: start,
            now: start,
            written: Vec::new(),
        }
    }

    fn arrive(&mut self, after: i64) -> i64 {
        self.cursor += after * MS;
        self.now = self.now.max(self.cursor);
        self.cursor
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Begin { name, after, late } => {
                let intended = self.arrive(after);
                let shard = self.under_way.len() % 2;
                let started = intended + late * MS;
                let ticket = self.shards[shard].begin(name, intended, started);
                self.truth.started += 1;
                self.truth.late += u64::from(late > 10);
                self.under_way.push((shard, ticket, intended, started));
            }
            Act::Finish { nth, took, how } if !self.under_way.is_empty() => {
                let (shard, ticket, intended, started) = self.under_way.remove(nth % self.under_way.len());
                let outcome = match how {
                    0 => Outcome::Bad(Reason::Timeout),
                    1 => Outcome::Bad(Reason::Local(24)),
                    2 => Outcome::Bad(Reason::Status(503)),
                    _ => Outcome::Ok,
                };
                let ended = intended + took * MS;
                self.truth.finish(outcome, ended - intended, ended - started);
                let (window, end) = (GRID.window_of(intended), GRID.window_of(ended));
                if end > window {
                    *self.truth.later.entry((window, end - window)).or_default() += 1;
                    if matches!(outcome, Outcome::Bad(reason) if !reason.is_ours()) {
                        *self.truth.later_failed.entry((window, end - window)).or_default() += 1;
                    }
                }
                self.shards[shard].finish(ticket, outcome, ended);
            }
            Act::Finish { .. } => {}
            Act::Drop { name, after } => {
                let intended = self.arrive(after);
                self.shards[0].dropped(name, intended);
            }
            Act::TooLate { name, after } => {
                let intended = self.arrive(after);
                self.shards[1].not_sent(name, intended, 1);
            }
            Act::Collect { step } => {
                self.now += step * MS;
                self.collect(false);
            }
            Act::Write => self.write(),
        }
    }

    fn collect(&mut self, closing: bool) {
        for shard in &self.shards {
            // One further request may still be meant for the very moment of the cursor.
            shard.reached(self.cursor);
        }
        let taken = self.shards.iter().map(Shard::take).collect();
        let updates = self.collector.collect(taken, self.now, closing);
        self.outbox.put(updates);
    }

    fn write(&mut self) {
        // Taking waits for news, so there must be some.
        self.outbox.end(Totals::default());
        let batch = self.outbox.take();
        let written = &mut self.written;
        let result: Result<(), String> = self.lines.write(super::outbox::Batch { end: None, ..batch }, |text| {
            if text.len() > MAX_LINE {
                return Err(format!("a line of {} bytes", text.len()));
            }
            match serde_json::from_str(text).map_err(|e| e.to_string())? {
                WorkerLine::Window(window) => written.push(*window),
                other => return Err(format!("unexpected: {other:?}")),
            }
            Ok(())
        });
        result.unwrap();
    }
}

/// The sums of all lines of one window and name.
#[derive(Debug, Default)]
struct Sum {
    intended: u64,
    ok: u64,
    err: u64,
    dropped: u64,
    not_sent: u64,
    pending: u64,
    is_final: bool,
    hist_ok: u64,
    hist_err: u64,
    slot_ok: u64,
    slot_bad: u64,
    merged: bool,
}

fn sums(lines: &[WindowLine]) -> BTreeMap<(u64, String), Sum> {
    let mut sums: BTreeMap<(u64, String), Sum> = BTreeMap::new();
    for line in lines {
        let sum = sums.entry((line.window, line.name.clone())).or_default();
        assert!(!sum.is_final || line.merged, "a line after the final one: {line:?}");
        sum.intended += line.intended;
        sum.ok += line.ok;
        sum.err += line.err;
        sum.dropped += line.dropped;
        sum.not_sent += line.not_sent;
        sum.pending = line.pending;
        sum.is_final = line.is_final;
        sum.hist_ok += decode_hist(&line.hist_ok).unwrap().len();
        sum.hist_err += decode_hist(&line.hist_err).unwrap().len();
        sum.slot_ok += line.slots.iter().map(|slot| u64::from(slot.ok)).sum::<u64>();
        sum.slot_bad += line.slots.iter().map(|slot| u64::from(slot.bad)).sum::<u64>();
        sum.merged |= line.merged;
    }
    sums
}

/// Histograms of a part of the lines, added up.
#[derive(PartialEq)]
struct Merged {
    ok: Histogram<u32>,
    err: Histogram<u32>,
    service: Histogram<u32>,
    started: u64,
    late: u64,
}

fn merged<'l>(lines: impl Iterator<Item = &'l WindowLine>) -> Merged {
    let mut all = Merged { ok: new_hist(), err: new_hist(), service: new_hist(), started: 0, late: 0 };
    for line in lines {
        for (hist, text) in
            [(&mut all.ok, &line.hist_ok), (&mut all.err, &line.hist_err), (&mut all.service, &line.hist_service)]
        {
            hist.add(decode_hist(text).unwrap()).unwrap();
        }
        all.started += line.started;
        all.late += line.late;
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn windows_phases_and_the_whole_have_the_very_same_histograms(acts in acts(), cut in 0u64..80, again in 0u64..80) {
        let mut path = Path::new();
        for act in acts {
            path.act(act);
        }
        path.collect(true);
        path.write();
        let whole = merged(path.written.iter());
        let (truth, same) = (&path.truth, |a: &Histogram<u32>, b: &Histogram<u32>| a.iter_recorded().eq(b.iter_recorded()));
        prop_assert!(same(&whole.ok, &truth.ok) && same(&whole.err, &truth.err) && same(&whole.service, &truth.service));
        prop_assert_eq!((whole.started, whole.late), (truth.started, truth.late));
        prop_assert_eq!(whole.service.len(), whole.ok.len(), "every good answer of an open model has both times");
        // Three phases that begin with any windows.
        let phase = |line: &WindowLine| u64::from(line.window >= cut.min(again)) + u64::from(line.window >= cut.max(again));
        let mut sum = merged([].iter());
        for nth in 0..3 {
            let part = merged(path.written.iter().filter(|line| phase(line) == nth));
            for (all, part) in [(&mut sum.ok, part.ok), (&mut sum.err, part.err), (&mut sum.service, part.service)] {
                all.add(part).unwrap();
            }
            (sum.started, sum.late) = (sum.started + part.started, sum.late + part.late);
        }
        prop_assert!(sum == whole, "phases do not add up to the whole");
        // Who was still unanswered at the end of a window is known of each.
        let mut later: BTreeMap<(u64, u64), u64> = BTreeMap::new();
        let mut failed: BTreeMap<(u64, u64), u64> = BTreeMap::new();
        for line in &path.written {
            for (windows, n) in &line.later_failed {
                *failed.entry((line.window, u64::from(*windows))).or_default() += u64::from(*n);
            }
            prop_assert_eq!(line.later.is_some(), !line.merged);
            for (windows, n) in line.later.iter().flatten() {
                *later.entry((line.window, u64::from(*windows))).or_default() += u64::from(*n);
            }
        }
        if path.written.iter().all(|line| !line.merged) {
            prop_assert_eq!(&later, &truth.later);
            prop_assert_eq!(&failed, &truth.later_failed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn windows_slots_histograms_and_totals_agree(acts in acts()) {
        let mut path = Path::new();
        for act in acts {
            path.act(act);
        }
        path.collect(true);
        path.write();
        let totals = path.collector.totals();
        let sums = sums(&path.written);
        for (key, sum) in &sums {
            prop_assert_eq!(sum.intended, sum.ok + sum.err + sum.dropped + sum.not_sent + sum.pending, "{:?}", key);
            prop_assert_eq!((sum.hist_ok, sum.hist_err), (sum.ok, sum.err), "{:?}", key);
            prop_assert_eq!((sum.slot_ok, sum.slot_bad), (sum.ok, sum.err + sum.dropped), "{:?}", key);
            prop_assert_eq!(sum.is_final, sum.pending == 0, "{:?}", key);
        }
        let total = |of: fn(&Sum) -> u64| sums.values().map(of).sum::<u64>();
        prop_assert_eq!(total(|s| s.intended), totals.intended);
        prop_assert_eq!(total(|s| s.ok), totals.ok);
        prop_assert_eq!(total(|s| s.err), totals.err);
        prop_assert_eq!(total(|s| s.dropped), totals.dropped);
        prop_assert_eq!(total(|s| s.not_sent), totals.not_sent);
        prop_assert_eq!(total(|s| s.pending), path.under_way.len() as u64);
        let numbers: Vec<u64> = path.written.iter().map(|line| line.seq).collect();
        prop_assert_eq!(numbers, (0..path.written.len() as u64).collect::<Vec<_>>());
    }
}

#[test]
fn a_pipe_that_nobody_reads_costs_windows_but_no_counts() {
    let mut path = Path::new();
    for _ in 0..MOST_WINDOWS * 2 {
        path.act(Act::Begin { name: 1, after: 100, late: 0 });
        path.act(Act::Finish { nth: 0, took: 3, how: 5 });
        path.act(Act::Collect { step: 110 });
    }
    path.collect(true);
    path.write();
    let sums = sums(&path.written);
    let windows: std::collections::BTreeSet<u64> = sums.keys().map(|(window, _)| *window).collect();
    assert!(windows.len() <= MOST_WINDOWS, "{} windows", windows.len());
    assert_eq!(sums.values().map(|sum| sum.ok).sum::<u64>(), 2 * MOST_WINDOWS as u64);
    assert_eq!(sums.values().map(|sum| sum.hist_ok).sum::<u64>(), 2 * MOST_WINDOWS as u64);
    assert!(sums.values().any(|sum| sum.merged) && sums.values().any(|sum| !sum.merged));
    assert!(path.written.iter().all(|line| !line.merged || line.slots.is_empty()));
}

#[test]
fn a_hanging_request_is_told_with_its_age_until_it_ends() {
    let mut path = Path::new();
    path.act(Act::Begin { name: 0, after: 30, late: 0 });
    path.cursor += 200 * MS;
    for _ in 0..30 {
        path.act(Act::Collect { step: 100 });
        path.cursor += 100 * MS;
        path.write();
    }
    let told: Vec<u64> = path.written.iter().filter(|l| l.window == 0).map(|l| l.oldest / MS as u64).collect();
    assert_eq!(told.len(), 3, "once at its window's end and then once a second: {told:?}");
    assert!(told.windows(2).all(|pair| pair[1] - pair[0] == 1000), "{told:?}");
    path.act(Act::Finish { nth: 0, took: 3_100, how: 5 });
    path.act(Act::Collect { step: 100 });
    path.write();
    let last = path.written.iter().rfind(|line| line.window == 0).unwrap();
    assert!(last.is_final && last.ok == 1 && last.pending == 0, "{last:?}");
}

#[test]
fn empty_windows_are_told_but_not_those_in_which_the_worker_itself_was_stopped() {
    let mut path = Path::new();
    path.cursor += 450 * MS;
    path.act(Act::Collect { step: 460 });
    path.cursor += 60_000 * MS;
    path.act(Act::Collect { step: 60_000 });
    path.write();
    let told: Vec<u64> = path.written.iter().map(|line| line.window).collect();
    assert_eq!(told, [0, 1, 2, 3].into_iter().chain(594..604).collect::<Vec<u64>>());
    assert!(path.written.iter().all(|line| line.is_final && line.intended == 0));
}

#[test]
fn a_window_too_large_for_a_line_is_split() {
    let mut path = Path::new();
    for n in 0..60_000u64 {
        let ticket = path.shards[0].begin(0, GRID.epoch, GRID.epoch);
        let outcome = if n % 3 == 0 { Outcome::Bad(Reason::Timeout) } else { Outcome::Ok };
        // Spread over all buckets, so that nothing compresses well.
        let bits = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let took = ((bits % 2048 + 1) << ((bits >> 32) % 18)) as i64 * 1000;
        path.shards[0].finish(ticket, outcome, GRID.epoch + took);
    }
    path.cursor += 200 * MS;
    path.act(Act::Collect { step: 200 });
    path.write();
    let first: Vec<&WindowLine> = path.written.iter().filter(|line| line.window == 0).collect();
    assert!(first.len() >= 2, "one line would be longer than allowed");
    assert!(first.iter().rev().skip(1).all(|line| !line.is_final) && first.last().unwrap().is_final);
    let sum = &sums(&path.written)[&(0, "a".to_owned())];
    assert_eq!((sum.ok, sum.err, sum.hist_ok, sum.hist_err), (40_000, 20_000, 40_000, 20_000));
}
