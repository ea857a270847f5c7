//! The life of a drill, from a plan to its reports.
//!
//! The order is the promise: lock, no residue, folder and plan on disk, journal, a live watchdog; only then anything
//! that could harm. On the way out: reports, the journal's copy, the watchdog's orderly end, and last the lock.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::exit::Exit;
use super::{run_folder, signals};
use crate::backup::HostBackups;
use crate::clock::Clock;
use crate::engine::recorder::Nowhere;
use crate::engine::watchdog::{self, Beater, Watchdog};
use crate::engine::{Engine, Finished, Switch, canceller, recover};
use crate::judge;
use crate::result::RunResult;
use crate::safety::{Header, Journal, Lock, Place, Role, RunDir, StateDir, this_process};
use crate::scenario::plan::Plan;
use crate::timeline::ledger::Shape;
use crate::world::host;
use crate::world::operator::Terminal;

/// How a drill is shown while it runs.
#[derive(Debug, Clone, Copy)]
pub struct Show {
    /// Plain lines even on a terminal.
    pub plain: bool,
}

/// A drill that is over, or never began.
pub enum Over {
    /// It ran; the result says how.
    Ran(Box<RunResult>, Exit),
    /// It was refused before anything was touched.
    Refused(String, Exit),
}

/// Runs a drill against the real world.
pub fn run(plan: Plan, show: Show) -> Over {
    let refused = |why: String| Over::Refused(why, Exit::Refused);
    let state = match StateDir::open() {
        Ok(state) => state,
        Err(e) => return refused(e.to_string()),
    };
    let lock = match Lock::try_acquire(&state, Role::Runner, Some(&plan.run)) {
        Ok(lock) => lock,
        Err(e) => return refused(e.to_string()),
    };
    match recover::residue_present(&state) {
        Ok(left) if left.is_empty() => {}
        Ok(left) => return refused(residue(&left)),
        Err(e) => return Over::Refused(e.to_string(), Exit::UndoIncomplete),
    }
    let prepared = match Prepared::new(&plan, &state) {
        Ok(prepared) => prepared,
        Err(why) => return refused(why),
    };
    let over = prepared.run(plan, show);
    drop(lock);
    over
}

fn residue(left: &[recover::LeftBehind]) -> String {
    left.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}

/// Everything that must exist before anything can be hurt.
struct Prepared {
    folder: RunDir,
    journal: Journal,
    watchdog: Watchdog,
}

impl Prepared {
    fn new(plan: &Plan, state: &StateDir) -> Result<Self, String> {
        run_folder::create(plan)?;
        let folder = state.create_run(&plan.run).map_err(|e| e.to_string())?;
        let header = Header {
            run: plan.run.clone(),
            place: Place::here(),
            started: jiff::Timestamp::now(),
            runner: this_process().map_err(|e| format!("this process cannot be identified: {e}"))?,
            scenario: fs::canonicalize(&plan.file).unwrap_or_else(|_| plan.file.clone()),
            report_dir: plan.dir.clone(),
            endpoints: Vec::new(),
            secrets: Vec::new(),
        };
        let journal = Journal::create(folder.path(), &header)
            .map_err(|e| format!("the undo journal cannot be made in {}: {e}", folder.path().display()))?;
        let watchdog =
            watchdog::spawn(state, &folder).map_err(|e| format!("no watchdog, so nothing may be hurt: {e}"))?;
        Ok(Prepared { folder, journal, watchdog })
    }

    fn run(self, plan: Plan, show: Show) -> Over {
        let plan = Arc::new(plan);
        let Prepared { folder, journal, watchdog } = self;
        let switch = Box::new(Beats(watchdog.beater()));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let done = runtime
            .map_err(|e| format!("no runtime: {e}"))
            .and_then(|runtime| runtime.block_on(drill(plan.clone(), journal, switch, show, folder.journal())));
        let finished = match done {
            Ok(finished) => finished,
            Err(why) => {
                // Nothing was armed: the watchdog leaves without a deed, and there is nothing to recover.
                watchdog.done();
                let _ = folder.remove();
                return Over::Refused(why, Exit::Refused);
            }
        };
        let clean = finished.remaining.is_empty();
        let over = conclude(&plan, finished, &folder);
        watchdog.done();
        if clean && let Err(e) = folder.remove() {
            eprintln!("the run's state folder could not be removed: {e}");
        }
        over
    }
}

/// The watchdog, as the engine sees it.
struct Beats(Beater);

impl Switch for Beats {
    fn beat(&mut self) -> Result<(), String> {
        self.0.beat();
        self.0.check().map_err(|lost| lost.to_string())
    }
}

async fn drill(
    plan: Arc<Plan>,
    journal: Journal,
    switch: Box<dyn Switch>,
    show: Show,
    journal_path: PathBuf,
) -> Result<Finished, String> {
    let clock = Clock::start();
    let shape = plan.scenario.ledger.as_ref().map(|ledger| Shape::of(ledger, &plan.run));
    let backups = Arc::new(HostBackups::new(clock, shape));
    let world = host::connect(clock, backups, Arc::new(Terminal));
    let recorder = run_folder::recorder(&plan, clock, show)?;
    let (cancel, listener) = canceller();
    // Third signal: say where the journal is, and leave; the watchdog does the rest.
    let leave = move || {
        eprintln!("left in a hurry; what is not undone stands in {}: run `simulacro recover`", journal_path.display());
        Exit::UndoIncomplete
    };
    let signals = tokio::spawn(signals::listen(cancel, leave));
    let finished = Engine { plan, world, journal, switch, recorder }.run(listener).await;
    signals.abort();
    Ok(finished)
}

/// From what happened to what is said about it.
fn conclude(plan: &Plan, finished: Finished, folder: &RunDir) -> Over {
    let result = judge::conclude(plan, &finished.timeline);
    let mut exit = Exit::Run(result.end.exit_code);
    let written = run_folder::write(plan, &result, &finished.timeline, Some(folder));
    if let Some(why) = finished.recorder_failed.or_else(|| written.err()) {
        eprintln!("the result could not be written to {}: {why}", plan.dir.display());
        if finished.remaining.is_empty() {
            exit = Exit::ResultNotWritten;
        }
    }
    Over::Ran(Box::new(result), exit)
}

/// Runs a drill in a simulated world, on a clock that does not wait, and writes nothing.
pub fn simulate(plan: Plan) -> Over {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build() {
        Ok(runtime) => runtime,
        Err(e) => return Over::Refused(format!("no runtime: {e}"), Exit::Refused),
    };
    let plan = Arc::new(plan);
    let finished = runtime.block_on(crate::engine::simulate::simulate(plan.clone(), Box::new(Nowhere)));
    let result = judge::conclude(&plan, &finished.timeline);
    let exit = Exit::Run(result.end.exit_code);
    Over::Ran(Box::new(result), exit)
}
