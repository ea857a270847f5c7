//! Memory: of a worker with thousands of connections, and of a runner's timeline over eight hours.

use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use simulacro::model::Offset;
use simulacro::scenario::phases::Phase;
use simulacro::scenario::plan::{Plan, VERSION};
use simulacro::timeline::Timeline;
use simulacro::timeline::event::{Event, EventKind};
use simulacro::timeline::hist::{encode_hist, new_hist};
use simulacro::timeline::load_line::{Slot, WindowLine};

use crate::Failure;
use crate::machine::{memory, rounds, this};
use crate::server::{Schedule, Server};
use crate::table::{head, heading, median, row, slope, spread};
use crate::worker::Worker;

/// Two and a half seconds for each answer: at 2,000 requests/s 5,000 are always under way.
const SLOW: Schedule = Schedule { period: 3_600_000_000_000, stall: 0, service: 2_500_000_000 };

pub fn run() -> Result<(), Failure> {
    let rounds = rounds();
    heading(
        "Memory of a worker with 5,000 connections",
        "memory",
        &format!(
            "2,000 requests/s against a server that takes 2.5 s for each: one connection a request under way, for 10 s; \
             {rounds} rounds. The server counted the connections, the kernel the memory (`VmHWM`)."
        ),
    );
    let (mut open, mut peak) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let server = Server::start(SLOW)?;
        let profile = "{ simulacro_profile: 1, name: steady, \
             constant_arrival_rate: { rate: 2000, duration: 10s, max_senders: 6000 }, \
             requests: [{ name: get, path: '/index.html?n=${seq}', expect: { status: 200 } }] }";
        let worker = Worker::start(profile, &server.base())?;
        let mut most = 0.0_f64;
        // The kernel forgets with the process; the last look before its end counts.
        while let Some(now) = memory(worker.pid, "VmHWM") {
            most = most.max(now);
            std::thread::sleep(Duration::from_millis(50));
        }
        if let Some(trouble) = worker.join()?.heard.trouble() {
            eprintln!("figures: {trouble}");
        }
        open.push(server.most_open() as f64);
        peak.push(most);
    }
    head(&["figure", "value", "bar"]);
    row(&["connections open at once".into(), spread(&open, 0), "5000".into()]);
    row(&["most resident memory, MB".into(), spread(&peak, 1), "150".into()]);
    let each = median(peak.iter().copied()) * 1000.0 / median(open.iter().copied());
    row(&["for each connection, KB".into(), format!("{each:.1}"), String::new()]);
    Ok(())
}

pub fn run_replay() -> Result<(), Failure> {
    heading(
        "Eight hours at 1,000 requests/s, replayed",
        "replay",
        "The lines that a worker writes in eight hours (288,000 windows of 100 requests each, with histograms and \
         slots), taken in by the runner's timeline as fast as it can, in a process of its own.",
    );
    let said = this("role-replay")?.output()?;
    if !said.status.success() {
        return Err(String::from_utf8_lossy(&said.stderr).into_owned().into());
    }
    let text = String::from_utf8(said.stdout)?;
    let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
    let lines: Vec<Vec<f64>> = text.lines().map(|line| line.split(' ').map(number).collect()).collect();
    head(&["hour", "resident memory, MB", "of it the timeline, MB"]);
    for line in &lines {
        row(&[format!("{:.0}", line[0]), format!("{:.1}", line[1]), format!("{:.1}", line[2] / 1e6)]);
    }
    let points: Vec<(f64, f64)> = lines.iter().skip(1).map(|line| (line[0], line[1])).collect();
    let (rises, error) = slope(&points);
    println!("\nFrom the first hour on it rises by {rises:.2} ± {error:.2} MB an hour (bar: flat, and under 150 MB).");
    Ok(())
}

/// The life of a process that replays: hour, resident MB and bytes of the timeline, a line for each hour.
pub fn replay() -> Result<(), Failure> {
    let plan = plan()?;
    let texts = histograms()?;
    let mut timeline = Timeline::new(&plan);
    let (mut seq, stream) = (0, plan.scenario.load[0].name.clone());
    let mut push = |timeline: &mut Timeline, at: i64, what: EventKind| {
        timeline.push(&Event { seq, at: Offset::from_millis(at), what });
        seq += 1;
    };
    push(&mut timeline, 0, EventKind::Phase { phase: Phase::Baseline });
    for window in 0..=8 * 36_000u64 {
        if window % 36_000 == 0 {
            let resident = memory(std::process::id(), "VmRSS").ok_or("/proc/self/status has no VmRSS")?;
            println!("{} {resident} {}", window / 36_000, timeline.heap());
        }
        let line = Box::new(told(window, &texts[window as usize % texts.len()]));
        push(&mut timeline, window as i64 * 100 + 150, EventKind::Load { stream: stream.clone(), line });
    }
    Ok(())
}

fn plan() -> Result<Plan, Failure> {
    Ok(serde_json::from_value(serde_json::json!({
        "version": VERSION, "run": "hours", "file": "hours.yaml", "digest": "", "objectives_digest": "", "seed": 1,
        "dir": "hours", "simulated": true, "allow_commands": false, "host": "",
        "scenario": {
            "name": "hours",
            "load": [{ "name": "steady", "profile": "p", "base_url": "u" }],
            "objectives": { "slo": { "baseline": { "p99": "< 400ms" } } },
        },
        "profiles": { "steady": {
            "simulacro_profile": 1, "name": "steady", "constant_arrival_rate": { "rate": 1000 },
            "requests": [{ "name": "get", "path": "/" }],
        } },
    }))?)
}

/// A thousand different histograms of a hundred requests each.
fn histograms() -> Result<Vec<String>, Failure> {
    let mut with = V2DeflateSerializer::new();
    let mut texts = Vec::new();
    for n in 0..1_000u64 {
        let mut hist = new_hist();
        for i in 0..100 {
            hist.record(500 + (n * 7_919 + i * 104_729) % 40_000)?;
        }
        texts.push(encode_hist(&hist, &mut with)?);
    }
    Ok(texts)
}

fn told(window: u64, text: &str) -> WindowLine {
    WindowLine {
        seq: window,
        window,
        name: "get".into(),
        intended: 100,
        started: 100,
        ok: 100,
        hist_ok: text.to_owned(),
        hist_service: text.to_owned(),
        slots: (0..10).map(|slot| Slot { slot, ok: 10, bad: 0, max_us: 40_000 }).collect(),
        is_final: true,
        ..WindowLine::default()
    }
}
