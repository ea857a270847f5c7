//! A scenario with its load profiles: everything that a drill is planned from, read and checked.

use std::path::Path;

use super::Scenario;
use super::lint::{Profiles, lint};
use super::problem::{Problem, Problems};
use super::profile::{Profile, Severity};
use super::source::{Source, load, load_plain, read_file};

/// A scenario that can be run, and what its author should know all the same.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The scenario, variables put in.
    pub scenario: Scenario,
    /// Its file.
    pub source: Source,
    /// The load profiles by stream.
    pub profiles: Profiles,
    /// Problems that do not stop a drill.
    pub warnings: Problems,
}

/// Reads a scenario and its profiles, and looks for every problem of either.
///
/// # Errors
/// All problems, warnings too, when at least one is an error.
pub fn open(file: &Path, overrides: &[(String, String)]) -> Result<Bundle, Problems> {
    open_text(file, &read_file(file)?, overrides)
}

/// As [`open`], for a text that is not in a file; `file` names it, and profiles are looked for beside it.
///
/// # Errors
/// As [`open`].
pub fn open_text(file: &Path, text: &str, overrides: &[(String, String)]) -> Result<Bundle, Problems> {
    let (scenario, source) = load::<Scenario>(file, text, overrides)?;
    let mut profiles = Profiles::new();
    let mut problems = Problems::default();
    for (i, stream) in scenario.load.iter().enumerate() {
        let path = file.parent().unwrap_or(Path::new("")).join(&stream.profile);
        match profile(&path) {
            Ok((profile, warnings)) => {
                profiles.insert(stream.name.clone(), profile);
                problems.merge(warnings);
            }
            Err(theirs) => {
                let first = theirs.iter().next().map(|p| (p.span.start, p.message.clone()));
                let (message, hint) = match first {
                    Some((_, why)) if theirs.text(&path).is_none_or(|t| t.is_empty()) => (
                        format!("the load profile cannot be read: {why}"),
                        "the path is relative to the scenario's file",
                    ),
                    _ => ("the load profile has errors".to_owned(), "they are shown at its own lines"),
                };
                let ours = source.error(format!("load[{i}].profile"), message).hint(hint);
                problems.merge(source.problems(vec![ours]));
                problems.merge(theirs);
            }
        }
    }
    problems.merge(source.problems(lint(&scenario, &profiles, &source)));
    if problems.has_errors() { Err(problems) } else { Ok(Bundle { scenario, source, profiles, warnings: problems }) }
}

/// Reads a load profile; with it come its warnings.
///
/// # Errors
/// All its problems, when at least one is an error.
pub fn profile(file: &Path) -> Result<(Profile, Problems), Problems> {
    profile_text(file, &read_file(file)?)
}

/// As [`profile`], for a text that is not in a file.
///
/// # Errors
/// As [`profile`].
pub fn profile_text(file: &Path, text: &str) -> Result<(Profile, Problems), Problems> {
    let (profile, source) = load_plain::<Profile>(file, text)?;
    let list = profile.problems().into_iter().map(|p| {
        let problem: Problem = source.error(p.path, p.message);
        match p.severity {
            Severity::Error => problem,
            Severity::Warning => problem.warning(),
        }
    });
    let problems = source.problems(list.collect());
    if problems.has_errors() { Err(problems) } else { Ok((profile, problems)) }
}
