//! The published figures: `scripts/bench [PART]...` builds this and runs it. Each part prints one table in Markdown on
//! standard output, and what it is doing on standard error.
//!
//! Figures are printed, never asserted: what a machine is busy with must not fail anything. What stands on the other
//! side of a comparison (nginx, wrk, oha, plain goose) runs in the same rounds, one after the other, so that a machine
//! that gets slower gets slower for all of them.

mod abort;
mod cpu;
mod goose;
mod machine;
mod memory;
mod nginx;
mod peers;
mod server;
mod soak;
mod stall;
mod table;
mod worker;

use std::process::ExitCode;

/// What went wrong, for a person.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A part by the name that `scripts/bench` takes.
type Part = (&'static str, fn() -> Result<(), Failure>);

const PARTS: [Part; 9] = [
    ("cpu", cpu::run),
    ("goose", goose::run),
    ("stall", stall::run),
    ("late", stall::run_late),
    ("memory", memory::run),
    ("replay", memory::run_replay),
    ("soak10", soak::run),
    ("abort", abort::run),
    ("hist", hist),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let done = match args.first().map(String::as_str) {
        // Processes that a part starts from this very file.
        Some("role-burn") => machine::burn(),
        Some("role-replay") => memory::replay(),
        Some("role-goose") => goose::plain(&args[1..]),
        _ => run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("figures: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(wanted: &[String]) -> Result<(), Failure> {
    let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = wanted.iter().find(|part| !names.contains(&part.as_str())) {
        return Err(format!("there is no part `{unknown}`: use {}", names.join(", ")).into());
    }
    if wanted.is_empty() {
        println!("usage: scripts/bench [{}]...", names.join("|"));
    }
    for (name, part) in PARTS.iter().filter(|(name, _)| wanted.iter().any(|part| part == name)) {
        eprintln!("figures: {name}");
        part().map_err(|why| format!("{name}: {why}"))?;
    }
    Ok(())
}

/// No figure but a proof: where it stands.
fn hist() -> Result<(), Failure> {
    table::heading("Histogram loss", "hist", "Property tests over random streams, not a measurement.");
    table::head(&["figure", "value", "bar"]);
    let proof = |what: &str, command: &str| {
        table::row(&[what.into(), format!("agree exactly: `{command}`"), "none lost".into()]);
    };
    proof(
        "counts and histograms of slots, windows and totals in the worker",
        "cargo test --lib windows_slots_histograms_and_totals_agree",
    );
    proof("counts and histograms of windows, phases and total in the result", "cargo test --test no_loss");
    Ok(())
}
