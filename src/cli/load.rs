//! `simulacro load`: load alone, as a release gate.
//!
//! Nothing is hurt, so there is no lock, no journal and no watchdog (decision 25); everything else is as in a drill.

use std::path::Path;
use std::sync::Arc;

use super::args::LoadArgs;
use super::drill::{Over, Show};
use super::exit::Exit;
use super::retry::{self, Attempt};
use super::run::{settings, tell};
use super::{run_folder, signals, terminal};
use crate::backup::HostBackups;
use crate::clock::Clock;
use crate::engine::{Finished, LoadEngine, canceller};
use crate::judge;
use crate::result::RetryOf;
use crate::scenario::load_plan::{LoadSettings, resolve_load};
use crate::scenario::plan::Plan;
use crate::world::host;
use crate::world::operator::Nobody;

/// Drives load profiles one after the other. The exit code is that of the first that did not pass; the later ones still
/// run, unless it was cancelled.
pub fn load(args: &LoadArgs) -> Exit {
    let mut worst = Exit::Ok;
    for profile in &args.profiles {
        let exit = retry::attempts(args.retry_inconclusive, |retry_of| one(profile, args, retry_of));
        if worst.code() == 0 {
            worst = exit;
        }
        if exit.code() == CANCELLED {
            break;
        }
    }
    worst
}

/// The exit code of a run that was cancelled.
const CANCELLED: u8 = 23;

fn one(profile: &Path, args: &LoadArgs, retry_of: Option<RetryOf>) -> Attempt {
    let settings = settings(&args.options, false, false);
    let load = LoadSettings { base_url: args.base_url.clone(), duration: args.duration };
    let mut plan = match resolve_load(profile, &settings, &load) {
        Ok((plan, warnings)) => {
            terminal::problems(&warnings);
            plan
        }
        Err(problems) => {
            terminal::problems(&problems);
            return Err(Exit::Usage);
        }
    };
    plan.retry_of = retry_of;
    let dir = plan.dir.clone();
    let over = run(plan, Show { plain: args.options.plain });
    let exit = tell(&over, &args.options, Some(&dir));
    retry::over(over, exit)
}

fn run(plan: Plan, show: Show) -> Over {
    let plan = Arc::new(plan);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let done =
        runtime.map_err(|e| format!("no runtime: {e}")).and_then(|runtime| runtime.block_on(drive(plan.clone(), show)));
    match done {
        Ok(finished) => conclude(&plan, finished),
        Err(why) => Over::Refused(why, Exit::Refused),
    }
}

async fn drive(plan: Arc<Plan>, show: Show) -> Result<Finished, String> {
    run_folder::create(&plan)?;
    let clock = Clock::start();
    let world = host::connect(clock, Arc::new(HostBackups::new(clock, None)), Arc::new(Nobody));
    let recorder = run_folder::recorder(&plan, clock, show)?;
    let (cancel, listener) = canceller();
    // Third signal: leave. The workers end with this process.
    let signals = tokio::spawn(signals::listen(cancel, || Exit::Run(CANCELLED)));
    let finished = LoadEngine { plan, world, recorder }.run(listener).await;
    signals.abort();
    Ok(finished)
}

fn conclude(plan: &Plan, finished: Finished) -> Over {
    let result = judge::conclude(plan, &finished.timeline);
    let mut exit = Exit::Run(result.end.exit_code);
    let written = run_folder::write(plan, &result, &finished.timeline, None);
    if let Some(why) = finished.recorder_failed.or_else(|| written.err()) {
        eprintln!("the result could not be written to {}: {why}", plan.dir.display());
        exit = Exit::ResultNotWritten;
    }
    Over::Ran(Box::new(result), exit)
}
