//! `simulacro report`
use super::args::ReportArgs;
use super::exit::Exit;
pub fn report(_: &ReportArgs) -> Exit {
    Exit::Bug
}
