//! `simulacro recover`, and the world that undoing needs.

use std::sync::Arc;

use super::args::RecoverArgs;
use super::exit::Exit;
use crate::backup::HostBackups;
use crate::clock::Clock;
use crate::engine::recover::{RecoverOutcome, RunEnd, Which, recover as undo};
use crate::model::RunId;
use crate::safety::{Header, StateDir};
use crate::world::operator::Nobody;
use crate::world::{World, host};

/// The drivers that undoing a run needs. All of them find their targets from the undo records alone.
pub fn world_of(_: &Header) -> World {
    let clock = Clock::start();
    host::connect(clock, Arc::new(HostBackups::new(clock, None)), Arc::new(Nobody))
}

/// Undoes what interrupted runs left behind.
pub fn recover(args: &RecoverArgs) -> Exit {
    let state = match StateDir::open() {
        Ok(state) => state,
        Err(e) => {
            eprintln!("{e}");
            return Exit::Refused;
        }
    };
    let which = args.run.as_ref().map_or(Which::All, |run| Which::Run(RunId(run.clone())));
    match undo(&state, &which, &world_of, &|line| eprintln!("{line}")) {
        Ok(outcome) => tell(&outcome),
        Err(e) => {
            eprintln!("nothing was recovered: {e}");
            Exit::Refused
        }
    }
}

fn tell(outcome: &RecoverOutcome) -> Exit {
    if outcome.runs.is_empty() {
        eprintln!("nothing to recover: no interrupted run left anything behind");
    }
    for (dir, end) in &outcome.runs {
        let run = dir.run();
        match end {
            RunEnd::Clean => eprintln!("{run}: nothing was left"),
            RunEnd::Undone(done) => eprintln!("{run}: undone: {}", faults(done)),
            RunEnd::Running(process) => eprintln!("{run}: still runs as {process}; it was not touched"),
            RunEnd::Remains(remaining) => {
                eprintln!("{run}: not everything could be undone:\n  {}", remaining.lines().join("\n  "));
            }
            RunEnd::Damaged(damage, remaining) => {
                eprintln!("{run}: {damage}");
                for line in remaining.lines() {
                    eprintln!("  {line}");
                }
            }
            RunEnd::NotArchived(done, why) => {
                eprintln!("{run}: undone: {}; but its folder stays: {why}", faults(done));
            }
        }
    }
    if outcome.is_clean() { Exit::Ok } else { Exit::UndoIncomplete }
}

fn faults(done: &crate::engine::revert::Remaining) -> String {
    done.undone.iter().map(|u| u.fault.to_string()).collect::<Vec<_>>().join(", ")
}
