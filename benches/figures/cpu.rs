//! Processor time per request: our open-model worker against wrk and oha, all against the same nginx.
//!
//! wrk and oha send as fast as answers come, which is where a request is cheapest: one waking handles many answers.
//! An arrival rate wakes for each request that is due. Ours is therefore measured twice: asked for half as much again
//! as it can get, so that it sends as fast as answers come like the others, and at 90 % of that, as a load is meant to
//! be driven; oha at that same rate (`-q`) stands beside it.

use crate::Failure;
use crate::machine::{rounds, seconds};
use crate::nginx::Nginx;
use crate::peers::{Cost, cost, oha, wrk};
use crate::table::{head, heading, median, row, spread};
use crate::worker;

/// One template and one check on the status.
const CHECKED: &str = "{ name: get, path: '/index.html?n=${seq}', expect: { status: 200 } }";
/// The same request, always the same, and nothing asked of its answer.
const BARE: &str = "{ name: get, path: '/index.html?n=1' }";

fn profile(request: &str, rate: u32, connections: u64, seconds: u64) -> String {
    format!(
        "{{ simulacro_profile: 1, name: steady, constant_arrival_rate: \
           {{ rate: {rate}, duration: {seconds}s, max_senders: {connections} }}, requests: [{request}] }}"
    )
}

/// Our worker: its cost, and the requests that it could not send for every hundred that it did.
fn ours(nginx: &Nginx, request: &str, rate: u32, connections: u64, seconds: u64) -> Result<(Cost, f64), Failure> {
    let text = profile(request, rate, connections, seconds);
    let (done, cost) = cost(nginx, || worker::run(&text, &nginx.base()))?;
    let heard = &done.heard;
    if heard.err > 0 || heard.ok > cost.requests {
        return Err(format!("{} good answers of {}: {:?}", heard.ok, cost.requests, heard.trouble()).into());
    }
    Ok((cost, (heard.dropped + heard.not_sent) as f64 * 100.0 / cost.requests as f64))
}

#[derive(Default)]
struct Columns {
    wrk: Vec<f64>,
    oha: Vec<f64>,
    full: Vec<f64>,
    bare: Vec<f64>,
    paced_oha: Vec<f64>,
    paced: Vec<f64>,
    paced_bare: Vec<f64>,
    left_out: Vec<f64>,
}

pub fn run() -> Result<(), Failure> {
    let (rounds, seconds) = (rounds(), seconds());
    let nginx = Nginx::start()?;
    heading(
        "Processor time per request",
        "cpu",
        &format!(
            "User and system time of the client's process, in µs for each request that nginx counted; medians of {rounds} \
             interleaved rounds of {seconds} s, smallest and largest in brackets. *checked*: one template and one check \
             on the status; *bare*: neither. Recording is always on."
        ),
    );
    head(&["figure", "10 connections", "50 connections", "100 connections", "bar"]);
    let mut all = Vec::new();
    for connections in [10, 50, 100] {
        // What this machine can do, roughly: a tenth below it is a rate that it can keep.
        let (most, _) = ours(&nginx, BARE, 400_000, connections, 2)?;
        let rate = (most.requests as f64 / 2.0 * 0.9 / 100.0) as u32 * 100;
        eprintln!("figures: {connections} connections, about {}/s", most.requests / 2);
        let mut columns = Columns::default();
        for round in 0..rounds {
            columns.wrk.push(wrk(&nginx, connections, seconds)?.micros);
            columns.oha.push(oha(&nginx, connections, seconds, None)?.micros);
            let over = rate + rate * 2 / 3;
            columns.full.push(ours(&nginx, CHECKED, over, connections, seconds)?.0.micros);
            columns.bare.push(ours(&nginx, BARE, over, connections, seconds)?.0.micros);
            columns.paced_oha.push(oha(&nginx, connections, seconds, Some(rate))?.micros);
            let (paced, left_out) = ours(&nginx, CHECKED, rate, connections, seconds)?;
            columns.paced.push(paced.micros);
            columns.left_out.push(left_out);
            columns.paced_bare.push(ours(&nginx, BARE, rate, connections, seconds)?.0.micros);
            eprintln!("figures: {connections} connections, round {} of {rounds}", round + 1);
        }
        all.push((rate, columns));
    }
    let line = |what: &str, bar: &str, cell: &dyn Fn(&(u32, Columns)) -> String| {
        let cells = all.iter().map(cell);
        row(&[what.to_owned()].into_iter().chain(cells).chain([bar.to_owned()]).collect::<Vec<_>>());
    };
    let ratio = |a: &[f64], b: &[f64]| format!("{:.2} ×", median(a.iter().copied()) / median(b.iter().copied()));
    line("wrk", "", &|(_, c)| spread(&c.wrk, 1));
    line("oha", "", &|(_, c)| spread(&c.oha, 1));
    line("simulacro, checked, as fast as answers come", "", &|(_, c)| spread(&c.full, 1));
    line("… against oha", "0.8 ×", &|(_, c)| ratio(&c.full, &c.oha));
    line("… against wrk", "1.4 ×", &|(_, c)| ratio(&c.full, &c.wrk));
    line("simulacro, bare, as fast as answers come", "", &|(_, c)| spread(&c.bare, 1));
    line("… against oha", "0.8 ×", &|(_, c)| ratio(&c.bare, &c.oha));
    line("… against wrk", "1.4 ×", &|(_, c)| ratio(&c.bare, &c.wrk));
    line("a rate that it can keep, requests/s", "", &|(rate, _)| rate.to_string());
    line("oha at that rate", "", &|(_, c)| spread(&c.paced_oha, 1));
    line("simulacro at that rate, checked", "", &|(_, c)| spread(&c.paced, 1));
    line("… against oha at that rate", "", &|(_, c)| ratio(&c.paced, &c.paced_oha));
    line("… against wrk as fast as answers come", "", &|(_, c)| ratio(&c.paced, &c.wrk));
    line("… not sent or dropped, %", "", &|(_, c)| format!("{:.1}", median(c.left_out.iter().copied())));
    line("simulacro at that rate, bare", "", &|(_, c)| spread(&c.paced_bare, 1));
    Ok(())
}
