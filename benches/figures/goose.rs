//! Processor time per request of user journeys: our worker against goose as its documentation shows it.

use crate::Failure;
use crate::machine::{rounds, seconds};
use crate::nginx::Nginx;
use crate::peers::{cost, goose};
use crate::table::{head, heading, median, row, spread};
use crate::worker;

/// Users, and their think time in milliseconds.
const CASES: [(u64, u64); 4] = [(10, 0), (50, 0), (100, 0), (400, 100)];

fn profile(users: u64, seconds: u64, wait_ms: u64) -> String {
    let wait = match wait_ms {
        0 => String::new(),
        ms => format!("wait_time: {{ min: {ms}ms, max: {ms}ms }}, "),
    };
    format!(
        "{{ simulacro_profile: 1, name: steady, constant_vus: {{ vus: {users}, duration: {seconds}s }}, \
           journeys: [{{ name: visit, {wait}steps: [{{ name: index, path: /index.html }}, \
           {{ name: about, path: /about.html }}] }}] }}"
    )
}

pub fn run() -> Result<(), Failure> {
    // Goose takes a second to start its users and one to end them.
    let (rounds, seconds) = (rounds(), seconds() + 2);
    let nginx = Nginx::start()?;
    heading(
        "Journeys against plain goose",
        "goose",
        &format!(
            "The same journey of two steps for the same users on goose 0.19: ours records, judges and reads every answer \
             whole; plain goose is its own example with its own metrics. µs for each request that nginx counted, medians \
             of {rounds} interleaved rounds of {seconds} s."
        ),
    );
    head(&["users", "think time", "plain goose", "simulacro", "ratio", "bar"]);
    for (users, wait_ms) in CASES {
        let (mut plain, mut ours) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            plain.push(goose(&nginx, users, seconds, wait_ms)?.micros);
            let text = profile(users, seconds, wait_ms);
            let (done, cost) = cost(&nginx, || worker::run(&text, &nginx.base()))?;
            if let Some(trouble) = done.heard.trouble() {
                eprintln!("figures: {trouble}");
            }
            ours.push(cost.micros);
            eprintln!("figures: {users} users, round {} of {rounds}", round + 1);
        }
        let ratio = median(ours.iter().copied()) / median(plain.iter().copied());
        row(&[
            users.to_string(),
            if wait_ms == 0 { "none".into() } else { format!("{wait_ms} ms") },
            spread(&plain, 1),
            spread(&ours, 1),
            format!("{ratio:.2} ×"),
            "0.85 ×".into(),
        ]);
    }
    Ok(())
}

/// The life of a process that is plain goose.
#[cfg(feature = "goose")]
pub fn plain(args: &[String]) -> Result<(), Failure> {
    use std::time::Duration;

    use ::goose::config::GooseConfiguration;
    use ::goose::prelude::*;

    async fn index(user: &mut GooseUser) -> TransactionResult {
        let _goose = user.get("/index.html").await?;
        Ok(())
    }
    async fn about(user: &mut GooseUser) -> TransactionResult {
        let _goose = user.get("/about.html").await?;
        Ok(())
    }
    let [host, users, seconds, wait_ms] = args else { return Err("four arguments are needed".into()) };
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some(host.clone());
    configuration.users = Some(users.parse()?);
    configuration.increase_rate = Some(users.clone());
    configuration.run_time = Some(seconds.clone());
    configuration.no_telnet = true;
    configuration.no_websocket = true;
    let mut visit =
        scenario!("visit").register_transaction(transaction!(index)).register_transaction(transaction!(about));
    let wait = Duration::from_millis(wait_ms.parse()?);
    if !wait.is_zero() {
        visit = visit.set_wait_time(wait, wait)?;
    }
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(GooseAttack::initialize_with_config(configuration)?.register_scenario(visit).execute())?;
    Ok(())
}

#[cfg(not(feature = "goose"))]
pub fn plain(_: &[String]) -> Result<(), Failure> {
    Err("built without the feature `goose`".into())
}
