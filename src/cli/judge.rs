//! `simulacro judge`
use super::args::JudgeArgs;
use super::exit::Exit;
pub fn judge(_: &JudgeArgs) -> Exit {
    Exit::Bug
}
