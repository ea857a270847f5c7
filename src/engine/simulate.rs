//! Whole drills in a simulated world, on a paused clock.

use std::path::Path;
use std::sync::Arc;

use super::{Engine, Finished, Recorder, Switch, canceller};
use crate::clock::Clock;
use crate::model::ProcessId;
use crate::safety::{Header, Journal, Memory, Place};
use crate::scenario::plan::Plan;
use crate::timeline::Timeline;
use crate::timeline::event::EventSink;
use crate::world::sim::Sim;

/// Room for the journal of any simulated drill.
const JOURNAL: usize = 1 << 20;

/// A watchdog that is always there: in a simulated world nothing real can be left behind.
#[derive(Debug, Default)]
pub struct AlwaysThere;

impl Switch for AlwaysThere {
    fn beat(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// Simulates a drill from beginning to end. Needs a runtime whose clock is paused.
pub async fn simulate(plan: Arc<Plan>, keep: Box<dyn EventSink>) -> Finished {
    let sim = Sim::new(&plan.scenario);
    let (_canceller, listener) = canceller();
    match journal(&plan, Memory::new(JOURNAL)) {
        Ok(journal) => engine(plan, &sim, journal, keep).run(listener).await,
        Err(why) => refused(plan, why),
    }
}

/// An engine in a simulated world, ready to run.
pub fn engine(plan: Arc<Plan>, sim: &Sim, journal: Journal, keep: Box<dyn EventSink>) -> Engine {
    let clock = Clock::start();
    let recorder = Recorder::new(clock, Timeline::new(&plan), keep, Box::new(super::recorder::Nowhere));
    Engine { world: sim.world(clock), journal, switch: Box::new(AlwaysThere), recorder, plan }
}

/// A journal in memory.
///
/// # Errors
/// When the memory was told to fail.
pub fn journal(plan: &Plan, memory: Memory) -> Result<Journal, String> {
    let header = Header {
        run: plan.run.clone(),
        place: Place::here(),
        started: jiff::Timestamp::UNIX_EPOCH,
        runner: ProcessId { pid: 1, start: 1 },
        scenario: plan.file.clone(),
        report_dir: plan.dir.clone(),
        endpoints: Vec::new(),
        secrets: Vec::new(),
    };
    Journal::on(memory, Path::new("simulated"), &header).map_err(|e| e.to_string())
}

fn refused(plan: Arc<Plan>, why: String) -> Finished {
    Finished { timeline: Timeline::new(&plan), remaining: Vec::new(), recorder_failed: Some(why) }
}
