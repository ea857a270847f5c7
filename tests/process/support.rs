//! Processes that a test can recognise, and waiting for conditions.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use simulacro::clock::Clock;
use simulacro::model::ProcessId;
use simulacro::world::secrets::Secrets;
use simulacro::world::services::HostServices;

/// The real binary.
pub fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_simulacro").into()
}

/// A driver of services with its own clock and no secrets yet.
pub fn services() -> HostServices {
    HostServices::new(Clock::start(), program(), Secrets::new())
}

/// An argument for `sleep` that no other process on this machine has: so a test finds its own, and only those.
pub fn marker() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("8640{}.{}", NEXT.fetch_add(1, Ordering::Relaxed), std::process::id())
}

/// The processes that `sleep` for exactly this marker.
pub fn sleepers(marker: &str) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| command_line(*pid) == ["sleep", marker]).collect()
}

/// The arguments of a process.
pub fn command_line(pid: i32) -> Vec<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).split_terminator('\0').map(str::to_owned).collect()
}

/// A field of `/proc/<pid>/stat`, numbered as in proc(5); for names without parentheses.
pub fn stat_field(pid: i32, field: usize) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(field - 3).map(str::to_owned)
}

/// The identity of a process that runs.
pub fn identity(pid: i32) -> ProcessId {
    ProcessId { pid, start: stat_field(pid, 22).unwrap().parse().unwrap() }
}

/// Whether a process runs: there, and not just waiting to be collected.
pub fn runs(pid: i32) -> bool {
    stat_field(pid, 3).is_some_and(|state| state != "Z" && state != "X")
}

/// Whether a process is stopped.
pub fn stopped(pid: i32) -> bool {
    stat_field(pid, 3).is_some_and(|state| state == "T")
}

/// Sends a signal, as a person or another program would.
pub fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// Waits until a condition holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), waiting).await.is_ok(), "waited in vain until {what}");
}

/// A process that nobody of this test is an ancestor of, ended when this is dropped.
pub struct Stranger(pub i32);

impl Stranger {
    /// Starts `sleep <marker>` and lets it be adopted by init.
    pub fn sleeping(marker: &str) -> Stranger {
        let script = format!("sleep {marker} </dev/null >/dev/null 2>&1 & echo $!");
        let output = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).output().unwrap();
        let pid = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        // The shell's child is a copy of the shell until it has executed `sleep`.
        while command_line(pid) != ["sleep", marker] {
            std::thread::yield_now();
        }
        Stranger(pid)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.0) {
            let _ended_by_the_test = kill_process(pid, Signal::KILL);
        }
    }
}
