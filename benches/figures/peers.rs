//! The other side of the comparisons, and what one run of anything cost.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;
use crate::machine::{cpu_of_children, this};
use crate::nginx::Nginx;

/// What a run cost.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Requests, as nginx counted them.
    pub requests: u64,
    /// User and system time of the client's process for each of them, in microseconds.
    pub micros: f64,
}

/// What `client`, a process that has been waited for, cost.
pub fn cost<T>(nginx: &Nginx, client: impl FnOnce() -> Result<T, Failure>) -> Result<(T, Cost), Failure> {
    let before = cpu_of_children()?;
    let (done, requests) = nginx.counting(client)?;
    let spent = cpu_of_children()? - before;
    if requests == 0 {
        return Err("no request arrived".into());
    }
    Ok((done, Cost { requests, micros: spent.as_secs_f64() * 1e6 / requests as f64 }))
}

/// Runs a program to its end; what it said.
fn output(command: &mut Command) -> Result<String, Failure> {
    let done = command.stdin(Stdio::null()).stderr(Stdio::piped()).output();
    let done = done.map_err(|e| format!("{command:?}: {e}: run this by scripts/bench, which installs it"))?;
    if !done.status.success() {
        return Err(format!("{command:?}: {}: {}", done.status, String::from_utf8_lossy(&done.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// wrk, with as many threads as cores.
pub fn wrk(nginx: &Nginx, connections: u64, seconds: u64) -> Result<Cost, Failure> {
    let threads = std::thread::available_parallelism()?.get().min(connections as usize);
    let mut command = Command::new("wrk");
    command.args([format!("-t{threads}"), format!("-c{connections}"), format!("-d{seconds}s")]);
    command.arg(format!("{}/index.html?n=1", nginx.base()));
    Ok(cost(nginx, || output(&mut command))?.1)
}

/// oha, as it comes: as fast as it gets answers, or at a rate.
pub fn oha(nginx: &Nginx, connections: u64, seconds: u64, rate: Option<u32>) -> Result<Cost, Failure> {
    let mut command = oha_at(&format!("{}/index.html?n=1", nginx.base()), connections, seconds);
    command.args(rate.map(|rate| format!("-q{rate}")));
    Ok(cost(nginx, || output(&mut command))?.1)
}

/// The latency that oha reports against any server: quantile (as in `p95`) to seconds.
pub fn oha_latencies(url: &str, seconds: u64, more: &[&str]) -> Result<serde_json::Value, Failure> {
    let said = output(oha_at(url, 50, seconds).args(more))?;
    let report: serde_json::Value = serde_json::from_str(&said)?;
    Ok(report["latencyPercentiles"].clone())
}

fn oha_at(url: &str, connections: u64, seconds: u64) -> Command {
    let mut command = Command::new(tool("oha"));
    command.args(["--no-tui", "--output-format", "json", "-c", &connections.to_string()]);
    command.args(["-z", &format!("{seconds}s"), url]);
    command
}

/// A program that `scripts/bench` installed for itself, or the one that the machine has.
fn tool(name: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-tools/bin").join(name);
    if own.exists() { own } else { name.into() }
}

/// Plain goose, in a process of its own.
pub fn goose(nginx: &Nginx, users: u64, seconds: u64, wait_ms: u64) -> Result<Cost, Failure> {
    let mut command = this("role-goose")?;
    command.args([nginx.base(), users.to_string(), seconds.to_string(), wait_ms.to_string()]);
    Ok(cost(nginx, || output(&mut command))?.1)
}
