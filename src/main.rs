//! The binary: see the library.

fn main() -> std::process::ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("proxy-worker") => simulacro::proxy::proxy_worker(),
        _ => std::process::ExitCode::FAILURE,
    }
}
