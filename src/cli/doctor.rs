//! `simulacro doctor`: what this machine can do.

use serde::Serialize;

use super::args::DoctorArgs;
use super::exit::Exit;
use super::terminal;
use crate::engine::reach::reach;
use crate::safety::StateDir;
use crate::world::network::{Ability, abilities};

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    ok: bool,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
}

/// Looks at this machine and says what drills can rely on.
pub fn doctor(args: &DoctorArgs) -> Exit {
    let own = [state(), watchdog(), pidfd(), procfs(), files(), goose(), demo(), containers()];
    let findings: Vec<Finding> = own.into_iter().chain(networks()).collect();
    if args.json {
        match serde_json::to_string_pretty(&findings) {
            Ok(json) => terminal::out(&json),
            Err(_) => return Exit::Bug,
        }
    } else {
        let lines = findings.iter().map(|f| {
            let remedy = f.remedy.filter(|_| !f.ok).map_or(String::new(), |r| format!("\n      {r}"));
            format!("{} {:<27} {}{remedy}", if f.ok { "ok  " } else { "NO  " }, f.what, f.found)
        });
        terminal::out(&lines.collect::<Vec<_>>().join("\n"));
    }
    if findings.iter().all(|f| f.ok) { Exit::Ok } else { Exit::Refused }
}

/// By which mechanism each fault of networks would be made. That one cannot be made is no fault of the machine: most
/// drills need none of them, and preflight refuses those that do.
fn networks() -> impl Iterator<Item = Finding> {
    abilities().into_iter().map(|Ability { what, how }| Finding {
        what,
        ok: true,
        found: how.map_or_else(|why| format!("not on this machine: {why}"), |how| format!("by {how}")),
        remedy: None,
    })
}

fn state() -> Finding {
    let opened = StateDir::open();
    Finding {
        what: "state directory",
        ok: opened.is_ok(),
        found: opened.map_or_else(|e| e.to_string(), |s| s.path().display().to_string()),
        remedy: Some("the undo journal lives there: make it writable, or set XDG_STATE_HOME"),
    }
}

fn watchdog() -> Finding {
    let reach = reach();
    Finding { what: "watchdog's reach", ok: true, found: reach.to_string(), remedy: None }
}

fn pidfd() -> Finding {
    let me = rustix::process::getpid();
    let opened = rustix::process::pidfd_open(me, rustix::process::PidfdFlags::empty());
    Finding {
        what: "process handles",
        ok: opened.is_ok(),
        found: opened.map_or_else(|e| format!("pidfd_open: {e}"), |_| "pidfd_open works".into()),
        remedy: Some("Linux 5.3 or later is needed: without handles a reused pid could be hit"),
    }
}

fn procfs() -> Finding {
    let read = std::fs::read_to_string("/proc/self/stat");
    Finding {
        what: "process table",
        ok: read.is_ok(),
        found: read.map_or_else(|e| format!("/proc/self/stat: {e}"), |_| "/proc is readable".into()),
        remedy: Some("mount /proc"),
    }
}

fn files() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let ok = limit.is_none_or(|n| n >= 4096);
    let found = limit.map_or("no limit".into(), |n| format!("{n} open files"));
    Finding { what: "file handles", ok, found, remedy: Some("raise it: `ulimit -n 65536`, or load is not sent") }
}

fn goose() -> Finding {
    let ok = cfg!(feature = "goose");
    let found = if ok { "user journeys (goose) are built in" } else { "built without the feature `goose`" };
    Finding { what: "user journeys", ok, found: found.into(), remedy: Some("build with `--features goose`") }
}

fn demo() -> Finding {
    let ok = cfg!(feature = "demo");
    let found = if ok { "the demo's orders service is built in" } else { "built without the feature `demo`" };
    Finding { what: "demo", ok, found: found.into(), remedy: Some("build with `--features demo`") }
}

/// An engine is no need of every machine: only one that is there and cannot be used is a fault of it.
fn containers() -> Finding {
    use crate::world::{DriverError, docker};
    let what = "container engine";
    let asked = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| DriverError::Failed(format!("cannot look: {e}")))
        .and_then(|runtime| runtime.block_on(docker::connect().about()));
    let remedy = Some("faults on containers need it: see docs/docker.md");
    match asked {
        Ok(engine) => {
            let root = rustix::process::geteuid().is_root();
            let inside = if root { "crashes and stress inside: yes" } else { "crashes and stress inside need root" };
            let docker::EngineView { address, version, interface, cgroups, storage } = engine;
            let found =
                format!("{version} at {address}, interface {interface}, cgroups {cgroups}, {storage}; {inside}");
            Finding { what, ok: true, found, remedy: None }
        }
        Err(e) => {
            let named = std::env::var_os("DOCKER_HOST").is_some();
            let absent = !named && e.to_string().contains("no such socket");
            let found = if absent || cfg!(not(feature = "docker")) { format!("none ({e})") } else { e.to_string() };
            Finding { what, ok: absent || cfg!(not(feature = "docker")), found, remedy }
        }
    }
}
