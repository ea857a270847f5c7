//! One order to a proxy process, with a limit on every wait.
//!
//! Works from the path of the control socket alone, so that a watchdog or a later `recover` can use it. Every call
//! makes a connection of its own: there is no state that could be stale.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::time::Instant;

use super::protocol::{Answer, Request, receive, send};

/// Pause between attempts while the proxy's backlog is full.
const PAUSE: Duration = Duration::from_millis(5);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// No process has the control socket open: the proxy has ended, and all its links and rules with it.
    #[error("no process listens there")]
    Gone,
    /// It did not answer in time; its process id, where known.
    #[error("no answer in time")]
    Hung(Option<i32>),
    /// The connection could not be made, or broke.
    #[error("{0}")]
    Broken(io::Error),
}

/// Sends one order and waits for its answer, at most `limit` in all.
pub(super) async fn call(control: &Path, request: &Request, limit: Duration) -> Result<Answer, NoAnswer> {
    let deadline = Instant::now() + limit;
    // A proxy may end while it is asked. The second attempt then finds out.
    match attempt(control, request, deadline).await {
        Err(NoAnswer::Broken(error)) if is_broken(&error) => attempt(control, request, deadline).await,
        answer => answer,
    }
}

fn is_broken(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

async fn attempt(control: &Path, request: &Request, deadline: Instant) -> Result<Answer, NoAnswer> {
    let mut pid = None;
    let exchange = async {
        let stream = connect(control).await?;
        // The socket carries the id of the process that listens, also when that process is stopped.
        pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
        let mut stream = BufReader::new(stream);
        send(&mut stream, request).await.map_err(NoAnswer::Broken)?;
        match receive(&mut stream).await.map_err(NoAnswer::Broken)? {
            Some(answer) => Ok(answer),
            None => Err(NoAnswer::Broken(io::ErrorKind::UnexpectedEof.into())),
        }
    };
    let answer = tokio::time::timeout_at(deadline, exchange).await;
    answer.unwrap_or(Err(NoAnswer::Hung(pid)))
}

async fn connect(control: &Path) -> Result<UnixStream, NoAnswer> {
    loop {
        match UnixStream::connect(control).await {
            Ok(stream) => return Ok(stream),
            Err(error) => match error.kind() {
                io::ErrorKind::ConnectionRefused => return Err(NoAnswer::Gone),
                io::ErrorKind::NotFound if !listens(control) => return Err(NoAnswer::Gone),
                io::ErrorKind::WouldBlock => tokio::time::sleep(PAUSE).await,
                _ => return Err(NoAnswer::Broken(error)),
            },
        }
    }
}

/// Whether a process still listens on a socket whose file somebody removed. `/proc/net/unix` keeps the path a socket
/// was bound to; the flag 0x10000 says that it accepts connections (`__SO_ACCEPTCON`, proc(5)).
fn listens(control: &Path) -> bool {
    let Ok(sockets) = std::fs::read_to_string("/proc/net/unix") else { return false };
    sockets.lines().any(|line| {
        let mut fields = line.split_ascii_whitespace();
        fields.nth(3) == Some("00010000") && line.ends_with(&format!(" {}", control.display()))
    })
}
