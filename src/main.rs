//! The binary: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("service-shim") => simulacro::world::services::service_shim(),
        Some("proxy-worker") => simulacro::proxy::proxy_worker(),
        Some("load-worker") => simulacro::observe::load::load_worker(),
        _ => ExitCode::from(2),
    }
}
