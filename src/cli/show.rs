//! Problems of files, for whoever reads: excerpts on a terminal, one line each elsewhere.

use crate::scenario::problem::{Problems, Severity};
use crate::scenario::render::{Look, graphical};

/// How the terminal wants problems shown; `None` where standard output or error, whichever `is_terminal` speaks of, is
/// none. `NO_COLOR`, `TERM=dumb` and `COLUMNS` are heeded.
pub fn look(is_terminal: bool) -> Option<Look> {
    let variable = |name| std::env::var(name).ok().filter(|v| !v.is_empty());
    let dumb = variable("TERM").is_some_and(|t| t == "dumb");
    let width = variable("COLUMNS").and_then(|c| c.parse().ok()).unwrap_or(100);
    is_terminal.then(|| Look {
        color: variable("NO_COLOR").is_none() && !dumb,
        unicode: !dumb,
        width: usize::clamp(width, 40, 140),
    })
}

/// All problems as text that ends with a newline, or as nothing.
pub fn problems(problems: &Problems, look: Option<Look>) -> String {
    match look {
        _ if problems.is_empty() => String::new(),
        Some(look) => graphical(problems, look),
        None => format!("{problems}\n"),
    }
}

/// How many errors and warnings there are, in words: `2 errors, 1 warning`.
pub fn count(problems: &Problems) -> String {
    let errors = problems.iter().filter(|p| p.severity == Severity::Error).count();
    let words = |n: usize, what: &str| match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    };
    match (errors, problems.len() - errors) {
        (0, 0) => "no problem".into(),
        (errors, 0) => words(errors, "error"),
        (0, warnings) => words(warnings, "warning"),
        (errors, warnings) => format!("{}, {}", words(errors, "error"), words(warnings, "warning")),
    }
}
