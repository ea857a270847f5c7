//! `simulacro demo`: the quickstart drill, from files that are part of this binary.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::args::{ConsentArgs, DemoArgs};
use super::drill::{self, Show};
use super::exit::Exit;
use super::run::{settings, tell};
use super::{consent, terminal};
use crate::scenario::resolve::resolve;

const FILES: [(&str, &str); 3] = [
    ("scenarios/quickstart.yaml", include_str!("../../scenarios/quickstart.yaml")),
    ("loadprofiles/orders-journeys.yaml", include_str!("../../loadprofiles/orders-journeys.yaml")),
    ("loadprofiles/orders-steady.yaml", include_str!("../../loadprofiles/orders-steady.yaml")),
];

/// Runs the quickstart drill.
pub fn demo(args: &DemoArgs) -> Exit {
    let settings = settings(&args.options, false, false);
    let scenario = match unpack(&settings.report_dir.join("demo")) {
        Ok(scenario) => scenario,
        Err(e) => {
            eprintln!("the demo's files cannot be written below {}: {e}", settings.report_dir.display());
            return Exit::Refused;
        }
    };
    let mut plan = match resolve(&scenario, &settings) {
        Ok((plan, _)) => plan,
        Err(problems) => {
            terminal::problems(&problems);
            return Exit::Usage;
        }
    };
    let agreed = ConsentArgs { kill_file: args.kill_file.clone(), ..Default::default() };
    match consent::given(&plan, &agreed, false) {
        Ok(given) => plan.consent = given,
        Err(why) => {
            eprintln!("refused, nothing was touched: {why}");
            return Exit::Refused;
        }
    }
    eprintln!("the demo's scenario: {}", scenario.display());
    let dir = plan.dir.clone();
    tell(&drill::run(plan, Show { plain: args.options.plain }), &args.options, Some(&dir))
}

/// Writes the demo's files, so that they can be read, changed and run again; gives the scenario's path.
fn unpack(dir: &Path) -> io::Result<PathBuf> {
    for (name, text) in FILES {
        let file = dir.join(name);
        fs::create_dir_all(file.parent().unwrap_or(dir))?;
        fs::write(file, text)?;
    }
    Ok(dir.join(FILES[0].0))
}
