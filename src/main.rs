//! The binary. The life of a drill stands in `cli/drill.rs`; the map of the crate in `lib.rs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    simulacro::cli::main()
}
