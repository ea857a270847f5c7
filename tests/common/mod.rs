//! What tests of the real binary share: a home of their own, free ports, and a look at what is left running.

#![allow(dead_code)] // Each test binary uses its own part of it.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_simulacro");

/// Longest wait for anything that is awaited.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A folder for state and reports, and a mark by which everything started from here is found again.
pub struct Home {
    dir: tempfile::TempDir,
    mark: String,
}

impl Home {
    /// A new home; `name` tells tests apart that run at the same time.
    pub fn new(name: &str) -> Self {
        let dir = tempfile::Builder::new().prefix(&format!("simulacro-{name}-")).tempdir().unwrap();
        let mark = format!("{name}-{}-{:?}", std::process::id(), dir.path());
        Home { dir, mark }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn reports(&self) -> PathBuf {
        self.path().join("reports")
    }

    /// The binary, in this home.
    pub fn simulacro(&self) -> Command {
        let mut command = Command::new(BINARY);
        command
            .env("SIMULACRO_TEST_MARK", &self.mark)
            .env("SIMULACRO_STATE_DIR", self.path().join("state"))
            .env("SIMULACRO_REPORT_DIR", self.reports())
            .env("SIMULACRO_PLAIN", "true")
            .env("NO_COLOR", "1")
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.simulacro().args(args).output().unwrap()
    }

    /// Pids of everything that was started from this home and lives, with its command line; zombies are dead.
    pub fn running(&self) -> Vec<(i32, String)> {
        let wanted = format!("SIMULACRO_TEST_MARK={}", self.mark);
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
        })
        .filter(|pid| state_of(*pid).is_some_and(|state| state != 'Z'))
        .map(|pid| (pid, command_line(pid)))
        .collect()
    }

    /// Waits until nothing that was started from here lives any more; how long that took.
    pub fn wait_until_quiet(&self) -> Duration {
        let start = Instant::now();
        wait_for(
            "everything the drill started to end",
            || self.running().is_empty().then_some(()),
            || format!("{:?}", self.running()),
        );
        start.elapsed()
    }

    /// The newest run's folder.
    pub fn newest_run(&self) -> PathBuf {
        let runs = fs::read_dir(self.reports()).unwrap().flatten().map(|entry| entry.path());
        runs.filter(|path| path.join("plan.json").exists()).max().expect("a run's folder")
    }

    /// The newest run's result.
    pub fn result(&self) -> simulacro::result::RunResult {
        let bytes = fs::read(self.newest_run().join("result.json")).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }
}

/// Waits until `look` gives something; on failure says what `found` says.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>, found: impl Fn() -> String) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}; found {}", found());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The state letter of a process (proc(5)); none: there is no such process.
pub fn state_of(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn command_line(pid: i32) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).replace('\0', " ")
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Sends a signal by number.
pub fn signal(pid: i32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    rustix::process::kill_process(pid, signal).unwrap();
}

/// A process that the drill did not start: it is paused and must be left running.
pub struct Foreign {
    child: Child,
    pub pid_file: PathBuf,
}

impl Foreign {
    pub fn start(dir: &Path) -> Self {
        let child = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
        let pid_file = dir.join("foreign.pid");
        fs::write(&pid_file, child.id().to_string()).unwrap();
        Foreign { child, pid_file }
    }

    pub fn state(&self) -> char {
        state_of(self.child.id() as i32).expect("the foreign process lives")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn is_stopped(&self) -> bool {
        self.state() == 'T'
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Repetitions: a few in CI, many in `scripts/soak`.
pub fn times(variable: &str, few: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

/// Prints a line that `scripts/soak` collects.
pub fn figure(name: &str, value: impl std::fmt::Display) {
    println!("figure: {name}: {value}");
}
