//! What is wrong with a file, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::yaml::{Flaw, Span};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// It can, but the drill may not say what its author expects.
    Warning,
}

/// One thing that is wrong, and its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, as it was named by whoever asked.
    pub file: PathBuf,
    /// The place: line and column from 1, start and end in bytes.
    #[serde(flatten)]
    pub span: Span,
    /// What it is about, as `faults[2].process-kill.target`; empty for the whole file.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// How bad it is.
    pub severity: Severity,
}

impl Problem {
    /// The same problem with advice.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Problem {
        Problem { hint: Some(hint.into()), ..self }
    }

    /// The same problem as a warning.
    #[must_use]
    pub fn warning(self) -> Problem {
        Problem { severity: Severity::Warning, ..self }
    }

    pub(super) fn from_flaw(file: &Path, path: String, flaw: Flaw) -> Problem {
        let Flaw { span, message, hint } = flaw;
        Problem { file: file.to_owned(), span, path, message, hint, severity: Severity::Error }
    }
}

impl fmt::Display for Problem {
    /// One line: `file:line:column: message (hint)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file.display(), self.span.line, self.span.column)?;
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Problems of one or more files, sorted by place, each once, with the texts that a display quotes from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Problems {
    list: Vec<Problem>,
    texts: BTreeMap<PathBuf, Arc<str>>,
}

impl Problems {
    /// Problems of one file.
    pub fn new(file: &Path, text: Arc<str>, list: Vec<Problem>) -> Problems {
        let mut problems = Problems { list, texts: BTreeMap::from([(file.to_owned(), text)]) };
        problems.tidy();
        problems
    }

    /// One error about a file as a whole, of which no text is known.
    pub fn of_file(file: &Path, message: impl Into<String>, hint: &str) -> Problems {
        let flaw = Flaw { span: Span::START, message: message.into(), hint: (!hint.is_empty()).then(|| hint.into()) };
        Problems::new(file, "".into(), vec![Problem::from_flaw(file, String::new(), flaw)])
    }

    /// Adds the problems of other files, or more of the same.
    pub fn merge(&mut self, other: Problems) {
        self.list.extend(other.list);
        self.texts.extend(other.texts);
        self.tidy();
    }

    /// Sorted by file and place; an error before a warning of the same place.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|p| p.severity == Severity::Error)
    }

    /// The text of a file, to quote from.
    pub fn text(&self, file: &Path) -> Option<&Arc<str>> {
        self.texts.get(file)
    }

    fn tidy(&mut self) {
        let key = |p: &Problem| (p.file.clone(), p.span.start, p.span.line, p.severity, p.message.clone());
        self.list.sort_by_cached_key(key);
        self.list.dedup_by(|a, b| key(a) == key(b));
    }
}

impl fmt::Display for Problems {
    /// One line for each, for logs and pipes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.list.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl Serialize for Problems {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.list.serialize(s)
    }
}
