//! What our worker says of a server that stalls, against what is true; and what late sends do to it.
//!
//! Two truths stand beside each figure. The analytic one is arithmetic over the schedule ([`Schedule::quantile`]). The
//! server's own is a list: for each request the time at which its answer left, less the time at which it was meant to
//! start, which the schedule of a constant rate says exactly. Both are of the same monotonic clock.

use crate::Failure;
use crate::machine::{busy, rounds, seconds, setting};
use crate::peers::oha_latencies;
use crate::server::{Answered, Schedule, Server};
use crate::table::{error, head, heading, median, row, spread, time};
use crate::worker::{self, Heard};

const SECOND: i64 = 1_000_000_000;
/// Two seconds in every ten, and a service time against which a tenth of a millisecond is little.
const STALLING: Schedule = Schedule { period: 10 * SECOND, stall: 2 * SECOND, service: 20_000_000 };
const STEADY: Schedule = Schedule { period: 10 * SECOND, stall: 0, service: 20_000_000 };

const QUANTILES: [f64; 5] = [0.5, 0.9, 0.95, 0.99, 0.999];

fn profile(rate: u32, seconds: u64) -> String {
    // A stall of two seconds needs rate × 2 senders; half as many again are spare.
    format!(
        "{{ simulacro_profile: 1, name: steady, constant_arrival_rate: \
           {{ rate: {rate}, duration: {seconds}s, max_senders: {} }}, \
           requests: [{{ name: get, path: '/index.html?n=${{seq}}', expect: {{ status: 200 }} }}] }}",
        rate * 3
    )
}

/// The latencies that the server's books say, in microseconds, sorted.
fn booked(answered: &[Answered], rate: u32, start: i64) -> Vec<f64> {
    // Reckoned here and not by the program that is measured.
    let due = |n: u64| start + (n as i128 * i128::from(SECOND) / i128::from(rate)) as i64;
    let latency = |one: &Answered| (one.answered - due(one.n)) as f64 / 1000.0;
    let mut all: Vec<f64> = answered.iter().map(latency).collect();
    all.sort_by(f64::total_cmp);
    all
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = (q * sorted.len() as f64 - 1e-6).ceil().max(1.0) as usize;
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// One run: what the worker says, and what the server's books say.
fn measure(schedule: Schedule, rate: u32, seconds: u64) -> Result<(Heard, Vec<f64>), Failure> {
    let server = Server::start(schedule)?;
    let heard = worker::run(&profile(rate, seconds), &server.base())?.heard;
    if let Some(trouble) = heard.trouble() {
        eprintln!("figures: {trouble}");
    }
    let booked = booked(&server.take(), rate, heard.start);
    Ok((heard, booked))
}

/// What each round said, by quantile.
#[derive(Default, Clone)]
struct Told {
    measured: Vec<f64>,
    booked: Vec<f64>,
}

pub fn run() -> Result<(), Failure> {
    // Whole periods, so that it does not matter when a run begins.
    let (rounds, seconds) = (rounds(), setting("SIMULACRO_BENCH_PERIODS", 3) * 10);
    heading(
        "Truth while the server stalls 2 s in every 10 s",
        "stall",
        &format!(
            "Latency from the intended start; medians of {rounds} interleaved rounds of {seconds} s at each rate. \
             *Analytic*: a request meets the stall with probability 2/10 and then waits for its end, so that the \
             quantile q is the service time of 20 ms + 10 s × max(0, q - 0.8). *Booked*: the server's own log of the same \
             run."
        ),
    );
    let rates = [500, 2_000];
    let mut told = [vec![Told::default(); QUANTILES.len()], vec![Told::default(); QUANTILES.len()]];
    for round in 0..rounds {
        for (rate, told) in rates.iter().zip(&mut told) {
            let (heard, booked) = measure(STALLING, *rate, seconds)?;
            for (q, told) in QUANTILES.iter().zip(told) {
                told.measured.push(heard.latencies.value_at_quantile(*q) as f64);
                told.booked.push(quantile(&booked, *q));
            }
            eprintln!("figures: {rate}/s, round {} of {rounds}", round + 1);
        }
    }
    let columns = ["rate", "quantile", "measured", "analytic", "error", "booked", "error", "bar"];
    head(&columns);
    for (rate, told) in rates.iter().zip(&told) {
        for (q, told) in QUANTILES.iter().zip(told) {
            let analytic = STALLING.quantile(*q) / 1000.0;
            let by_round = |truth: &dyn Fn(usize) -> f64| {
                let errors: Vec<f64> = told.measured.iter().enumerate().map(|(n, m)| error(*m, truth(n))).collect();
                spread(&errors, 2) + " %"
            };
            row(&[
                format!("{rate}/s"),
                format!("p{}", q * 100.0),
                time(median(told.measured.iter().copied())),
                time(analytic),
                by_round(&|_| analytic),
                time(median(told.booked.iter().copied())),
                by_round(&|n| told.booked[n]),
                if *rate == 2_000 && *q == 0.95 { "5 %".into() } else { "3 %".into() },
            ]);
        }
    }
    contrast(seconds)
}

/// What a closed model says of the same server, once: the reason for all this.
fn contrast(seconds: u64) -> Result<(), Failure> {
    println!("\nFor contrast, one run each of oha with 50 connections on the same server:\n");
    head(&["", "p50", "p90", "p95", "p99", "p99.9"]);
    let as_it_comes: (&str, &[&str]) = ("oha", &[]);
    let corrected = ("oha, 500/s, latency correction", &["-q", "500", "--latency-correction"][..]);
    for (what, more) in [as_it_comes, corrected] {
        let server = Server::start(STALLING)?;
        let said = oha_latencies(&format!("{}/index.html?n=1", server.base()), seconds, more)?;
        let cell = |name: &str| said[name].as_f64().map_or("–".into(), |seconds| time(seconds * 1e6));
        row(&[what.into(), cell("p50"), cell("p90"), cell("p95"), cell("p99"), cell("p99.9")]);
    }
    row(&["truth".to_owned()]
        .into_iter()
        .chain(QUANTILES.iter().map(|q| time(STALLING.quantile(*q) / 1000.0)))
        .collect::<Vec<_>>());
    Ok(())
}

/// Late sends: with every core busy, a rate cannot be kept to the millisecond. That must be told, and must not make the
/// latency wrong.
pub fn run_late() -> Result<(), Failure> {
    let (rounds, seconds, rate) = (rounds(), seconds() * 2, 2_000);
    heading(
        "Late sends at 2,000 requests/s",
        "late",
        &format!(
            "A server with a service time of 20 ms; medians of {rounds} interleaved rounds of {seconds} s, on an idle \
             machine and with a busy loop on every core. Latency counts from the intended start, so that it holds what \
             the lateness of the send added; *booked* is what the server's own log says of it. Service time counts from \
             the actual start."
        ),
    );
    head(&[
        "machine",
        "latest send",
        "sends over 10 ms late",
        "p50",
        "booked",
        "p99",
        "booked",
        "p99 of service time",
        "error of p99",
        "not sent",
    ]);
    for (what, load) in [("idle", false), ("busy", true)] {
        let mut columns: Vec<Vec<f64>> = vec![Vec::new(); 9];
        for _ in 0..rounds {
            let burning = if load { busy()? } else { Vec::new() };
            let (heard, booked) = measure(STEADY, rate, seconds)?;
            drop(burning);
            let said = |q: f64| heard.latencies.value_at_quantile(q) as f64;
            let values = [
                heard.late_max as f64 / 1000.0,
                heard.late as f64 * 100.0 / heard.intended as f64,
                said(0.5),
                quantile(&booked, 0.5),
                said(0.99),
                quantile(&booked, 0.99),
                heard.service.value_at_quantile(0.99) as f64,
                error(said(0.99), quantile(&booked, 0.99)),
                heard.not_sent as f64,
            ];
            columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        }
        let of = |n: usize| median(columns[n].iter().copied());
        row(&[
            what.into(),
            time(of(0)),
            format!("{:.2} %", of(1)),
            time(of(2)),
            time(of(3)),
            time(of(4)),
            time(of(5)),
            time(of(6)),
            spread(&columns[7], 2) + " %",
            format!("{:.0}", of(8)),
        ]);
    }
    Ok(())
}
