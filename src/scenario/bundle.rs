//! A scenario with its load profiles: everything that a drill is planned from, read and checked.

use std::path::{Component, Path, PathBuf};

use super::Scenario;
use super::grpc;
use super::lint::{Profiles, lint, lint_calls, lint_partly};
use super::problem::{Problem, Problems};
use super::profile::{Profile, Severity};
use super::source::{Partial, Source, load_partly, load_plain, read_file};
use super::streams::{expand, streams_of};

/// A scenario that can be run, and what its author should know all the same.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The scenario, variables put in, and each load with its streams.
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
    let Partial { value, source, damage, mut problems } = load_partly::<Scenario>(file, text, overrides)?;
    let Some(mut scenario) = value else { return Err(problems) };
    let mut profiles = Profiles::new();
    for (i, stream) in scenario.load.iter().enumerate() {
        let place = damage.original(&format!("load[{i}].profile"));
        if damage.explains(&place) {
            continue;
        }
        match profile(&beside(file, &stream.profile)) {
            Ok((profile, warnings)) => {
                problems.merge(warnings);
                problems.merge(source.problems(for_a_load_alone(&source, &place, &profile)));
                match streams_of(&stream.name, &profile) {
                    Ok(streams) => profiles.extend(streams),
                    Err(e) => {
                        problems.merge(source.problems(vec![source.error(place, format!("a stream's name: {e}"))]))
                    }
                }
            }
            Err(theirs) => problems.merge(wrong_profile(&source, place, theirs)),
        }
    }
    let found = match damage.is_none() {
        true => lint(&scenario, &profiles, &source),
        false => lint_partly(&scenario, &source, &damage),
    };
    problems.merge(source.problems(found));
    let sets = grpc::descriptor_sets(&scenario, file);
    problems.merge(source.problems(lint_calls(&scenario, &sets, &source, &damage)));
    if problems.has_errors() {
        return Err(problems);
    }
    expand(&mut scenario, &profiles);
    Ok(Bundle { scenario, source, profiles, warnings: problems })
}

/// What a profile holds for `simulacro load` only, of which its author should know in a drill.
fn for_a_load_alone(source: &Source, place: &str, profile: &Profile) -> Vec<Problem> {
    let mut found = Vec::new();
    if profile.breakpoint.is_some() {
        let message = "`breakpoint` drives the target until it breaks: in a drill nothing else could be told";
        let hint = "find it with `simulacro load`, and give the drill a rate below it";
        found.push(source.error(place, message).hint(hint));
    }
    let of_stages = profile
        .streams()
        .iter()
        .filter_map(|(_, stream)| stream.executor())
        .any(|executor| executor.stages().iter().any(|(_, stage)| !stage.thresholds.is_empty()));
    if of_stages || !profile.thresholds.is_empty() {
        let message = "the thresholds of this profile are judged by `simulacro load` only";
        found.push(source.error(place, message).hint("a drill is judged by its own `objectives.slo`").warning());
    }
    found
}

/// The problems of a profile, and one that leads from the scenario to them.
fn wrong_profile(source: &Source, place: String, theirs: Problems) -> Problems {
    let unreadable = theirs.iter().next().filter(|p| theirs.text(&p.file).is_none_or(|t| t.is_empty()));
    let (message, hint) = match unreadable {
        Some(p) => {
            let message = format!("the load profile cannot be read: {}", p.message);
            (message, "the path is relative to the scenario's file")
        }
        None => ("the load profile has errors".to_owned(), "they are shown at its own lines"),
    };
    let readable = unreadable.is_none();
    let mut all = source.problems(vec![source.error(place, message).hint(hint)]);
    if readable {
        all.merge(theirs);
    }
    all
}

/// The path of a file that is named relative to the scenario's file, `..` taken out where that leads to the same
/// file, so that a file has one name in all problems.
pub(super) fn beside(file: &Path, profile: &str) -> PathBuf {
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
    profile_source(file, text).map(|(profile, _, warnings)| (profile, warnings))
}

/// As [`profile_text`], with the places of what was read.
pub(super) fn profile_source(file: &Path, text: &str) -> Result<(Profile, Source, Problems), Problems> {
    let (profile, source) = load_plain::<Profile>(file, text)?;
    let profile = profile.resolved(file.parent().unwrap_or(Path::new("")));
    let list = profile.problems().into_iter().chain(profile.file_problems()).map(|p| {
        let problem: Problem = source.error(p.path, p.message);
        match p.severity {
            Severity::Error => problem,
            Severity::Warning => problem.warning(),
        }
    });
    let problems = source.problems(list.collect());
    if problems.has_errors() { Err(problems) } else { Ok((profile, source, problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let problems = open_text(Path::new("a.yaml"), text, &[]).unwrap_err();
        problems.iter().map(|p| p.to_string().replace("a.yaml:", "")).collect()
    }

    #[test]
    fn wrong_values_do_not_hide_wrong_names() {
        let found = problems(
            "name: x
services: { app: { command: [a], ready: { within: 5 } } }
targets: { app: { process: app }, gone: { process: gone } }
faults:
  - { name: one, process-kil: { target: app } }
  - { name: two, at: 1s, process-pause: { target: ap } }
  - { name: six, at: 5, for: 1s, process-pause: { target: app } }
probes: [{ name: p, tcp: { address: nowhere }, every: 0s }]
objectives: { rto: { max: 5s, fault: three } }
",
        );
        let places: Vec<_> = found.iter().map(|l| l.splitn(3, ':').take(2).collect::<Vec<_>>().join(":")).collect();
        let expected = ["2:51", "3:52", "5:18", "6:26", "6:51", "7:22", "8:37", "8:55", "9:38"];
        assert_eq!(places, expected, "{found:#?}");
    }

    #[test]
    fn what_was_left_out_is_not_missed() {
        let text = "name: x\nfalts: []\ntargets: { app: { process: orders } }\nproxies: [1]\n";
        let found = problems(text);
        assert_eq!(found.len(), 2, "{found:#?}");
        let text = "name: x\nservices:\n  orders: { command: 5 }\ntargets: { app: { process: orders } }\n";
        assert_eq!(problems(text), ["3:22: expected a list, found the number `5`"]);
        let text = "name: x\nprobes: [{ nmae: p, tcp: { address: a:1 }, every: 1s }]\n\
                    recovery_signal: { streams: [p] }\n";
        assert_eq!(problems(text).len(), 1, "a slip in `name` would be told twice: {:?}", problems(text));
    }
}
