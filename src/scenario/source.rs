//! A file as it was read: its text, its tree, and the way from a path such as `faults[2].process-kill.target` to a
//! place.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::damage::Damage;
use super::problem::{Problem, Problems, Severity};
use super::yaml::{self, Entry, Flaw, Node, Span, Value, interpolate, parse};

/// Largest file that is read. A scenario of 500 lines has about 20 KiB.
pub const MAX_BYTES: u64 = 1 << 20;

/// A scenario's or a profile's file, variables put in.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The file, as it was named by whoever asked.
    pub file: PathBuf,
    /// Its text.
    pub text: Arc<str>,
    /// Its tree.
    pub root: Node,
}

/// Reads a file's text.
///
/// # Errors
/// One problem that says what to do: no such file, a directory, no right to read it, larger than [`MAX_BYTES`], not
/// UTF-8.
pub fn read_file(file: &Path) -> Result<String, Problems> {
    let problem = |message: String, hint: &str| Problems::of_file(file, message, hint);
    let failed = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => problem("there is no such file".into(), "look at the path"),
        std::io::ErrorKind::IsADirectory => problem("this is a directory".into(), "name a file"),
        _ => problem(format!("the file cannot be read: {e}"), ""),
    };
    let mut bytes = Vec::new();
    let handle = std::fs::File::open(file).map_err(failed)?;
    handle.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(problem("the file is larger than 1 MiB".into(), "is it a scenario?"));
    }
    String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        problem(format!("the file is not UTF-8 text (line {line})"), "save it as UTF-8")
    })
}

/// Reads a text as a `T`, variables put in. `file` names it in problems.
///
/// # Errors
/// Every problem of syntax, variables and types, with its place.
pub fn load<T: DeserializeOwned>(
    file: &Path,
    text: &str,
    overrides: &[(String, String)],
) -> Result<(T, Source), Problems> {
    read(file, text, |root, text| interpolate(root, text, overrides))
}

/// Reads a text as a `T`, leaving every `${…}` as it is: load profiles have words of their own, rendered for each
/// request.
///
/// # Errors
/// Every problem of syntax and types, with its place.
pub fn load_plain<T: DeserializeOwned>(file: &Path, text: &str) -> Result<(T, Source), Problems> {
    read(file, text, |_, _| Vec::new())
}

/// A file with errors, as far as it could be read.
#[derive(Debug, Clone)]
pub struct Partial<T> {
    /// The value, without what is wrong; stand-ins are in place of what is missing.
    pub value: Option<T>,
    /// The file.
    pub source: Source,
    /// What was left out.
    pub damage: Damage,
    /// Everything that is wrong; with none, `value` is whole.
    pub problems: Problems,
}

/// Reads as much of a text as can be read, as [`load`], for whoever wants to look at the rest, too.
///
/// # Errors
/// When the text is not YAML at all.
pub fn load_partly<T: DeserializeOwned>(
    file: &Path,
    text: &str,
    overrides: &[(String, String)],
) -> Result<Partial<T>, Problems> {
    read_partly(file, text, |root, text| interpolate(root, text, overrides))
}

fn read<T: DeserializeOwned>(
    file: &Path,
    text: &str,
    prepare: impl FnOnce(&mut Node, &str) -> Vec<Flaw>,
) -> Result<(T, Source), Problems> {
    match read_partly(file, text, prepare)? {
        Partial { value: Some(value), source, damage, problems } if problems.is_empty() && damage.is_none() => {
            Ok((value, source))
        }
        Partial { problems, .. } => Err(problems),
    }
}

fn read_partly<T: DeserializeOwned>(
    file: &Path,
    text: &str,
    prepare: impl FnOnce(&mut Node, &str) -> Vec<Flaw>,
) -> Result<Partial<T>, Problems> {
    let text: Arc<str> = text.strip_prefix('\u{feff}').unwrap_or(text).into();
    let (mut root, mut flaws) = parse(&text)
        .map_err(|flaw| Problems::new(file, text.clone(), vec![Problem::from_flaw(file, String::new(), flaw)]))?;
    flaws.extend(prepare(&mut root, &text));
    let source = Source { file: file.to_owned(), text, root };
    let reading = yaml::read(&source.root);
    let flaws = flaws.into_iter().map(|flaw| Problem::from_flaw(file, source.path_at(flaw.span), flaw));
    let typed = reading.flaws.into_iter().map(|f| Problem::from_flaw(file, f.path, f.flaw));
    let problems = source.problems(flaws.chain(typed).collect());
    Ok(Partial { value: reading.value, source, damage: Damage::new(reading.left_out), problems })
}

/// Reads a file as a `T`: [`read_file`], then [`load`].
///
/// # Errors
/// As those two.
pub fn load_file<T: DeserializeOwned>(file: &Path, overrides: &[(String, String)]) -> Result<(T, Source), Problems> {
    load(file, &read_file(file)?, overrides)
}

impl Source {
    /// The place of the value at `path`, or of its nearest ancestor that exists.
    pub fn at(&self, path: &str) -> Span {
        match self.walk(path) {
            (node, _, true) => node.mark(),
            (node, entry, false) => entry.map_or(node.mark(), |e| e.key_span),
        }
    }

    /// The place of the key at `path`; of an element of a list, of the element; else of the nearest ancestor's key.
    pub fn key_at(&self, path: &str) -> Span {
        let (node, entry, _) = self.walk(path);
        entry.map_or(node.mark(), |e| e.key_span)
    }

    /// The node at `path`.
    pub fn node(&self, path: &str) -> Option<&Node> {
        match self.walk(path) {
            (node, _, true) => Some(node),
            _ => None,
        }
    }

    /// An error about the value at `path`.
    pub fn error(&self, path: impl Into<String>, message: impl Into<String>) -> Problem {
        let path = path.into();
        let span = self.at(&path);
        self.problem(path, span, message.into())
    }

    /// An error about the key at `path`.
    pub fn key_error(&self, path: impl Into<String>, message: impl Into<String>) -> Problem {
        let path = path.into();
        let span = self.key_at(&path);
        self.problem(path, span, message.into())
    }

    /// Problems of this file, ready to be shown.
    pub fn problems(&self, list: Vec<Problem>) -> Problems {
        Problems::new(&self.file, self.text.clone(), list)
    }

    fn problem(&self, path: String, span: Span, message: String) -> Problem {
        Problem { file: self.file.clone(), span, path, message, hint: None, severity: Severity::Error }
    }

    /// Goes down `path` as far as it leads: the last node, its entry, and whether that is the end of the path.
    ///
    /// Names may hold dots; the longest key that fits is taken.
    fn walk(&self, path: &str) -> (&Node, Option<&Entry>, bool) {
        let (mut node, mut entry, mut rest) = (&self.root, None, path);
        loop {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            if rest.is_empty() {
                return (node, entry, true);
            }
            match step(node, rest) {
                Some((child, child_entry, length)) => {
                    (node, entry, rest) = (child, child_entry, &rest[length..]);
                }
                None => return (node, entry, false),
            }
        }
    }

    /// The path of the innermost node or key that encloses a place.
    fn path_at(&self, place: Span) -> String {
        let mut node = &self.root;
        let inside = |s: Span| s.start <= place.start && place.end <= s.end;
        loop {
            let within = match &node.value {
                Value::Map(entries) => {
                    entries.iter().find(|e| inside(e.key_span) || inside(e.value.span)).map(|e| &e.value)
                }
                Value::List(items) => items.iter().find(|i| inside(i.span)),
                _ => None,
            };
            match within {
                Some(child) => node = child,
                None => return self.root.trail(node.id).map(|t| t.path).unwrap_or_default(),
            }
        }
    }
}

/// One step down: the child, its entry, and how much of the path it took.
fn step<'n>(node: &'n Node, rest: &str) -> Option<(&'n Node, Option<&'n Entry>, usize)> {
    match &node.value {
        Value::List(items) => {
            let (index, _) = rest.strip_prefix('[')?.split_once(']')?;
            let item = items.get(index.parse::<usize>().ok()?)?;
            Some((item, None, index.len() + 2))
        }
        Value::Map(entries) => written(entries, rest).or_else(|| alias(entries, rest)),
        _ => None,
    }
}

fn written<'n>(entries: &'n [Entry], rest: &str) -> Option<(&'n Node, Option<&'n Entry>, usize)> {
    let fits = |e: &&Entry| {
        rest.strip_prefix(e.key.as_str()).is_some_and(|r| r.is_empty() || r.starts_with('.') || r.starts_with('['))
    };
    entries.iter().filter(fits).max_by_key(|e| e.key.len()).map(|e| (&e.value, Some(e), e.key.len()))
}

/// A key in another spelling: `timeUnit` for `time_unit`.
fn alias<'n>(entries: &'n [Entry], rest: &str) -> Option<(&'n Node, Option<&'n Entry>, usize)> {
    let length = rest.find(['.', '[']).unwrap_or(rest.len());
    let plain = |s: &str| s.replace(['_', '-'], "").to_lowercase();
    let entry = entries.iter().find(|e| plain(&e.key) == plain(&rest[..length]))?;
    Some((&entry.value, Some(entry), length))
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
