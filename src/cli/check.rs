//! `simulacro check`: every problem of scenarios and load profiles, each with its line, in one pass.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::show;
use crate::scenario::bundle;
use crate::scenario::problem::Problems;
use crate::scenario::render::Look;
use crate::scenario::source::read_file;
use crate::scenario::yaml::{Node, Value, parse};

/// Deepest folder that is looked into.
const DEEPEST: usize = 16;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A scenario.
    Scenario,
    /// A load profile.
    Profile,
}

/// What `check` found.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The files, in order.
    pub files: Vec<PathBuf>,
    /// Their problems.
    pub problems: Problems,
}

impl Checked {
    /// The exit code: 2 when something is an error, else 0.
    pub fn exit_code(&self) -> u8 {
        if self.problems.has_errors() { 2 } else { 0 }
    }
}

/// Checks files, and all scenarios and profiles in folders. `overrides` are those of `-V`: each goes to the files that
/// declare it; one that no file declares is a problem.
pub fn check(paths: &[PathBuf], overrides: &[(String, String)]) -> Checked {
    let mut problems = Problems::default();
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    for path in paths {
        let found = if path.is_dir() { walk(path) } else { vec![path.clone()] };
        for file in found {
            match read_file(&file) {
                Ok(text) if path.is_dir() && !is_ours(&text) => {}
                Ok(text) => files.push((file, text)),
                Err(unreadable) => problems.merge(unreadable),
            }
        }
    }
    files.sort();
    files.dedup();
    if files.is_empty() && problems.is_empty() {
        problems.merge(nothing_found(paths));
    }
    let declared: Vec<Vec<String>> = files.iter().map(|(_, text)| variables(text)).collect();
    for (i, (file, text)) in files.iter().enumerate() {
        let result = match kind(text) {
            FileKind::Profile => bundle::profile_text(file, text).map(|(_, warnings)| warnings),
            FileKind::Scenario => {
                // One that nobody declares is shown at the first scenario.
                let first = !files[..i].iter().any(|(_, t)| kind(t) == FileKind::Scenario);
                let theirs =
                    |name: &String| declared[i].contains(name) || (first && !declared.iter().any(|d| d.contains(name)));
                let overrides: Vec<_> = overrides.iter().filter(|(name, _)| theirs(name)).cloned().collect();
                bundle::open_text(file, text, &overrides).map(|bundle| bundle.warnings)
            }
        };
        problems.merge(result.unwrap_or_else(|problems| problems));
    }
    Checked { files: files.into_iter().map(|(file, _)| file).collect(), problems }
}

/// Writes what was found: JSON, or text for a terminal (`look`) or a log.
///
/// # Errors
/// When `out` cannot be written to.
pub fn report(checked: &Checked, json: bool, look: Option<Look>, out: &mut dyn Write) -> io::Result<()> {
    if json {
        let errors =
            checked.problems.iter().filter(|p| p.severity == crate::scenario::problem::Severity::Error).count();
        let all = serde_json::json!({
            "files": checked.files,
            "errors": errors,
            "warnings": checked.problems.len() - errors,
            "problems": checked.problems,
        });
        return writeln!(out, "{all:#}");
    }
    out.write_all(show::problems(&checked.problems, look).as_bytes())?;
    let files = match checked.files.len() {
        1 => "1 file".to_owned(),
        n => format!("{n} files"),
    };
    writeln!(out, "{files} checked: {}", show::count(&checked.problems))
}

/// Keys that only load profiles have.
const PROFILE: [&str; 9] = [
    "simulacro_profile",
    "constant_arrival_rate",
    "ramping_arrival_rate",
    "breakpoint",
    "constant_vus",
    "ramping_vus",
    "per_vu_iterations",
    "requests",
    "journeys",
];

/// Whether a text is a scenario or a load profile, by its keys.
pub fn kind(text: &str) -> FileKind {
    match parse(text) {
        Ok((root, _)) if PROFILE.iter().any(|key| root.get(key).is_some()) => FileKind::Profile,
        _ => FileKind::Scenario,
    }
}

/// Whether a file found in a folder is meant for this program. One that is no YAML at all is: better a problem too
/// many.
fn is_ours(text: &str) -> bool {
    const MARKS: [&str; 6] = ["simulacro", "faults", "objectives", "recovery_signal", "probes", "backups"];
    parse(text).map_or(true, |(root, _)| MARKS.iter().chain(&PROFILE).any(|key| root.get(key).is_some()))
}

fn variables(text: &str) -> Vec<String> {
    match parse(text) {
        Ok((Node { value: Value::Map(entries), .. }, _)) => match entries.iter().find(|e| e.key == "vars") {
            Some(vars) => match &vars.value.value {
                Value::Map(vars) => vars.iter().map(|v| v.key.clone()).collect(),
                _ => Vec::new(),
            },
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// All YAML files below a folder, sorted; hidden ones and links are left out.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            if kind.is_dir() && depth < DEEPEST {
                open.push((path, depth + 1));
            } else if kind.is_file() && path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn nothing_found(paths: &[PathBuf]) -> Problems {
    let Some(path) = paths.first() else { return Problems::default() };
    Problems::of_file(
        path,
        "there is neither a scenario nor a load profile here",
        "`simulacro init` writes a starter scenario",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    const PROFILE: &str = "simulacro_profile: 1\nname: p\nconstantArrivalRate: { rate: 10, maxVUs: 5 }\ntimeout: 1s\n\
                           requests: [{ name: a, path: /a }]\n";
    const SCENARIO: &str = "name: s\nvars: { front: \"http://127.0.0.1:1\" }\n\
                            load: [{ name: l, profile: ../profiles/p.yaml, base_url: \"${front}\" }]\nfaults: []\n";

    fn lines(dir: &Path, checked: &Checked) -> Vec<String> {
        let strip = format!("{}/", dir.display());
        checked.problems.to_string().lines().map(|l| l.replace(&strip, "")).collect()
    }

    #[test]
    fn folders_are_walked_and_strangers_left_alone() {
        let dir = folder(&[
            ("scenarios/s.yaml", SCENARIO),
            ("profiles/p.yaml", PROFILE),
            ("compose.yaml", "services: { db: { image: x } }\n"),
            (".hidden/x.yaml", "nonsense: ["),
            ("notes.txt", "faults: 1"),
        ]);
        let checked = check(&[dir.path().to_owned()], &[]);
        assert_eq!(checked.files.len(), 2, "{checked:?}");
        // The profile's warning is told once, though two ways lead to it.
        let found = lines(dir.path(), &checked);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].starts_with("profiles/p.yaml:3:1: warning: 5 senders hold 0.5 s"), "{found:#?}");
        assert_eq!(checked.exit_code(), 0);
    }

    #[test]
    fn a_wrong_profile_is_shown_at_both_its_places() {
        let dir =
            folder(&[("s/s.yaml", SCENARIO), ("profiles/p.yaml", &PROFILE.replace("name: a, path: /a", "nmae: a"))]);
        let checked = check(&[dir.path().join("s/s.yaml")], &[]);
        let found = lines(dir.path(), &checked);
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found.iter().any(|l| l.starts_with("s/s.yaml:3:28: the load profile has errors")), "{found:#?}");
        assert!(found.iter().any(|l| l.contains("profiles/p.yaml:5:14: unknown key `nmae` (did you mean `name`?)")));
        assert_eq!(checked.exit_code(), 2);
        let gone = folder(&[("s/s.yaml", SCENARIO)]);
        let found = lines(gone.path(), &check(&[gone.path().to_owned()], &[]));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].contains(":3:28: the load profile cannot be read: there is no such file"), "{found:#?}");
    }

    #[test]
    fn overrides_go_to_the_files_that_declare_them() {
        let dir =
            folder(&[("s/a.yaml", "name: a\nfaults: []\n"), ("s/b.yaml", SCENARIO), ("profiles/p.yaml", PROFILE)]);
        let given = |name: &str| [(name.to_owned(), "http://x".to_owned())];
        let paths = [dir.path().join("s")];
        assert!(!check(&paths, &given("front")).problems.has_errors());
        let found = lines(dir.path(), &check(&paths, &given("font")));
        assert!(found.iter().any(|l| l.starts_with("s/a.yaml:1:1: -V font: this file has no variable")), "{found:#?}");
    }

    #[test]
    fn reports_for_people_and_programs() {
        let dir = folder(&[("a.yaml", "name: a\nfalts: []\nprobes: []\n")]);
        let checked = check(&[dir.path().join("a.yaml"), dir.path().join("none.yaml")], &[]);
        let text = |json| {
            let mut out = Vec::new();
            report(&checked, json, None, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert!(text(false).contains("a.yaml:2:1: unknown key `falts` (did you mean `faults`?)\n"), "{}", text(false));
        assert!(text(false).ends_with("1 file checked: 2 errors\n"), "{}", text(false));
        let json: serde_json::Value = serde_json::from_str(&text(true)).unwrap();
        assert_eq!((&json["errors"], &json["problems"][0]["line"]), (&2.into(), &2.into()));
        let empty = folder(&[]);
        assert_eq!(check(&[empty.path().to_owned()], &[]).exit_code(), 2);
    }
}
