//! Exit codes (docs/exit-codes.md).

use std::process::ExitCode;

/// How the program ends, beside the codes that a run's own result carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Ok,
    /// A bug in this program.
    Bug,
    /// Wrong usage, or an invalid scenario or profile.
    Usage,
    /// Preflight refused: nothing was touched.
    Refused,
    /// A fault may remain.
    UndoIncomplete,
    /// The result could not be written.
    ResultNotWritten,
    /// What the result of a run says.
    Run(u8),
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Bug => 1,
            Exit::Usage => 2,
            Exit::Refused => 21,
            Exit::UndoIncomplete => 30,
            Exit::ResultNotWritten => 31,
            Exit::Run(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
