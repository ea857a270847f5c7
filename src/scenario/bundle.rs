//! A scenario with its load profiles: everything that a drill is planned from, read and checked.

use std::path::{Component, Path, PathBuf};

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
        let path = beside(file, &stream.profile);
        match profile(&path) {
            Ok((profile, warnings)) => {
                profiles.insert(stream.name.clone(), profile);
                problems.merge(warnings);
            }
            Err(theirs) => {
                let unreadable = theirs.iter().next().filter(|p| theirs.text(&p.file).is_none_or(|t| t.is_empty()));
                let (message, hint) = match unreadable {
                    Some(p) => {
                        let message = format!("the load profile cannot be read: {}", p.message);
                        (message, "the path is relative to the scenario's file")
                    }
                    None => ("the load profile has errors".to_owned(), "they are shown at its own lines"),
                };
                let ours = source.error(format!("load[{i}].profile"), message).hint(hint);
                problems.merge(source.problems(vec![ours]));
                if unreadable.is_none() {
                    problems.merge(theirs);
                }
            }
        }
    }
    problems.merge(source.problems(lint(&scenario, &profiles, &source)));
    if problems.has_errors() { Err(problems) } else { Ok(Bundle { scenario, source, profiles, warnings: problems }) }
}

/// The path of a profile that is named relative to the scenario's file, `..` taken out where that leads to the same file,
/// so that a file has one name in all problems.
fn beside(file: &Path, profile: &str) -> PathBuf {
    let plain = file.parent().unwrap_or(Path::new("")).join(profile);
    let mut short = PathBuf::new();
    for part in plain.components() {
        match (part, short.components().next_back()) {
            (Component::ParentDir, Some(Component::Normal(_))) => {
                short.pop();
            }
            (Component::CurDir, _) => {}
            _ => short.push(part),
        }
    }
    match (plain.canonicalize(), short.canonicalize()) {
        (Ok(a), Ok(b)) if a == b => short,
        // Neither leads anywhere: the shorter name says so as well.
        (Err(_), Err(_)) => short,
        _ => plain,
    }
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
