//! No request is lost: whatever order lines come in, the counts and histograms of windows, phases, stages and of the
//! whole run agree with the requests themselves.

use proptest::prelude::*;

use super::*;
use crate::model::Name;
use crate::scenario::phases::Phase;
use crate::timeline::latency::Sparse;
use crate::timeline::load_line::Hello;
use crate::timeline::script::ms;

/// A ramp of three stages of 1 s, 0 s and 1.25 s.
const RAMP: &str = "{simulacro_profile: 1, name: ramp, timeout: 1s, requests: [{name: list, path: /}], \
     ramping_arrival_rate: {stages: [{duration: 1s, target: 10}, {duration: 0s, target: 5}, \
     {duration: 1250ms, target: 10, name: peak}]}}";

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Ok,
    Err,
    Dropped,
    NotSent,
    Never,
}

/// A request: when it was meant to start and how long it took, in milliseconds; its worker and name.
#[derive(Debug, Clone, Copy)]
struct Request {
    at: i64,
    took: i64,
    end: End,
    worker: u32,
    name: usize,
    /// Whether its end is in the first line about its window.
    early: bool,
}

const NAMES: [&str; 2] = ["list", "create order"];

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let end = prop::sample::select(vec![End::Ok, End::Ok, End::Ok, End::Err, End::Dropped, End::NotSent, End::Never]);
    let one = (0i64..3_000, 0i64..2_000, end, 0u32..2, 0usize..2, any::<bool>());
    let request = |(at, took, end, worker, name, early)| Request { at, took, end, worker, name, early };
    prop::collection::vec(one.prop_map(request), 1..60)
}

impl Request {
    fn window(&self) -> u64 {
        (self.at / 100) as u64
    }

    /// How many windows later it ended, when it was answered.
    fn later(&self) -> Option<u64> {
        matches!(self.end, End::Ok | End::Err).then(|| ((self.at + self.took) / 100) as u64 - self.window())
    }
}

/// The line about `told` of the requests `all` of one window, worker and name, of which `pending` are unanswered.
fn line(all: &[Request], told: &[Request], first: bool, pending: u64) -> WindowLine {
    let count = |end: End| told.iter().filter(|r| r.end == end).count() as u64;
    let hist = |end: End| {
        let mut hist = crate::timeline::latency::Hist::default();
        told.iter().filter(|r| r.end == end).for_each(|r| hist.record(r.took as u64 * 10 + 1));
        hist.encode()
    };
    let mut later = BTreeMap::new();
    told.iter().filter_map(Request::later).filter(|n| *n > 0).for_each(|n| *later.entry(n as u32).or_insert(0) += 1);
    let mut failed = BTreeMap::new();
    let bad = told.iter().filter(|r| r.end == End::Err).filter_map(Request::later);
    bad.filter(|n| *n > 0).for_each(|n| *failed.entry(n as u32).or_insert(0) += 1);
    let intended = if first { all.len() as u64 } else { 0 };
    let unsent = all.iter().filter(|r| matches!(r.end, End::Dropped | End::NotSent)).count() as u64;
    WindowLine {
        worker: all[0].worker,
        window: all[0].window(),
        name: NAMES[all[0].name].into(),
        intended,
        started: if first { intended - unsent } else { 0 },
        pending,
        ok: count(End::Ok),
        err: count(End::Err),
        dropped: count(End::Dropped),
        not_sent: count(End::NotSent),
        hist_ok: hist(End::Ok),
        hist_err: hist(End::Err),
        hist_service: hist(End::Ok),
        late: count(End::Ok),
        later: Some(later.into_iter().collect()),
        later_failed: failed.into_iter().collect(),
        is_final: !first && pending == 0,
        ..WindowLine::default()
    }
}

/// Two lines for each window, worker and name, in an order that `shuffle` decides; the first of them before the second.
fn lines(requests: &[Request], shuffle: &[usize]) -> Vec<WindowLine> {
    let mut keys: BTreeMap<(u64, u32, usize), Vec<Request>> = BTreeMap::new();
    requests.iter().for_each(|r| keys.entry((r.window(), r.worker, r.name)).or_default().push(*r));
    let mut pairs: Vec<Vec<WindowLine>> = Vec::new();
    for all in keys.values() {
        let open = |r: &&Request| !matches!(r.end, End::Dropped | End::NotSent);
        let never = all.iter().filter(|r| r.end == End::Never).count() as u64;
        let (early, rest): (Vec<Request>, Vec<Request>) = all.iter().partition(|r| r.early || !open(r));
        let waiting =
            rest.iter().filter(open).count() as u64 + early.iter().filter(|r| r.end == End::Never).count() as u64;
        pairs.push(vec![line(all, &rest, false, never), line(all, &early, true, waiting)]);
    }
    let mut order = Vec::new();
    let mut picks = shuffle.iter().cycle();
    while !pairs.is_empty() {
        let at = picks.next().unwrap() % pairs.len();
        order.extend(pairs[at].pop());
        pairs.retain(|pair| !pair.is_empty());
    }
    let mut seq = BTreeMap::new();
    for line in &mut order {
        let next = seq.entry(line.worker).or_insert(0);
        line.seq = *next;
        *next += 1;
    }
    order
}

/// The spans of a run with two phases, of which one ends inside a window.
fn spans() -> Vec<SpanRange> {
    let range = |span, from, to: Option<i64>| SpanRange { span, from: ms(from), to: to.map(ms) };
    vec![
        SpanRange { span: Span::Total, from: Offset(i64::MIN), to: None },
        range(Span::Phase(Phase::Baseline), 0, Some(1_020)),
        range(Span::Phase(Phase::Fault), 1_020, Some(2_600)),
        range(Span::Phase(Phase::After), 2_600, None),
        range(Span::Fault(0), 1_500, Some(2_110)),
    ]
}

fn track() -> LoadTrack {
    let mut track = LoadTrack::new(Some(&Profile::from_yaml(RAMP).unwrap())).by_name();
    let hello = Hello {
        protocol: 2,
        worker: 0,
        pid: 1,
        model: LoadModel::Open,
        executor: "ramping_arrival_rate".into(),
        asked_rate: None,
        start: 0,
    };
    track.hello(&hello, Some(ms(330)));
    track
}

/// The counts, the latencies of good answers and the censored ones of the requests in whole windows of a span.
fn brute(requests: &[Request], range: &SpanRange, name: Option<usize>, last: u64) -> (Counts, Sparse, u64) {
    let inside =
        |r: &&Request| range.span == Span::Total || range.holds(start_of(r.window()), start_of(r.window() + 1));
    let of: Vec<_> = requests.iter().filter(inside).filter(|r| name.is_none_or(|name| r.name == name)).collect();
    let count = |end: End| of.iter().filter(|r| r.end == end).count() as u64;
    let (dropped, not_sent) = (count(End::Dropped), count(End::NotSent));
    let counts = Counts {
        intended: of.len() as u64,
        started: of.len() as u64 - dropped - not_sent,
        ok: count(End::Ok),
        err: count(End::Err),
        dropped,
        not_sent,
        pending: count(End::Never),
    };
    let end = match range.span {
        Span::Total => last + 1,
        _ => range.to.map_or(last + 1, |to| to.nanos() as u64 / 100_000_000),
    };
    let ended_later = |r: &&&Request| r.later().is_some_and(|later| r.window() + later >= end);
    let ok = Sparse::of(of.iter().filter(|r| r.end == End::Ok).map(|r| r.took as u64 * 10 + 1));
    (counts, ok, of.iter().filter(ended_later).count() as u64 + counts.pending)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_is_lost_between_windows_phases_stages_and_total(
        requests in requests(),
        shuffle in prop::collection::vec(0usize..100, 1..40),
        settle in prop::collection::vec(0i64..20_000, 1..6),
    ) {
        let mut track = track();
        let mut times = settle.iter().cycle();
        for line in lines(&requests, &shuffle) {
            track.line(&line, ms(3_100));
            // Put away early, late, and before its time.
            let now = ms(*times.next().unwrap());
            track.settle(now, now, &spans(), false);
        }
        let last = requests.iter().map(Request::window).max().unwrap();
        let own: Vec<SpanRange> = track.own_spans().into_iter().map(|(_, range)| range).collect();
        prop_assert_eq!(own.len(), 2);
        for finished in [false, true] {
            if finished {
                track.ended = true;
                track.settle(ms(60_000), ms(60_000), &spans(), true);
            }
            for range in spans().iter().chain(&own) {
                for name in [None, Some(0), Some(1)] {
                    let number = name.and_then(|name| track.name_of(NAMES[name]));
                    if name.is_some() && number.is_none() {
                        continue;
                    }
                    let sums = track.so_far(range, number);
                    let (counts, ok, censored) = brute(&requests, range, name, last);
                    prop_assert_eq!(sums.counts, counts, "{:?} {:?}", range.span, name);
                    prop_assert!(sums.counts.balanced());
                    prop_assert_eq!(&sums.ok.sparse(), &ok);
                    prop_assert_eq!((sums.ok.total(), sums.err.total()), (counts.ok, counts.err));
                    prop_assert_eq!((sums.service.total(), sums.late), (counts.ok, counts.ok));
                    if finished && range.to.is_some() || range.span == Span::Total {
                        prop_assert_eq!(track.censored(range, &sums), Some(censored), "{:?} {:?}", range.span, name);
                    }
                }
            }
        }
        // Windows and seconds.
        let all = track.sum(Span::Total, None);
        prop_assert_eq!(track.counts(Offset::ZERO, track.end()), all.counts);
        for window in 0..=last {
            let counts = track.counts(start_of(window), start_of(window + 1));
            prop_assert!(counts.balanced(), "window {window}: {counts:?}");
        }
        let seconds: u64 = (0..40).filter_map(|n| track.second(n)).map(|(second, _)| second.total()).sum();
        prop_assert_eq!(seconds, all.counts.ok);
        // One name in any windows, from what is kept of the last minute.
        let number = track.name_of(NAMES[1]);
        if let Some(number) = number {
            let between = track.between(number, ms(700), ms(1_900), &spans()).unwrap();
            let span = SpanRange { span: Span::Fault(9), from: ms(700), to: Some(ms(1_900)) };
            prop_assert_eq!(between.counts, brute(&requests, &span, Some(1), last).0);
        }
    }
}

#[test]
fn a_worker_that_does_not_say_when_requests_ended_leaves_censored_unknown() {
    let request = Request { at: 950, took: 200, end: End::Ok, worker: 0, name: 0, early: true };
    let mut told = line(&[request], &[request], true, 0);
    let baseline = spans()[1];
    let censored = |line: &WindowLine| {
        let mut track = track();
        track.line(line, ms(1_200));
        track.censored(&baseline, &track.so_far(&baseline, None))
    };
    assert_eq!(censored(&told), Some(1));
    told.later = None;
    assert_eq!(censored(&told), None);
}

#[test]
fn stages_count_from_the_first_start() {
    let track = track();
    let stages: Vec<_> = track.own_spans().into_iter().map(|(name, r)| (name.to_owned(), r.from, r.to)).collect();
    let expected = [("stage 1", 330, 1_330), ("peak", 1_330, 2_580)];
    assert_eq!(stages, expected.map(|(name, from, to)| (name.to_owned(), ms(from), Some(ms(to)))));
    let name: Name = "peak".parse().unwrap();
    assert!(track.own_spans().iter().any(|(shown, _)| *shown == name.as_str()));
}

#[test]
fn steps_of_a_search_lose_their_names_and_nothing_else() {
    let mut track = track();
    for step in 0..5 {
        let (from, to) = (ms(step * 500), ms(step * 500 + 500));
        track.search(&SearchMark::Step { per_second: 10, from, to, confirm: false });
        let request = |name| Request { at: step * 500 + 10, took: 5, end: End::Ok, worker: 0, name, early: true };
        for name in 0..2 {
            let mut told = line(&[request(name)], &[request(name)], true, 0);
            (told.is_final, told.seq) = (true, (step * 2) as u64 + name as u64);
            track.line(&told, to);
        }
        track.settle(to + Delta::from_millis(60_000), to + Delta::from_millis(60_000), &spans(), false);
    }
    assert!(track.sums(Span::Step(0)).is_empty());
    assert_eq!(track.sums(Span::Step(4)).len(), 2);
    for step in 0..5 {
        assert_eq!(track.sum(Span::Step(step), None).counts.ok, 2, "step {step}");
    }
}
