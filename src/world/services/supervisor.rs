//! The runner's side of one supervisor process.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::protocol::{Assignment, Change, MAX_LINE, Order, Report};
use super::tree;
use crate::model::ProcessId;
use crate::world::DriverError;
use crate::world::process::procfs;

/// Longest time for handing over the assignment.
const ASSIGN_WITHIN: Duration = Duration::from_secs(5);

/// Longest time from the end of the lease, or of the reports, to the supervisor's own end: it promises one second.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Longest time for ending what a lost supervisor left behind.
const CLEAN_WITHIN: Duration = Duration::from_secs(2);

/// A supervisor that was started. Dropping it breaks its lease, unless that was taken out.
///
/// The runner's end of the lease is close-on-exec, as the standard library opens every pipe: no other child of the
/// runner holds it, so the lease ends with the runner and not with the last of its children.
#[derive(Debug)]
pub struct Supervisor {
    child: Child,
    lease: Option<ChildStdin>,
    reports: Lines<BufReader<ChildStdout>>,
    pid: Option<i32>,
    last: Option<ProcessId>,
    ended: Option<u32>,
}

impl Supervisor {
    /// Starts a supervisor (the subcommand `service-shim` of `program`) and tells it what to run; the output of what it
    /// runs goes to `output`.
    ///
    /// # Errors
    /// When the supervisor cannot be started, or does not take its assignment.
    pub async fn start(program: &Path, assignment: &Assignment, output: Stdio) -> Result<Supervisor, DriverError> {
        let failed = |what: &str, e: std::io::Error| {
            DriverError::Failed(format!("cannot {what} the supervisor ({} service-shim): {e}", program.display()))
        };
        let mut line = serde_json::to_vec(assignment).map_err(|e| failed("brief", e.into()))?;
        line.push(b'\n');
        if line.len() > MAX_LINE {
            return Err(DriverError::Refused(format!("command and environment are over {} MiB", MAX_LINE >> 20)));
        }
        let mut child = Command::new(program)
            .arg("service-shim")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(output)
            .spawn()
            .map_err(|e| failed("start", e))?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let (Some(mut lease), Some(reports)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("start", std::io::Error::other("it has no pipes")));
        };
        match timeout(ASSIGN_WITHIN, lease.write_all(&line)).await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => return Err(failed("brief", e)),
            Err(_) => return Err(DriverError::Timeout("the supervisor does not read its assignment".into())),
        }
        let reports = BufReader::new(reports).lines();
        Ok(Supervisor { child, lease: Some(lease), reports, pid, last: None, ended: None })
    }

    /// Takes the lease out: it breaks when the returned value is dropped.
    pub fn take_lease(&mut self) -> Option<ChildStdin> {
        self.lease.take()
    }

    /// The next report; none when the supervisor will say nothing more.
    pub async fn next(&mut self) -> Option<Report> {
        while let Ok(Some(line)) = self.reports.next_line().await {
            match serde_json::from_str::<Report>(&line) {
                Ok(Report { what: Change::Ended { left }, .. }) => self.ended = Some(left),
                Ok(report) => {
                    match &report.what {
                        Change::Started(process) => self.last = Some(*process),
                        Change::Exited { .. } => self.last = None,
                        Change::Failed { .. } | Change::Ended { .. } => {}
                    }
                    return Some(report);
                }
                Err(e) => log::warn!("a supervisor said something unknown: {e}"),
            }
        }
        None
    }

    /// Ends the supervisor and all that runs below it, now if its lease is still here. To be called when [`next`] has
    /// returned none, or to cut it short. Returns how it ended: `Ok(left)` with the number of processes that could
    /// not be ended, or why it is lost.
    ///
    /// [`next`]: Supervisor::next
    pub async fn end(mut self) -> Result<u32, String> {
        self.lease = None;
        if timeout(END_WITHIN, async { while self.next().await.is_some() {} }).await.is_err() {
            let _gone_already = self.child.start_kill();
        }
        let lost = match self.ended {
            Some(left) => Ok(left),
            None => {
                // Not collected yet, so its pid, which is the number of its session, is still its own.
                let _gone_already = self.child.start_kill();
                self.clean().await;
                Err("its supervisor ended without being asked".to_owned())
            }
        };
        match timeout(END_WITHIN, self.child.wait()).await {
            Ok(Ok(status)) => lost.map_err(|why| format!("{why} ({status})")),
            _ => lost,
        }
    }

    /// Ends what a lost supervisor left behind: all that stayed in its session, and what runs below the last process it
    /// started. Best effort: a descendant that started a session of its own *and* lost its parent is not found.
    async fn clean(&mut self) {
        let (session, last) = (self.pid, self.last);
        let find = move || {
            let mut found = session.map(tree::of_session).unwrap_or_default();
            // The supervisor itself leads the session and is ended by its parent.
            found.retain(|stat| Some(stat.pid) != session);
            if let Some(stat) = last.and_then(|last| procfs::stat(last.pid).ok().flatten().filter(|s| s.id() == last)) {
                found.extend(tree::below(stat.pid));
                found.extend((!stat.ended()).then_some(stat));
            }
            found
        };
        let clean = tokio::task::spawn_blocking(move || tree::end(find, CLEAN_WITHIN, || {}));
        match clean.await {
            Ok(0) | Err(_) => {}
            Ok(left) => log::error!("{left} processes of a lost supervisor could not be ended"),
        }
    }
}

/// Asks a supervisor, through its lease, to end everything gently.
///
/// # Errors
/// When the supervisor is gone.
pub async fn ask_to_stop(lease: &mut ChildStdin, grace: Duration) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(&Order::Stop { grace })?;
    line.push(b'\n');
    timeout(ASSIGN_WITHIN, lease.write_all(&line)).await?
}
