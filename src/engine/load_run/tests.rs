//! Whole loads against a simulated target, on a clock that does not wait.

use std::io;
use std::sync::Mutex;

use super::*;
use crate::clock::Clock;
use crate::engine::canceller;
use crate::engine::recorder::Nowhere;
use crate::scenario::plan::LoadPlan;
use crate::scenario::profile::LoadThreshold;
use crate::timeline::Timeline;
use crate::timeline::event::{Event, EventSink, SearchMark};
use crate::timeline::script::name;
use crate::world::sim::Sim;

/// A scenario whose target is up, and one whose target never starts.
const UP: &str = "{name: load, load: [{name: a, profile: p, base_url: 'http://127.0.0.1:1'}]}";
const TWO: &str = "{name: load, load: [{name: a, profile: p, base_url: 'http://127.0.0.1:1'}, \
                   {name: b, profile: p, base_url: 'http://127.0.0.1:1'}]}";
const DOWN: &str = "{name: load, load: [{name: a, profile: p, base_url: 'http://127.0.0.1:2'}], \
                    services: {app: {command: [app, '127.0.0.1:2'], ready: {tcp: '127.0.0.1:2', within: 5s}}}}";

fn open(rest: &str) -> String {
    format!("{{simulacro_profile: 1, name: p, timeout: 1s, requests: [{{name: list, path: /}}], {rest}}}")
}

fn plan(scenario: &str, profiles: &[(&str, &str)], thresholds: Vec<LoadThreshold>) -> Arc<Plan> {
    let load = LoadPlan { profile: name("p"), thresholds, error_budget: None };
    Arc::new(Plan { load: Some(load), ..crate::timeline::script::plan(scenario, profiles) })
}

/// Keeps events; from the `fails`th on it does not.
#[derive(Clone, Default)]
struct Kept {
    events: Arc<Mutex<Vec<Event>>>,
    fails: Option<usize>,
}

impl EventSink for Kept {
    fn emit(&mut self, event: &Event) -> io::Result<()> {
        let mut events = self.events.lock().unwrap();
        if self.fails.is_some_and(|fails| events.len() >= fails) {
            return Err(io::Error::other("the disk is full"));
        }
        events.push(event.clone());
        Ok(())
    }
}

impl Kept {
    fn marks(&self) -> Vec<SearchMark> {
        let events = self.events.lock().unwrap();
        let mark = |e: &Event| if let EventKind::Search { mark, .. } = &e.what { Some(mark.clone()) } else { None };
        events.iter().filter_map(mark).collect()
    }
}

/// Runs a load to its end; it is cancelled after so long.
async fn run(plan: Arc<Plan>, kept: &Kept, cancel_after: Option<Duration>) -> (EndReason, Timeline) {
    let clock = Clock::start();
    let world = Sim::new(&plan.scenario).world(clock);
    let recorder = Recorder::new(clock, Timeline::new(&plan), Box::new(kept.clone()), Box::new(Nowhere));
    let (canceller, listener) = canceller();
    let cancelling = tokio::spawn(async move {
        if let Some(after) = cancel_after {
            tokio::time::sleep(after).await;
            canceller.more("SIGINT");
        }
        // Without it there is nobody to listen to any more.
        std::future::pending::<()>().await;
        drop(canceller);
    });
    let finished = LoadEngine { plan, world, recorder }.run(listener).await;
    cancelling.abort();
    assert!(finished.remaining.is_empty());
    let reason = finished.timeline.end.as_ref().expect("every load has an end").0.clone();
    (reason, finished.timeline)
}

fn sent(timeline: &Timeline, stream: &str) -> u64 {
    let load = &timeline.loads[&name(stream)];
    load.counts(Offset::ZERO, load.end()).intended
}

#[tokio::test(start_paused = true)]
async fn a_load_ends_when_its_streams_do() {
    let profile = open("constant_arrival_rate: {rate: 100, duration: 3s}");
    let later = open("constant_arrival_rate: {rate: 50, duration: 2s}, start_time: 2s");
    let (reason, timeline) = run(plan(TWO, &[("a", &profile), ("b", &later)], vec![]), &Kept::default(), None).await;
    assert_eq!(reason, EndReason::Completed);
    assert_eq!((sent(&timeline, "a"), sent(&timeline, "b")), (300, 100));
    let begin = |stream: &str| timeline.loads[&name(stream)].begin().unwrap();
    assert_eq!(begin("b").since(begin("a")).to_duration(), Duration::from_secs(2), "they count from a common start");
    let phases: Vec<Phase> = timeline.phases.iter().map(|span| span.phase).collect();
    assert_eq!(phases, [Phase::Preflight, Phase::Load]);
    assert!(timeline.phases[1].from <= begin("a"), "no request is before the phase");
}

#[tokio::test(start_paused = true)]
async fn a_threshold_that_aborts_stops_it() {
    let threshold = |abort_on_fail| LoadThreshold {
        when: "error_rate < 1%".into(),
        abort_on_fail,
        delay_abort_eval: "2s".parse().unwrap(),
    };
    let profile = open("constant_arrival_rate: {rate: 100, duration: 10m}");
    let kept = Kept::default();
    let (reason, timeline) = run(plan(DOWN, &[("a", &profile)], vec![threshold(true)]), &kept, None).await;
    assert_eq!(reason, EndReason::Guard);
    let (at, when, _) = &timeline.guards[0];
    let begin = timeline.loads[&name("a")].begin().unwrap();
    assert!(at.since(begin).to_duration() >= Duration::from_secs(2), "not before the delay is over");
    assert_eq!(when, "error_rate < 1%");
    assert!(sent(&timeline, "a") < 100 * 600);
    let told = kept.events.lock().unwrap().iter().filter(|e| matches!(e.what, EventKind::Threshold { .. })).count();
    assert_eq!(told, 1, "a state is told once");
    let short = open("constant_arrival_rate: {rate: 100, duration: 4s}");
    let (reason, timeline) = run(plan(DOWN, &[("a", &short)], vec![threshold(false)]), &Kept::default(), None).await;
    assert_eq!((reason, sent(&timeline, "a")), (EndReason::Completed, 400));
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_it() {
    let profile = open("constant_arrival_rate: {rate: 100, duration: 10m}");
    let plan = plan(UP, &[("a", &profile)], vec![]);
    let (reason, timeline) = run(plan.clone(), &Kept::default(), Some(Duration::from_secs(5))).await;
    assert_eq!(reason, EndReason::Cancelled);
    assert!(timeline.loads[&name("a")].ended && sent(&timeline, "a") < 600);
    let (reason, timeline) = run(plan, &Kept::default(), Some(Duration::ZERO)).await;
    assert_eq!((reason, sent(&timeline, "a")), (EndReason::Cancelled, 0), "before its workers were ready");
}

#[tokio::test(start_paused = true)]
async fn events_that_cannot_be_kept_end_it() {
    let profile = open("constant_arrival_rate: {rate: 100, duration: 10m}");
    let kept = Kept { fails: Some(20), ..Kept::default() };
    let (reason, _) = run(plan(UP, &[("a", &profile)], vec![]), &kept, None).await;
    assert!(matches!(&reason, EndReason::Failed { why } if why.contains("the disk is full")), "{reason:?}");
}

#[tokio::test(start_paused = true)]
async fn a_search_climbs_and_holds_what_it_found() {
    let search = |until: &str| {
        open(&format!(
            "breakpoint: {{start_rate: 100, max_rate: 300, step: 100, hold: 2s, confirm: 4s, until: ['{until}']}}"
        ))
    };
    let kept = Kept::default();
    let (reason, timeline) = run(plan(UP, &[("a", &search("error_rate < 1%"))], vec![]), &kept, None).await;
    assert_eq!(reason, EndReason::Completed);
    let marks = kept.marks();
    let steps: Vec<(u32, bool)> = marks
        .iter()
        .filter_map(|m| {
            if let SearchMark::Step { per_second, confirm, .. } = m { Some((*per_second, *confirm)) } else { None }
        })
        .collect();
    assert_eq!(steps, [(100, false), (200, false), (300, false), (300, true)], "{marks:?}");
    assert!(matches!(marks.last(), Some(SearchMark::Over { why }) if why == "nothing breaks up to 300/s"), "{marks:?}");
    let Some(SearchMark::Step { from, to, .. }) = marks.iter().rfind(|m| matches!(m, SearchMark::Step { .. })) else {
        panic!("{marks:?}")
    };
    assert_eq!(timeline.loads[&name("a")].counts(*from, *to).intended, 1200, "the worker kept to the rate");

    let kept = Kept::default();
    let (reason, _) = run(plan(DOWN, &[("a", &search("error_rate < 1%"))], vec![]), &kept, None).await;
    assert_eq!(reason, EndReason::Completed);
    let marks = kept.marks();
    let over = Some(SearchMark::Over { why: "the first rate, 100/s, breaks already".into() });
    assert_eq!(marks.last(), over.as_ref(), "{marks:?}");
}
