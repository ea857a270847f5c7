//! Prints what the timeline of an hour costs: 10 request names, 10 windows a second, 500 requests a second, a probe at
//! 100 looks a second, one outage. `cargo run --release --example fold_hour`.
//!
//! With `-- load 8`: eight hours of a load alone at 1,000 requests a second, hour by hour.

use std::time::{Duration, Instant};

use hdrhistogram::serialization::V2DeflateSerializer;
use simulacro::model::Offset;
use simulacro::scenario::Scenario;
use simulacro::scenario::phases::Phase;
use simulacro::scenario::plan::Plan;
use simulacro::scenario::profile::Profile;
use simulacro::timeline::Timeline;
use simulacro::timeline::event::{EndReason, Event, EventKind, FaultMark, Sight};
use simulacro::timeline::hist::{encode_hist, new_hist};
use simulacro::timeline::load_line::{Slot, WindowLine};

const SCENARIO: &str = r#"{
  "name": "hour",
  "probes": [{"name": "checkout", "tcp": {"address": "a:1"}, "every": "10ms"}],
  "load": [{"name": "steady", "profile": "p", "base_url": "u"}],
  "recovery_signal": {"streams": ["checkout", "steady"], "latency": "<= 400ms"},
  "faults": [{"name": "crash", "process-kill": {"target": "app"}}],
  "objectives": {"rto": {"max": "5s"}, "slo": {"baseline": {"p99": "< 400ms"}}}
}"#;

const SOAK: &str = r#"{"name": "soak", "load": [{"name": "steady", "profile": "p", "base_url": "u"}]}"#;

const PROFILE: &str = "{simulacro_profile: 1, name: steady, constant_arrival_rate: {rate: 500}, \
     requests: [{name: list, path: /}]}";

const SECONDS: u64 = 3_600;
const DOWN: std::ops::Range<i64> = 600_000..604_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let texts = histograms()?;
    if let [what, hours] = arguments.as_slice()
        && what == "load"
    {
        return soak(&texts, hours.parse()?);
    }
    let plan = plan()?;
    let begun = Instant::now();
    let count = play(&texts, |_| ());
    let making = begun.elapsed();
    let mut timeline = Timeline::new(&plan);
    let begun = Instant::now();
    play(&texts, |event| timeline.push(&event));
    let folding = begun.elapsed().saturating_sub(making);
    let begun = Instant::now();
    let result = simulacro::judge::conclude(&plan, &timeline);
    let judging = begun.elapsed();
    let text = serde_json::to_string(&result)?;
    let per_event = folding.checked_div(count).unwrap_or(Duration::ZERO);
    println!("events            {count}");
    println!("fold              {folding:.2?}, {per_event:.2?} an event");
    println!("judge             {judging:.2?}: {}", result.end.summary);
    println!("timeline          {:.1} MB", timeline.heap() as f64 / 1e6);
    println!("result.json       {:.1} MB", text.len() as f64 / 1e6);
    println!("peak memory       {}", peak());
    Ok(())
}

fn plan() -> Result<Plan, Box<dyn std::error::Error>> {
    let scenario: Scenario = serde_json::from_str(SCENARIO)?;
    let profile = Profile::from_yaml(PROFILE)?;
    Ok(Plan {
        version: simulacro::scenario::plan::VERSION,
        run: simulacro::model::RunId("hour".into()),
        file: "hour.yaml".into(),
        digest: String::new(),
        objectives_digest: String::new(),
        seed: 1,
        profiles: [(scenario.load[0].name.clone(), profile)].into(),
        scenario,
        dir: "hour".into(),
        simulated: true,
        allow_commands: false,
        host: String::new(),
        load: None,
        retry_of: None,
        machine: None,
        consent: Default::default(),
    })
}

/// A load alone: 10 names, 100 requests in each window, by the hour.
fn soak(texts: &[String], hours: u64) -> Result<(), Box<dyn std::error::Error>> {
    let mut plan = plan()?;
    plan.scenario = serde_json::from_str(SOAK)?;
    plan.load =
        Some(serde_json::from_str(r#"{"profile": "steady", "thresholds": ["p99 < 400ms", "request 1.p99 < 1s"]}"#)?);
    let mut timeline = Timeline::new(&plan);
    let mut seq = 0;
    for window in 0..hours * 36_000 {
        for name in 0..10 {
            // Two lines of five requests make ten of each name, so a hundred in all.
            for part in 0..2 {
                let mut line = told(seq, window, name, texts);
                line.hist_service.clone_from(&line.hist_ok);
                line.later = Some(vec![(1, 1)]);
                line.is_final = part == 1;
                let what = EventKind::Load { stream: "steady".parse()?, line: Box::new(line) };
                timeline.push(&Event { seq, at: Offset::from_millis(window as i64 * 100 + 150), what });
                seq += 1;
            }
        }
        if (window + 1) % 36_000 == 0 {
            let hour = (window + 1) / 36_000;
            println!("after {hour} h: timeline {:.1} MB, peak memory {}", timeline.heap() as f64 / 1e6, peak());
        }
    }
    let what = EventKind::LoadEnd { stream: "steady".parse()? };
    let at = Offset::from_millis(hours as i64 * 3_600_000 + 200);
    timeline.push(&Event { seq, at, what });
    let what = EventKind::End { reason: EndReason::Completed, remaining: Vec::new() };
    timeline.push(&Event { seq: seq + 1, at, what });
    let result = simulacro::judge::conclude(&plan, &timeline);
    println!("{}", result.end.summary);
    println!("with its result: peak memory {}", peak());
    println!("result.json {:.1} MB", serde_json::to_string(&result)?.len() as f64 / 1e6);
    let log: usize = timeline.interval_histograms().map(|(.., hist)| hist.encode().len() + 60).sum();
    println!("latency.hlog {:.1} MB, peak memory {}", log as f64 / 1e6, peak());
    Ok(())
}

/// A thousand different histograms of five requests each.
fn histograms() -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let mut with = V2DeflateSerializer::new();
    let mut texts = Vec::new();
    for n in 0..1_000u64 {
        let mut hist = new_hist();
        for i in 0..5 {
            hist.record(500 + (n * 7_919 + i * 104_729) % 40_000)?;
        }
        texts.push(encode_hist(&hist, &mut with)?);
    }
    Ok(texts)
}

/// Makes every event of the hour; answers how many.
fn play(texts: &[String], mut take: impl FnMut(Event)) -> u32 {
    let mut seq = 0;
    let mut emit = |at: i64, what: EventKind| {
        take(Event { seq, at: Offset::from_millis(at), what });
        seq += 1;
    };
    let fault = |mark| EventKind::Fault { fault: "crash".parse().expect("a name"), mark };
    emit(0, EventKind::Phase { phase: Phase::Baseline });
    let mut line = 0;
    for window in 0..SECONDS * 10 {
        let at = window as i64 * 100;
        if at == DOWN.start {
            let when = Offset::from_millis(at);
            emit(at, EventKind::Phase { phase: Phase::Fault });
            emit(at, fault(FaultMark::Act { when }));
            emit(at, fault(FaultMark::Injected { when, touched: 1 }));
            emit(at, EventKind::Phase { phase: Phase::Recovery });
        }
        for look in 0..10 {
            emit(at + look * 10 + 1, look_at(at + look * 10));
        }
        for name in 0..10 {
            emit(
                at + 150,
                EventKind::Load {
                    stream: "steady".parse().expect("a name"),
                    line: Box::new(told(line, window, name, texts)),
                },
            );
            line += 1;
        }
    }
    let end = SECONDS as i64 * 1_000;
    emit(end + 100, EventKind::LoadEnd { stream: "steady".parse().expect("a name") });
    emit(end + 100, EventKind::Phase { phase: Phase::Verify });
    emit(end + 200, EventKind::End { reason: EndReason::Completed, remaining: Vec::new() });
    seq as u32
}

fn look_at(at: i64) -> EventKind {
    let (intended, done) = (Offset::from_millis(at), Offset::from_millis(at + 1));
    let sight = if DOWN.contains(&at) { Sight::Bad { why: "connection refused".into() } } else { Sight::Good };
    EventKind::Probe { probe: "checkout".parse().expect("a name"), n: at as u64 / 10, intended, done, sight }
}

fn told(seq: u64, window: u64, name: u64, texts: &[String]) -> WindowLine {
    let down = DOWN.contains(&(window as i64 * 100));
    let text = texts[(seq as usize * 31) % texts.len()].clone();
    let (hist_ok, hist_err) = if down { (String::new(), text) } else { (text, String::new()) };
    let slot = |s: u8| Slot { slot: s * 2, ok: u32::from(!down), bad: u32::from(down), max_us: 20_000 };
    WindowLine {
        seq,
        window,
        name: format!("request {name}"),
        intended: 5,
        started: 5,
        ok: if down { 0 } else { 5 },
        err: if down { 5 } else { 0 },
        hist_ok,
        hist_err,
        slots: (0..5).map(slot).collect(),
        is_final: true,
        ..WindowLine::default()
    }
}

/// The most memory this process has had.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("not known".into(), |text| text.trim().to_owned())
}
