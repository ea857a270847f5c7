//! `simulacro run`

use std::path::Path;

use super::args::{RunArgs, RunOptions};
use super::drill::{self, Over, Show};
use super::exit::Exit;
use super::retry::{self, Attempt};
use super::{consent, terminal};
use crate::result::RetryOf;
use crate::scenario::resolve::{Settings, resolve};

/// Runs scenarios one after the other. The exit code is that of the first that did not pass; the later ones still run,
/// unless one left a fault behind.
pub fn run(args: &RunArgs) -> Exit {
    let mut worst = Exit::Ok;
    for scenario in &args.scenarios {
        let exit = retry::attempts(args.retry_inconclusive, |retry_of| one(scenario, args, retry_of));
        if worst.code() == 0 {
            worst = exit;
        }
        if exit == Exit::UndoIncomplete || exit.code() == Exit::UndoIncomplete.code() {
            return exit;
        }
    }
    worst
}

/// Runs a scenario once: its result, if it ran, and how the program ends; or why it never began.
fn one(scenario: &Path, args: &RunArgs, retry_of: Option<RetryOf>) -> Attempt {
    let settings = settings(&args.options, args.simulate, args.allow_commands);
    let mut plan = match resolve(scenario, &settings) {
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
    match consent::given(&plan, &args.consent, args.allow_production) {
        Ok(given) => plan.consent = given,
        Err(why) => {
            eprintln!("refused, nothing was touched: {why}");
            return Err(Exit::Refused);
        }
    }
    let dir = plan.dir.clone();
    let over = if args.simulate { drill::simulate(plan) } else { drill::run(plan, Show { plain: args.options.plain }) };
    let exit = tell(&over, &args.options, (!args.simulate).then_some(dir.as_path()));
    retry::over(over, exit)
}

/// Settings of a run from its options.
pub fn settings(options: &RunOptions, simulated: bool, allow_commands: bool) -> Settings {
    let now = jiff::Timestamp::now();
    let report_dir = std::path::absolute(&options.report_dir).unwrap_or_else(|_| options.report_dir.clone());
    Settings {
        vars: options.vars.clone(),
        seed: options.seed.unwrap_or_else(|| u64::from(rand::random::<u32>())),
        utc: now.strftime("%Y%m%dT%H%M%SZ").to_string(),
        report_dir,
        simulated,
        allow_commands,
    }
}

/// Prints how a drill came out.
pub fn tell(over: &Over, options: &RunOptions, dir: Option<&Path>) -> Exit {
    match over {
        Over::Refused(why, exit) => {
            eprintln!("refused, nothing was touched: {why}");
            *exit
        }
        Over::Ran(result, exit) => {
            terminal::result(result, options.json, dir);
            *exit
        }
    }
}
