//! Whether a drill may start: what the scenario asks of whoever starts it, the calendar, and the kill file. All of it is
//! asked before anything is looked at; targets are the engine's to look at.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::args::ConsentArgs;
use crate::engine::kill_file;
use crate::scenario::Scenario;
use crate::scenario::consent::{Consent, PlanToken};
use crate::scenario::freeze::{Freezes, longest};
use crate::scenario::guard::Environment;
use crate::scenario::plan::Plan;

/// What the plan of a drill may do, from the options of its run.
///
/// # Errors
/// Why it may not start.
pub fn given(plan: &Plan, args: &ConsentArgs, allow_production: bool) -> Result<Consent, String> {
    let production = plan.scenario.guard.environment == Environment::Production;
    if production && !allow_production {
        return Err("this scenario is for production: run it with --allow-production".into());
    }
    let mut consent = Consent {
        yes: args.yes,
        targets: None,
        kill_files: kill_files(&plan.scenario, &plan.file, args.kill_file.as_deref()),
    };
    // A simulated drill touches nothing, at any time.
    if plan.simulated {
        return Ok(consent);
    }
    let now = Timestamp::now();
    if production {
        consent.targets = Some(token(&args.plan_token, plan, now)?.targets.clone());
    }
    clear(&plan.scenario, &plan.file, &consent.kill_files, now)?;
    Ok(consent)
}

fn token<'a>(tokens: &'a [PlanToken], plan: &Plan, now: Timestamp) -> Result<&'a PlanToken, String> {
    let fits = |token: &&PlanToken| token.scenario == plan.digest;
    match tokens.iter().find(fits).or(tokens.first()) {
        Some(token) => token.good_for(&plan.digest, now).map(|()| token),
        None => Err("a production drill needs `--plan-token`: `simulacro plan` prints it, together with the targets \
                     that it stands for"
            .into()),
    }
}

/// The kill files of a drill.
pub fn kill_files(scenario: &Scenario, file: &Path, other: Option<&Path>) -> Vec<PathBuf> {
    let beside = file.parent().unwrap_or(Path::new(""));
    let own = scenario.guard.kill_file.iter().map(|named| beside.join(named));
    own.chain(other.map(Path::to_owned)).collect()
}

/// Whether neither the calendar nor a kill file forbids a drill now.
///
/// # Errors
/// What forbids it, or cannot be asked.
pub fn clear(scenario: &Scenario, file: &Path, kill_files: &[PathBuf], now: Timestamp) -> Result<(), String> {
    for file in kill_files {
        let shown = file.display();
        match kill_file::is_there(file) {
            Ok(false) => {}
            Ok(true) => return Err(format!("the kill file {shown} is there: while it is, no drill starts")),
            Err(e) => return Err(format!("the kill file {shown} cannot be looked for: {e}")),
        }
    }
    match Freezes::of(scenario, file)?.forbid(now, longest(scenario))? {
        Some(why) => Err(why),
        None => Ok(()),
    }
}
