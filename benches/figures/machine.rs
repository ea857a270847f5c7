//! What the machine says of processes: processor time, memory, children; and processes that keep it busy.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};

use crate::Failure;

/// A setting from the environment.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// How many rounds every comparison has.
pub fn rounds() -> u64 {
    setting("SIMULACRO_BENCH_ROUNDS", 5)
}

/// How long one run of a comparison takes.
pub fn seconds() -> u64 {
    setting("SIMULACRO_BENCH_SECONDS", 5)
}

/// The program whose workers are measured: that of this build, or another that the environment names.
pub fn program() -> PathBuf {
    std::env::var_os("SIMULACRO_BENCH_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_simulacro").into(), PathBuf::from)
}

/// Processor time, user and system, of all children of this process that have ended and been waited for, with theirs.
pub fn cpu_of_children() -> Result<Duration, Failure> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = |time: nix::sys::time::TimeVal| time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64;
    Ok(Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time())))
}

/// A field of `/proc/PID/status` in MB: `VmHWM` is the most resident memory so far, `VmRSS` that of now.
pub fn memory(pid: u32, field: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

/// The children of a process whose command line holds `word`.
pub fn children(pid: u32, word: &str) -> Vec<u32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent = |of: u32| {
        let stat = fs::read_to_string(format!("/proc/{of}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()
    };
    let line =
        |of: u32| String::from_utf8_lossy(&fs::read(format!("/proc/{of}/cmdline")).unwrap_or_default()).into_owned();
    pids.filter(|of| parent(*of) == Some(pid) && line(*of).contains(word)).collect()
}

/// A process of our own, ended when this is dropped.
pub struct Kept(pub Child);

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// This very program, in another role.
pub fn this(role: &str) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(role).stdin(Stdio::null());
    Ok(command)
}

/// Keeps every core busy until the result is dropped.
pub fn busy() -> Result<Vec<Kept>, Failure> {
    let cores = std::thread::available_parallelism()?.get();
    (0..cores).map(|_| Ok(Kept(this("role-burn")?.spawn()?))).collect()
}

/// The life of a process that keeps one core busy.
pub fn burn() -> Result<(), Failure> {
    let parent = std::os::unix::process::parent_id();
    let mut x = 1u64;
    // Without its parent it has no reason to go on.
    while std::os::unix::process::parent_id() == parent {
        for _ in 0..10_000_000 {
            x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
    Ok(())
}
