//! The proxy process: `simulacro proxy-worker`, hidden, started by the drill.
//!
//! Standard input is its lease. The thread that reads it needs nothing from the rest of the process, so it ends the
//! process, and with it every rule and every link, even when the rest hangs.

use std::collections::BTreeMap;
use std::io::{BufRead, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::UnixListener;

use super::control::{self, Links};
use super::hands::Hands;
use super::link::Link;
use crate::clock::Clock;
use crate::model::Name;
use crate::world::links::protocol::{Assignment, LONGEST_LINE, Report};

/// Most connections of one link at a time.
const CONNECTIONS: u32 = 16_384;

/// File handles for the standard streams, the runtime, listeners and control clients.
const OWN_HANDLES: u64 = 128;

/// The proxy process from its first line to its end. Exit code 0 when the lease ended, 1 when it could not start.
pub fn proxy_worker() -> ExitCode {
    let failed = match start() {
        Ok(never) => match never {},
        Err(failed) => failed,
    };
    // Whoever started it may be gone; its exit code still tells.
    let _ = report(&failed);
    ExitCode::FAILURE
}

enum Never {}

/// Starts and serves; comes back only when it could not start.
fn start() -> Result<Never, Report> {
    let mut input = std::io::stdin().lock();
    let mut line = String::new();
    input.by_ref().take(LONGEST_LINE).read_line(&mut line).map_err(|error| failed(None, "standard input", &error))?;
    drop(input);
    let assignment: Assignment =
        serde_json::from_str(&line).map_err(|error| failed(None, "standard input", &std::io::Error::other(error)))?;
    lease(assignment.control.clone()).map_err(|error| failed(None, "standard input", &error))?;
    // Links and orders have this thread to themselves, so that an order never waits for a busy connection's turn.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(None, "the runtime", &error))?;
    runtime.block_on(async {
        let serving = Serving::open(&assignment)?;
        report(&serving.ready).map_err(|error| failed(None, "standard output", &error))?;
        control::serve(serving.control, serving.links).await;
        Err(failed(None, &assignment.control.display().to_string(), &std::io::Error::other("no more orders are taken")))
    })
}

/// Everything a proxy serves.
pub(super) struct Serving {
    pub(super) ready: Report,
    pub(super) control: UnixListener,
    pub(super) links: Arc<Links>,
}

impl Serving {
    /// Opens every link and the control socket, or nothing. Needs a runtime.
    pub(super) fn open(assignment: &Assignment) -> Result<Self, Report> {
        let clock = Clock::start();
        let mut links = BTreeMap::new();
        let mut listening = Vec::new();
        let most = connections(assignment.links.len());
        let hands = Hands::start().map(Arc::new).map_err(|error| failed(None, "threads", &error))?;
        for address in &assignment.links {
            let seed = assignment.seed ^ u64::from(crc32fast::hash(address.name.as_str().as_bytes()));
            let link = Link::open(&address.listen, &address.upstream, seed, clock, most, &hands)
                .map_err(|error| failed(Some(&address.name), &address.listen, &error))?;
            let mut address = address.clone();
            address.listen = link.local().to_string();
            links.insert(address.name.clone(), link);
            listening.push(address);
        }
        let control = bind(&assignment.control)
            .map_err(|error| failed(None, &assignment.control.display().to_string(), &error))?;
        let ready = Report::Ready { pid: std::process::id(), links: listening };
        Ok(Serving { ready, control, links: Arc::new(links) })
    }
}

fn bind(control: &Path) -> std::io::Result<UnixListener> {
    let listener = UnixListener::bind(control)?;
    std::fs::set_permissions(control, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Reads standard input to its end, then ends the process. Links close and connections break as their sockets do.
fn lease(control: PathBuf) -> std::io::Result<()> {
    let wait = move || {
        let mut input = std::io::stdin().lock();
        let mut ignored = [0; 4096];
        // A read that is interrupted is no end; any other failure means that nobody can hold the lease any more.
        loop {
            match input.read(&mut ignored) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let _ = std::fs::remove_file(&control);
        std::process::exit(0);
    };
    std::thread::Builder::new().name("lease".into()).spawn(wait).map(drop)
}

/// How many connections each of `links` links may have at a time. Each needs two file handles; the usual soft limit of
/// 1024 is for programs that use `select`, so it is raised first. What is more waits in the backlog, not
/// half-connected.
pub(super) fn connections(links: usize) -> u32 {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it is not allowed, the old limit holds, and is read below.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    share(getrlimit(Resource::Nofile).current, links)
}

/// A link's share of that many file handles (none: no limit), less those that the process itself needs.
fn share(handles: Option<u64>, links: usize) -> u32 {
    let each = handles.map_or(u64::MAX, |handles| handles.saturating_sub(OWN_HANDLES) / 2 / links.max(1) as u64);
    u32::try_from(each).unwrap_or(u32::MAX).clamp(1, CONNECTIONS)
}

fn report(report: &Report) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, report)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn failed(link: Option<&Name>, address: &str, error: &std::io::Error) -> Report {
    let in_use = error.kind() == std::io::ErrorKind::AddrInUse;
    Report::Failed { link: link.cloned(), address: address.to_owned(), in_use, why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_share_the_file_handles_there_are() {
        assert_eq!(share(None, 1), CONNECTIONS);
        assert_eq!(share(Some(1_048_576), 3), CONNECTIONS);
        assert_eq!(share(Some(4096), 2), 992);
        assert_eq!(share(Some(64), 5), 1);
        assert_eq!(share(Some(1024), 0), 448);
    }
}
