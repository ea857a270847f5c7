//! The binary. The life of a drill stands in `cli/drill.rs`; the map of the crate in `lib.rs`.

use std::process::ExitCode;

/// Costs a request of the load worker less than the system's allocator (decision 21).
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    simulacro::cli::main()
}
