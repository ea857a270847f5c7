//! No histogram loses a count: whatever workers say, in whatever parts and however late, the counts and histograms of
//! windows, phases and total agree exactly with what was said, and with one another.
//!
//! `src/observe/load/tests.rs` proves the same of the way from a request to its line.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use proptest::prelude::*;
use simulacro::judge::conclude;
use simulacro::model::{Name, Offset};
use simulacro::result::{Latency, RunResult};
use simulacro::scenario::phases::Phase;
use simulacro::scenario::plan::Plan;
use simulacro::timeline::Timeline;
use simulacro::timeline::event::{EndReason, Event, EventKind};
use simulacro::timeline::hist::{decode_hist, encode_hist, new_hist};
use simulacro::timeline::load_line::WindowLine;

/// A drill with one stream, as `plan.json` holds it.
fn plan() -> Plan {
    let profile = serde_json::json!({
        "simulacro_profile": 1, "name": "steady", "constant_arrival_rate": { "rate": 100 }, "timeout": "1s",
        "requests": [{ "name": "list", "path": "/" }],
    });
    let plan = serde_json::json!({
        "version": simulacro::scenario::plan::VERSION, "run": "r", "file": "f", "digest": "", "objectives_digest": "",
        "seed": 1, "dir": "d", "simulated": true, "allow_commands": false, "host": "",
        "scenario": { "name": "s", "load": [{ "name": "steady", "profile": "p", "base_url": "u" }] },
        "profiles": { "steady": profile },
    });
    serde_json::from_value(plan).unwrap()
}

/// Part of what became of one window's requests of one name.
#[derive(Debug, Clone)]
struct Part {
    window: u64,
    name: usize,
    ok: Vec<u64>,
    err: Vec<u64>,
    dropped: u64,
    not_sent: u64,
    /// How long after the window's end it is told, in milliseconds.
    told_after: i64,
}

const NAMES: [&str; 3] = ["list", "buy", "look"];

fn part() -> impl Strategy<Value = Part> {
    let micros = || prop::collection::vec(1u64..700_000_000, 0..6);
    (0u64..45, 0usize..3, micros(), micros(), 0u64..4, 0u64..4, 10i64..1_500).prop_map(
        |(window, name, ok, err, dropped, not_sent, told_after)| Part {
            window,
            name,
            ok,
            err,
            dropped,
            not_sent,
            told_after,
        },
    )
}

/// What must come out.
#[derive(Debug, Default)]
struct Expected {
    ok: u64,
    err: u64,
    dropped: u64,
    not_sent: u64,
    values_ok: Vec<u64>,
    values_err: Vec<u64>,
}

fn hist(of: &[u64]) -> Histogram<u32> {
    let mut hist = new_hist();
    // Longer than 600 s counts as 600 s, as the worker records it.
    of.iter().for_each(|us| hist.saturating_record(*us));
    hist
}

impl Expected {
    fn of<'p>(parts: impl Iterator<Item = &'p Part>) -> Expected {
        let mut all = Expected::default();
        for part in parts {
            all.ok += part.ok.len() as u64;
            all.err += part.err.len() as u64;
            all.dropped += part.dropped;
            all.not_sent += part.not_sent;
            all.values_ok.extend(&part.ok);
            all.values_err.extend(&part.err);
        }
        all
    }

    fn counts(&self) -> [u64; 4] {
        [self.ok, self.err, self.dropped, self.not_sent]
    }
}

fn counts(latency: &Latency) -> [u64; 4] {
    [latency.ok, latency.err, latency.dropped, latency.not_sent]
}

/// The bars of a histogram: value and count.
type Bars = Vec<(u64, u32)>;

fn bars(hist: &Histogram<u32>) -> Bars {
    if hist.is_empty() {
        return Vec::new();
    }
    hist.iter_recorded().map(|bar| (bar.value_iterated_to(), bar.count_at_value())).collect()
}

/// The events of a run: its phases begin at `cuts`, and workers tell of `parts`.
fn run(parts: &[Part], cuts: &[i64; 6]) -> RunResult {
    let phases = [Phase::Warmup, Phase::Baseline, Phase::Fault, Phase::Recovery, Phase::After, Phase::Verify];
    let stream: Name = "steady".parse().unwrap();
    let told = |part: &Part| (part.window as i64 + 1) * 100 + part.told_after;
    let mut order: Vec<&Part> = parts.iter().collect();
    order.sort_by_key(|part| told(part));
    let mut left: BTreeMap<(u64, usize), usize> = BTreeMap::new();
    order.iter().for_each(|part| *left.entry((part.window, part.name)).or_default() += 1);
    let mut with = V2DeflateSerializer::new();
    let mut what: Vec<(i64, EventKind)> =
        phases.iter().zip(cuts).map(|(phase, at)| (*at, EventKind::Phase { phase: *phase })).collect();
    for (seq, part) in order.iter().enumerate() {
        let left = left.get_mut(&(part.window, part.name)).unwrap();
        *left -= 1;
        let (ok, err) = (part.ok.len() as u64, part.err.len() as u64);
        let line = WindowLine {
            seq: seq as u64,
            window: part.window,
            name: NAMES[part.name].into(),
            intended: ok + err + part.dropped + part.not_sent,
            started: ok + err,
            ok,
            err,
            dropped: part.dropped,
            not_sent: part.not_sent,
            hist_ok: encode_hist(&hist(&part.ok), &mut with).unwrap(),
            hist_err: encode_hist(&hist(&part.err), &mut with).unwrap(),
            is_final: *left == 0,
            ..WindowLine::default()
        };
        what.push((told(part), EventKind::Load { stream: stream.clone(), line: Box::new(line) }));
    }
    what.sort_by_key(|(at, _)| *at);
    let end = what.last().map_or(0, |(at, _)| *at) + 10;
    what.push((end, EventKind::LoadEnd { stream }));
    what.push((end, EventKind::End { reason: EndReason::Completed, remaining: Vec::new() }));
    let plan = plan();
    let mut timeline = Timeline::new(&plan);
    for (seq, (at, what)) in what.into_iter().enumerate() {
        timeline.push(&Event { seq: seq as u64, at: Offset::from_millis(at), what });
    }
    conclude(&plan, &timeline)
}

/// The counts and histograms of a span, of one request name or of all.
fn said(result: &RunResult, span: &str, request: Option<&str>) -> ([u64; 4], Bars, Bars) {
    let row = result.latency.rows.iter().find(|row| row.span == span && row.request.as_deref() == request);
    let decoded = |text: &str| bars(&decode_hist(text).unwrap());
    row.map_or_else(Default::default, |row| {
        (counts(&row.latency), decoded(&row.ok_histogram), decoded(&row.err_histogram))
    })
}

fn check(result: &RunResult, span: &str, parts: &[&Part]) -> Result<(), TestCaseError> {
    let names = (0..NAMES.len()).map(Some).chain([None]);
    for name in names {
        let wanted = parts.iter().filter(|part| name.is_none_or(|name| part.name == name)).copied();
        let wanted = Expected::of(wanted);
        let (counts, ok, err) = said(result, span, name.map(|name| NAMES[name]));
        prop_assert_eq!(counts, wanted.counts(), "{} {:?}", span, name);
        prop_assert_eq!(ok, bars(&hist(&wanted.values_ok)), "{} {:?}", span, name);
        prop_assert_eq!(err, bars(&hist(&wanted.values_err)), "{} {:?}", span, name);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn windows_phases_and_total_agree_exactly(
        parts in prop::collection::vec(part(), 1..60),
        mut cuts in prop::array::uniform6(0i64..4_600),
    ) {
        cuts.sort_unstable();
        cuts[0] = 0;
        let result = run(&parts, &cuts);
        let all: Vec<&Part> = parts.iter().collect();
        check(&result, "total", &all)?;
        // A window that lies across the border of two phases belongs to neither, and to the total all the same.
        let spans = ["warmup", "baseline", "fault", "recovery", "after"];
        let mut across: Vec<&Part> = all.clone();
        for (nth, span) in spans.iter().enumerate() {
            let inside = |part: &&Part| {
                let (from, to) = (part.window as i64 * 100, (part.window as i64 + 1) * 100);
                cuts[nth] <= from && to <= cuts[nth + 1]
            };
            let inside: Vec<&Part> = all.iter().copied().filter(inside).collect();
            check(&result, span, &inside)?;
            across.retain(|part| !inside.iter().any(|other| std::ptr::eq(*part, *other)));
        }
        let sum = |of: &dyn Fn(&str) -> [u64; 4]| {
            spans.iter().map(|span| of(span)).fold([0; 4], |a, b| std::array::from_fn(|i| a[i] + b[i]))
        };
        let phases = sum(&|span| said(&result, span, None).0);
        let verify = Expected::of(across.into_iter()).counts();
        let total = said(&result, "total", None).0;
        prop_assert_eq!(std::array::from_fn(|i| phases[i] + verify[i]), total, "phases and borders make the total");
        let seconds = result.windows.values().flatten().map(|second| counts(&second.latency));
        let seconds = seconds.fold([0; 4], |a, b| std::array::from_fn(|i| a[i] + b[i]));
        prop_assert_eq!(seconds, total, "seconds make the total");
    }
}
