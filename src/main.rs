//! The binary: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("load-worker") => simulacro::observe::load::load_worker(),
        _ => ExitCode::from(2),
    }
}
