//! One recorded retry of what was inconclusive (decision 17).

use super::drill::Over;
use super::exit::Exit;
use crate::result::{RetryOf, RunResult};

/// What one attempt came to: its result, if it ran, and how the program ends; or why it never began.
pub(super) type Attempt = Result<(Option<RunResult>, Exit), Exit>;

/// Makes an attempt and, when that was inconclusive and `again` allows it, a second and last one. Other ends are not
/// tried again: a breach was seen, and where nothing was steady or allowed (21) nothing was tried, which is a finding
/// of its own.
pub(super) fn attempts(again: bool, attempt: impl Fn(Option<RetryOf>) -> Attempt) -> Exit {
    let (first, exit) = match attempt(None) {
        Ok(over) => over,
        Err(exit) => return exit,
    };
    let retry = first.filter(|first| again && exit.code() == 20 && first.end.exit_code == 20);
    let Some(first) = retry else { return exit };
    eprintln!("run {} was inconclusive: second and last attempt (--retry-inconclusive)", first.run.id);
    let first = RetryOf { run: first.run.id.clone(), why: first.end.summary };
    attempt(Some(first)).map_or_else(|exit| exit, |(_, exit)| exit)
}

/// An attempt that is over.
pub(super) fn over(over: Over, exit: Exit) -> Attempt {
    match over {
        Over::Ran(result, _) => Ok((Some(*result), exit)),
        Over::Refused(..) => Ok((None, exit)),
    }
}
