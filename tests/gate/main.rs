//! The gate as CI uses it: comparison and baselines, the recorded retry, and the CI files themselves.

#[path = "../common/mod.rs"]
mod common;

mod ci;
mod compare;
mod retry;

/// A port on which somebody opens, as long as the test runs.
fn door() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    port
}
