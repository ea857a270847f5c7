//! Two network namespaces with a wire between them, and a process that lives in the first one.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A target and a client beside it.
pub struct Bed {
    pub target: Side,
    pub client: Side,
    process: i32,
    pub dir: tempfile::TempDir,
}

/// One namespace with its address and the name of its end of the wire.
#[derive(Clone)]
pub struct Side {
    pub name: String,
    pub address: Ipv4Addr,
    pub device: String,
}

/// Runs a command that must succeed; its output.
pub fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-c", script]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Starts a process that nobody of this test is an ancestor of: a drill may be aimed at it.
pub fn stranger(argv: &[&str]) -> i32 {
    let script = "\"$@\" </dev/null >/dev/null 2>&1 & echo $!";
    let output = Command::new("sh").args(["-c", script, "sh"]).args(argv).stdin(Stdio::null()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

/// Ends a stranger.
pub fn end(pid: i32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        let _ended_by_the_test = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

impl Side {
    /// Runs a command within the namespace.
    pub fn sh(&self, script: &str) -> String {
        sh(&format!("ip netns exec {} sh -c '{script}'", self.name))
    }

    /// Runs code within the namespace, on a thread of its own.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> std::thread::JoinHandle<T> {
        let path = format!("/run/netns/{}", self.name);
        std::thread::spawn(move || {
            let file = std::fs::File::open(path).unwrap();
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        })
    }

    /// Everything that faults of networks set: rules and queueing disciplines.
    pub fn listing(&self) -> String {
        self.sh("nft list ruleset; tc qdisc show; ip -o link | cut -d\" \" -f2")
    }
}

impl Bed {
    pub fn new() -> Bed {
        Bed::with("exec sleep 600")
    }

    /// `script` runs as root within the target's namespace and ends in the target's process.
    pub fn with(script: &str) -> Bed {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}{}", std::process::id() % 100_000, number);
        let side = |which: &str, last: u8| Side {
            name: format!("sim{which}{mark}"),
            address: Ipv4Addr::new(10, 213, (number % 250) as u8, last),
            device: format!("{which}{mark}"),
        };
        let (target, client) = (side("t", 1), side("c", 2));
        sh(&format!(
            "ip netns add {t}; ip netns add {c}; ip link add {td} netns {t} type veth peer name {cd} netns {c}",
            t = target.name,
            c = client.name,
            td = target.device,
            cd = client.device
        ));
        for side in [&target, &client] {
            let Side { device, address, .. } = side;
            side.sh(&format!("ip link set lo up; ip addr add {address}/24 dev {device}; ip link set {device} up"));
        }
        let dir = tempfile::tempdir().unwrap();
        let process = stranger(&["ip", "netns", "exec", &target.name, "sh", "-c", script]);
        std::fs::write(dir.path().join("target.pid"), process.to_string()).unwrap();
        let bed = Bed { target, client, process, dir };
        // The process is in the namespace once `ip` has become the shell, and the shell the program.
        crate::common::wait_for("the target's process", || bed.lives_there().then_some(()), || bed.command_line());
        bed
    }

    fn command_line(&self) -> String {
        std::fs::read_to_string(format!("/proc/{}/cmdline", self.process)).unwrap_or_default()
    }

    fn lives_there(&self) -> bool {
        self.command_line().starts_with("sleep")
    }

    pub fn pid_file(&self) -> std::path::PathBuf {
        self.dir.path().join("target.pid")
    }

    /// Ends the target's process and the namespace it lives in.
    pub fn end_target(&mut self) {
        end(self.process);
        sh(&format!("ip netns del {}", self.target.name));
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        end(self.process);
        for side in [&self.target, &self.client] {
            if Path::new(&format!("/run/netns/{}", side.name)).exists() {
                let _ = Command::new("ip").args(["netns", "del", &side.name]).status();
            }
        }
    }
}
