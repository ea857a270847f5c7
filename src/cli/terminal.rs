//! What goes to the terminal, and how.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use crate::report::json;
use crate::report::terminal::{View, terminal};
use crate::result::RunResult;
use crate::scenario::problem::Problems;

/// Prints problems to standard error: with their source on a terminal, one a line elsewhere.
pub fn problems(problems: &Problems) {
    if problems.is_empty() {
        return;
    }
    let text = super::show::problems(problems, super::show::look(io::stderr().is_terminal()));
    eprintln!("{}", text.trim_end());
}

/// Prints a result to standard output; `folder` is where its reports are.
pub fn result(result: &RunResult, as_json: bool, folder: Option<&Path>) {
    if as_json {
        match json::json(result) {
            Ok(text) => out(&text),
            Err(e) => eprintln!("the result cannot be written as JSON: {e}"),
        }
        return;
    }
    let view = View { width: width(), colour: colour(), folder: folder.map(|f| f.display().to_string()) };
    out(&terminal(result, &view));
}

/// Prints to standard output. A reader that has gone away is not our error.
pub fn out(text: &str) {
    let _ = writeln!(io::stdout(), "{}", text.trim_end());
}

/// Columns of the terminal; 120 where there is none.
pub fn width() -> usize {
    rustix::termios::tcgetwinsize(io::stdout()).map_or(120, |size| usize::from(size.ws_col).clamp(60, 200))
}

/// Whether colours are wanted: on a terminal, unless NO_COLOR is set (no-color.org).
pub fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
