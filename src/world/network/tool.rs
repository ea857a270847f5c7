//! The kernel's own tools, run within a network namespace.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::oneshot;

use super::namespace::Entry;
use crate::world::DriverError;

/// Longest time one tool may take; they talk to the kernel and to nobody else.
const WITHIN: Duration = Duration::from_secs(2);

/// What a tool said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// Whether it ended with exit code 0.
    pub(super) ok: bool,
    /// Its standard output.
    pub(super) out: String,
    /// Its standard error.
    pub(super) err: String,
}

impl Said {
    /// What it said when it did well; otherwise an error that says what was tried.
    pub(super) fn done(self, what: &str) -> Result<String, DriverError> {
        match self.ok {
            true => Ok(self.out),
            false => Err(self.failed(what)),
        }
    }

    /// The error that it is.
    pub(super) fn failed(&self, what: &str) -> DriverError {
        let why = self.err.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it did not say why");
        let denied = ["not permitted", "Permission denied", "must be root"].iter().any(|word| self.err.contains(word));
        match denied {
            true => DriverError::Refused(format!("{what}: {why}; run as root, or with the capability CAP_NET_ADMIN")),
            false => DriverError::Failed(format!("{what}: {why}")),
        }
    }
}

/// Runs one tool to its end. A namespace belongs to a thread, so each run has a thread of its own, that ends with it.
pub(super) async fn run(entry: &Entry, argv: &[&str], input: &str) -> Result<Said, DriverError> {
    let entry = entry.again()?;
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    let input = input.to_owned();
    let (tell, told) = oneshot::channel();
    let work = move || {
        let said = entry.enter().and_then(|()| run_here(&argv, &input));
        // Nobody listens any more when the caller was cancelled.
        let _ = tell.send(said);
    };
    thread("network-tool", work)?;
    told.await.map_err(|_| DriverError::Failed("a thread that ran a tool broke off".into()))?
}

/// Starts a process within the namespace that outlives the call. The thread stays to collect it at its end.
pub(super) async fn start(entry: &Entry, program: &Path, verb: &str) -> Result<Child, DriverError> {
    let entry = entry.again()?;
    let (program, verb) = (program.to_owned(), verb.to_owned());
    let (tell, told) = oneshot::channel();
    let work = move || {
        let spawn = || {
            let mut command = Command::new(&program);
            command.arg(&verb).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).current_dir("/");
            command.spawn().map_err(|e| DriverError::Failed(format!("cannot start {}: {e}", program.display())))
        };
        let _ = tell.send(entry.enter().and_then(|()| spawn()));
    };
    thread("network-start", work)?;
    told.await.map_err(|_| DriverError::Failed("a thread that started a process broke off".into()))?
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), DriverError> {
    let started = std::thread::Builder::new().name(name.into()).spawn(work);
    started.map(|_| ()).map_err(|e| DriverError::Failed(format!("no thread is left: {e}")))
}

/// Runs one tool in this thread's own namespace; blocks.
pub(super) fn run_here(argv: &[String], input: &str) -> Result<Said, DriverError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| DriverError::Failed(format!("no runtime: {e}")))?;
    runtime.block_on(async {
        match tokio::time::timeout(WITHIN, exchange(argv, input)).await {
            Ok(said) => said,
            Err(_) => Err(DriverError::Timeout(format!("`{}` took longer than {WITHIN:?}", argv.join(" ")))),
        }
    })
}

async fn exchange(argv: &[String], input: &str) -> Result<Said, DriverError> {
    let [program, arguments @ ..] = argv else { return Err(DriverError::Failed("no tool was named".into())) };
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).env("LC_ALL", "C").env("PATH", path()).kill_on_drop(true).current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| missing(program, &e))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A tool that ends without reading says itself why.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let output = child.wait_with_output().await;
    let output = output.map_err(|e| DriverError::Failed(format!("`{program}`: {e}")))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Said { ok: output.status.success(), out: text(&output.stdout), err: text(&output.stderr) })
}

/// The tools are in directories that not every user's PATH has.
fn path() -> String {
    let own = std::env::var("PATH").unwrap_or_default();
    format!("{own}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")
}

fn missing(program: &str, e: &std::io::Error) -> DriverError {
    let package = match program {
        "nft" => "nftables",
        "tc" | "ip" => "iproute2",
        "unshare" => "util-linux",
        other => other.strip_prefix("ip6").map_or(other, |_| "iptables"),
    };
    match e.kind() {
        std::io::ErrorKind::NotFound => {
            DriverError::Refused(format!("the program `{program}` is not installed: install {package}"))
        }
        _ => DriverError::Failed(format!("cannot run `{program}`: {e}")),
    }
}
