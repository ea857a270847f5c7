//! `simulacro judge`: a saved run against other objectives.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::args::JudgeArgs;
use super::exit::Exit;
use super::terminal;
use crate::judge::conclude_against;
use crate::scenario::Objectives;
use crate::scenario::bundle::open;
use crate::scenario::plan::{Plan, VERSION};
use crate::timeline::Timeline;
use crate::timeline::event::Event;

/// Judges a saved run against the objectives of a scenario.
pub fn judge(args: &JudgeArgs) -> Exit {
    let objectives: Objectives = match open(&args.scenario, &args.vars) {
        Ok(bundle) => bundle.scenario.objectives,
        Err(problems) => {
            terminal::problems(&problems);
            return Exit::Usage;
        }
    };
    match read(&args.run) {
        Ok((plan, timeline)) => {
            let result = conclude_against(&objectives, &plan, &timeline);
            terminal::result(&result, args.json, None);
            Exit::Run(result.end.exit_code)
        }
        Err(why) => {
            eprintln!("{why}");
            Exit::Usage
        }
    }
}

/// The plan and the timeline of a saved run. A run whose events end early is judged on what there is.
fn read(dir: &Path) -> Result<(Plan, Timeline), String> {
    let file = dir.join("plan.json");
    let bytes = fs::read(&file).map_err(|e| format!("{} cannot be read: {e}; give a run's folder", file.display()))?;
    let plan: Plan = serde_json::from_slice(&bytes).map_err(|e| format!("{} is damaged: {e}", file.display()))?;
    if plan.version > VERSION {
        return Err(format!("{} is of version {}: this program reads {VERSION}", file.display(), plan.version));
    }
    let file = dir.join("events.jsonl");
    let lines = fs::File::open(&file).map_err(|e| format!("{} cannot be read: {e}", file.display()))?;
    let mut timeline = Timeline::new(&plan);
    for (n, line) in BufReader::new(lines).lines().enumerate() {
        let line = line.map_err(|e| format!("{} cannot be read: {e}", file.display()))?;
        let event: Event = serde_json::from_str(&line)
            .map_err(|e| format!("{}:{}: not an event, so the run cannot be judged: {e}", file.display(), n + 1))?;
        timeline.push(&event);
    }
    timeline.finish();
    Ok((plan, timeline))
}
