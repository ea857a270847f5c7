//! Recovery time against the truth: the target logs by itself when it served and when it did not.

#![cfg(feature = "demo")]

mod common;

use std::fs;

use common::{Home, figure, free_port, times};
use rand::{Rng, SeedableRng};
use simulacro::demo::truth;

/// A service that probes look at every 10 ms, killed at a random phase of the probe, restarted after a random time.
fn scenario(home: &Home, random: &mut impl Rng) -> std::path::PathBuf {
    let app = free_port();
    let at = random.random_range(0..1_000_000u32);
    let restart = random.random_range(100..800u32);
    let text = format!(
        "
name: rta
services:
  orders:
    command:
      [simulacro, demo-service, --listen, '127.0.0.1:{app}', --data, '${{run_dir}}/orders.db',
       --outage-log, '${{run_dir}}/truth.log']
    ready: {{ http: 'http://127.0.0.1:{app}/ready', within: 20s }}
    restart: {{ after: {restart}ms }}
targets: {{ orders: {{ process: orders }} }}
probes: [{{ name: p, http: {{ url: 'http://127.0.0.1:{app}/ready' }}, every: 10ms, timeout: 200ms }}]
recovery_signal: {{ streams: [p] }}
phases: {{ warmup: 200ms, baseline: 1s, recovery: {{ deadline: 20s, hold: 500ms }}, after: 200ms }}
faults: [{{ name: kill, at: {at}us, process-kill: {{ target: orders }} }}]
objectives: {{ rto: {{ max: 20s, fault: kill }} }}
"
    );
    let file = home.path().join("rta.yaml");
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn the_truth_lies_inside_the_stated_interval() {
    let drills = times("SIMULACRO_SOAK_DRILLS", 5);
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let mut widths = Vec::new();
    for n in 0..drills {
        let home = Home::new("rta");
        let file = scenario(&home, &mut random);
        let run = home.run(&["run", file.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(0), "drill {n}, seed {seed}: {said}");
        let result = home.result();
        let outages = truth::read(&home.newest_run().join("truth.log")).unwrap();
        // The service ends for good when the drill does: the outage in question is the one it came back from.
        let truth = outages.iter().find(|outage| outage.started.is_some()).expect("an outage in the log");
        let truth = truth.started.unwrap() - truth.stopped;
        let outage = result.outages.first().expect("an outage in the result");
        let (lower, upper) = (outage.rta.lower.nanos(), outage.rta.upper.expect("an upper bound").nanos());
        println!("drill {n}: truth {:.1} ms, stated {}", truth as f64 / 1e6, outage.rta.display());
        assert!((lower..=upper).contains(&truth), "drill {n}, seed {seed}: truth {truth} ns, stated {lower}..{upper}");
        widths.push((upper - lower) as f64 / 1e6);
    }
    widths.sort_by(f64::total_cmp);
    figure("drills whose true recovery time lay inside the stated interval", format!("{drills} of {drills}"));
    figure("width of the interval, median, ms", format!("{:.1}", widths[widths.len() / 2]));
    figure("width of the interval, 9 of 10 within, ms", format!("{:.1}", widths[(widths.len() * 9).div_ceil(10) - 1]));
    figure("width of the interval, widest, ms", format!("{:.1}", widths[widths.len() - 1]));
}
