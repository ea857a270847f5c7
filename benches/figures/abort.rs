//! How fast a worker stops while its target hangs, and whether anything is sent afterwards.

use std::time::{Duration, Instant};

use simulacro::clock::raw_now;

use crate::Failure;
use crate::machine::setting;
use crate::server::{Schedule, Server};
use crate::table::{head, heading, row, spread};
use crate::worker::Worker;

/// It answers nobody.
const HUNG: Schedule = Schedule { period: i64::MAX / 4, stall: 0, service: i64::MAX / 4 };

const OPEN: &str = "{ simulacro_profile: 1, name: steady, timeout: 60s, \
     constant_arrival_rate: { rate: 500, max_senders: 5000 }, requests: [{ name: get, path: '/index.html?n=${seq}' }] }";
const JOURNEYS: &str = "{ simulacro_profile: 1, name: users, timeout: 60s, constant_vus: { vus: 100 }, \
     journeys: [{ name: visit, steps: [{ name: get, path: '/index.html?n=1' }] }] }";

/// How many requests are under way before it is stopped.
const UNDER_WAY: u64 = 100;

#[derive(Default)]
struct Times {
    /// From the order to the last line and to the end of the process, in milliseconds.
    told: Vec<f64>,
    gone: Vec<f64>,
    /// Requests that the server read after the last line, or after the end of the process where there is none.
    after: u64,
    /// The last request after the order, in milliseconds; below zero when it came before.
    last: Vec<f64>,
}

pub fn run() -> Result<(), Failure> {
    let times = setting("SIMULACRO_BENCH_STOPS", 20);
    heading(
        "Stop with a hung server",
        "abort",
        &format!(
            "{times} stops each, with at least {UNDER_WAY} requests unanswered: median, smallest and largest time in ms \
             from the order until the worker has told everything and until its process is gone; and what the server read \
             afterwards."
        ),
    );
    head(&[
        "load",
        "ended by",
        "last line after",
        "process gone after",
        "last request after",
        "requests afterwards",
        "bar",
    ]);
    for (load, profile) in [("500 requests/s", OPEN), ("100 users", JOURNEYS)] {
        for (how, order) in [("the order to stop", true), ("the end of its lease", false)] {
            let mut all = Times::default();
            for _ in 0..times {
                stop(profile, order, &mut all)?;
            }
            let told = if all.told.is_empty() { "–".into() } else { spread(&all.told, 1) };
            row(&[
                load.into(),
                how.into(),
                told,
                spread(&all.gone, 1),
                spread(&all.last, 1),
                all.after.to_string(),
                "50 ms, none".into(),
            ]);
        }
    }
    Ok(())
}

fn stop(profile: &str, order: bool, all: &mut Times) -> Result<(), Failure> {
    let server = Server::start(HUNG)?;
    let mut worker = Worker::start(profile, &server.base())?;
    let begin = Instant::now();
    while server.read().0 < UNDER_WAY {
        if begin.elapsed() > Duration::from_secs(30) {
            return Err(format!("only {} requests came", server.read().0).into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let at = raw_now();
    if order {
        worker.stop_now()?
    } else {
        worker.let_go()
    }
    let done = worker.join()?;
    let read = server.read().0;
    // Whatever was on its way when the process ended has arrived by then.
    std::thread::sleep(Duration::from_millis(100));
    let (later, last) = server.read();
    let ms = |raw: i64| (raw - at) as f64 / 1e6;
    if done.heard.ended > 0 {
        all.told.push(ms(done.heard.ended));
    }
    all.gone.push(ms(done.gone));
    all.last.push(ms(last));
    let silent_from = if done.heard.ended > 0 { done.heard.ended } else { done.gone };
    all.after += (later - read).max(u64::from(last > silent_from));
    Ok(())
}
