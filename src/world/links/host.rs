//! Links in a proxy process on this host.

use std::collections::BTreeMap;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Mutex;
use tokio_util::task::AbortOnDropHandle;

use super::client::{NoAnswer, call};
use super::protocol::{Answer, Assignment, Report, Request, receive, send};
use super::{DriverError, Links, place, remote};
use crate::model::{LinkAddress, LinkRule, Name, RuleId};
use crate::safety::{Licence, LinkUndo, Reverted, Standing};

/// Longest time for the proxy process to start and to open every link.
const START: Duration = Duration::from_secs(10);

/// Longest time for an order. Cutting a link waits up to a second for its connections.
const ORDER: Duration = Duration::from_secs(2);

/// Longest time for the proxy process to end by itself once its lease is over.
const END: Duration = Duration::from_secs(1);

/// Links in a proxy process of their own, started with [`Links::open`]. Dropping it ends that process.
pub struct HostLinks {
    program: PathBuf,
    proxy: Mutex<Option<Proxy>>,
    opened: std::sync::OnceLock<Opened>,
    /// Leases that are renewed, by rule.
    leases: std::sync::Mutex<BTreeMap<RuleId, AbortOnDropHandle<()>>>,
}

struct Opened {
    control: PathBuf,
    links: Vec<LinkAddress>,
}

struct Proxy {
    process: Child,
    /// The lease: the process ends when this is closed.
    lease: ChildStdin,
}

impl HostLinks {
    /// Links whose proxy process is `program proxy-worker`. Nothing is started yet; undo works all the same.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        HostLinks {
            program: program.into(),
            proxy: Mutex::new(None),
            opened: Default::default(),
            leases: Default::default(),
        }
    }

    /// Links whose proxy process is this very program.
    ///
    /// # Errors
    /// When the system does not tell where this program lies.
    pub fn of_this_program() -> Result<Self, DriverError> {
        let program = std::env::current_exe()
            .map_err(|e| DriverError::Failed(format!("this program's own file cannot be found: {e}")))?;
        Ok(HostLinks::new(program))
    }

    /// The links as they were opened, with the addresses they listen on in fact.
    pub fn links(&self) -> &[LinkAddress] {
        self.opened.get().map_or(&[], |opened| &opened.links)
    }

    async fn start(&self, assignment: &Assignment) -> Result<(Proxy, Vec<LinkAddress>), DriverError> {
        let mut process = Command::new(&self.program)
            .arg("proxy-worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A Ctrl-C at the terminal goes to the runner's group: the proxy must live until faults are undone.
            .process_group(0)
            .spawn()
            .map_err(|e| DriverError::Failed(format!("{} cannot be started: {e}", self.program.display())))?;
        let (Some(mut lease), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(DriverError::Failed("the proxy process has no pipes".into()));
        };
        let mut output = BufReader::new(output);
        let dialogue = async {
            send(&mut lease, assignment).await?;
            receive::<Report>(&mut output).await
        };
        let report = tokio::time::timeout(START, dialogue).await;
        match report {
            Ok(Ok(Some(Report::Ready { links, .. }))) => Ok((Proxy { process, lease }, links)),
            Ok(Ok(Some(failed))) => Err(refusal(failed)),
            Ok(Ok(None)) => Err(DriverError::Failed("the proxy process ended before its links were open".into())),
            Ok(Err(error)) => Err(DriverError::Failed(format!("the proxy process cannot be talked to: {error}"))),
            Err(_) => {
                Proxy { process, lease }.end().await;
                Err(DriverError::Timeout(format!("the proxy process did not open its links within {START:?}")))
            }
        }
    }

    /// One order, whose failures are told in words.
    async fn order(&self, control: &str, request: &Request) -> Result<Option<Answer>, DriverError> {
        let at = control;
        let answered = match remote::is_remote(control) {
            true => remote::call(control, request, ORDER).await,
            false => call(Path::new(control), request, ORDER).await,
        };
        match answered {
            Ok(Answer::Failed { why }) => Err(DriverError::Failed(format!("the proxy at {at} refused: {why}"))),
            Ok(answer) => Ok(Some(answer)),
            Err(NoAnswer::Gone) => Ok(None),
            Err(NoAnswer::Hung(pid)) => Err(DriverError::Timeout(hung(at, pid))),
            Err(NoAnswer::Broken(error)) => Err(DriverError::Failed(format!(
                "the proxy at {at} cannot be reached: {error}; end that proxy process to free its links"
            ))),
        }
    }

    /// Makes sure that a proxy which already runs has these links.
    async fn look_at(&self, links: &[LinkAddress]) -> Result<(), DriverError> {
        for link in links {
            let Some(control) = &link.control else { continue };
            let name = &link.name;
            let request = Request::Status { link: name.clone(), id: RuleId("preflight".into()) };
            match self.order(control, &request).await? {
                Some(Answer::Absent | Answer::InForce(_)) => {}
                Some(Answer::UnknownLink) => {
                    let why = format!("the proxy at {control} has no link {name}; create it there (docs/proxy.md)");
                    return Err(DriverError::Refused(why));
                }
                Some(other) => return Err(DriverError::Failed(format!("the proxy at {control} answered {other:?}"))),
                None => {
                    let why = format!("nothing listens at {control}; start `simulacro proxy serve` there");
                    return Err(DriverError::Refused(why));
                }
            }
        }
        Ok(())
    }

    fn leases(&self) -> std::sync::MutexGuard<'_, BTreeMap<RuleId, AbortOnDropHandle<()>>> {
        self.leases.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl Links for HostLinks {
    async fn open(&self, links: &[LinkAddress], seed: u64) -> Result<(), DriverError> {
        let mut proxy = self.proxy.lock().await;
        if self.opened.get().is_some() {
            return Err(DriverError::Failed("the drill's links are open already".into()));
        }
        self.look_at(links).await?;
        let (foreign, own): (Vec<_>, Vec<_>) = links.iter().cloned().partition(|link| link.control.is_some());
        if own.is_empty() {
            let _ = self.opened.set(Opened { control: PathBuf::new(), links: foreign });
            return Ok(());
        }
        let control = place::new_socket()
            .map_err(|e| DriverError::Refused(format!("no private directory for the proxy's control socket: {e}")))?;
        let assignment = Assignment { links: own, seed, control };
        let (started, mut links) = self.start(&assignment).await?;
        links.extend(foreign);
        *proxy = Some(started);
        // Set once: the lock is held, and it was empty above.
        let _ = self.opened.set(Opened { control: assignment.control, links });
        Ok(())
    }

    fn control(&self, link: &Name) -> Result<String, DriverError> {
        let found = self.opened.get().and_then(|o| Some((o, o.links.iter().find(|l| l.name == *link)?)));
        let (opened, found) =
            found.ok_or_else(|| DriverError::NotFound(format!("no link {link} is open; name it in `proxies:`")))?;
        // The path was made here, from text.
        Ok(found.control.clone().unwrap_or_else(|| opened.control.display().to_string()))
    }

    async fn set_rule(&self, link: &Name, id: &RuleId, rule: &LinkRule, _: Licence<'_>) -> Result<(), DriverError> {
        let control = self.control(link)?;
        let request = Request::Set { link: link.clone(), id: id.clone(), rule: rule.clone() };
        match self.order(&control, &request).await? {
            Some(Answer::Done) if remote::is_remote(&control) => {
                let renewal = Request::Renew { link: link.clone(), id: id.clone() };
                self.leases().insert(id.clone(), remote::renew(control, renewal));
                Ok(())
            }
            Some(Answer::Done) => Ok(()),
            Some(other) => Err(DriverError::Failed(format!("the proxy answered {other:?} when rule {} was set", id.0))),
            None => Err(DriverError::NotFound(format!("the proxy process of link {link} has ended"))),
        }
    }

    async fn revert(&self, undo: &LinkUndo) -> Result<Reverted, DriverError> {
        self.leases().remove(&undo.rule);
        let request = Request::Remove { link: undo.link.clone(), id: undo.rule.clone() };
        match self.order(&undo.control, &request).await? {
            Some(Answer::Done) => Ok(Reverted::Restored),
            Some(Answer::Absent) => Ok(Reverted::AlreadyBack),
            // Links are fixed when a proxy starts: this is another proxy, and the one that was meant has ended.
            Some(Answer::UnknownLink) => Ok(Reverted::TargetGone),
            None => {
                if !remote::is_remote(&undo.control) {
                    remove_socket(Path::new(&undo.control));
                }
                Ok(Reverted::TargetGone)
            }
            Some(other) => Err(DriverError::Failed(format!("the proxy answered {other:?} to the removal of a rule"))),
        }
    }

    async fn standing(&self, undo: &LinkUndo) -> Result<Standing, DriverError> {
        let request = Request::Status { link: undo.link.clone(), id: undo.rule.clone() };
        match self.order(&undo.control, &request).await? {
            Some(Answer::InForce(status)) => Ok(Standing::InForce { touched: status.touched }),
            None | Some(Answer::Absent | Answer::UnknownLink) => Ok(Standing::Gone),
            Some(other) => Err(DriverError::Failed(format!("the proxy answered {other:?} to a question"))),
        }
    }

    async fn close(&self) {
        self.leases().clear();
        if let Some(proxy) = self.proxy.lock().await.take() {
            proxy.end().await;
        }
        if let Some(opened) = self.opened.get() {
            remove_socket(&opened.control);
        }
    }
}

impl Proxy {
    /// Ends the lease, and the process if that does not.
    async fn end(mut self) {
        let _ = self.lease.shutdown().await;
        drop(self.lease);
        if tokio::time::timeout(END, self.process.wait()).await.is_err() {
            // SIGKILL cannot be refused; if it fails the process has ended meanwhile.
            let _ = self.process.kill().await;
        }
    }
}

fn hung(at: &str, pid: Option<i32>) -> String {
    let remedy = pid.map_or("end that proxy process".into(), |pid| format!("end it with `kill -KILL {pid}`"));
    format!(
        "the proxy at {at} did not answer within {ORDER:?}; {remedy}, which closes its links and removes every rule"
    )
}

/// Removes the file of a control socket nobody listens on. The proxy does so itself, unless it was killed.
fn remove_socket(control: &Path) {
    if std::fs::symlink_metadata(control).is_ok_and(|found| found.file_type().is_socket()) {
        // Left behind, it does no harm: its name is never used again.
        let _ = std::fs::remove_file(control);
    }
}

/// What the start failed of, with the remedy.
fn refusal(report: Report) -> DriverError {
    match report {
        Report::Failed { link: Some(link), address, in_use: true, .. } => {
            let holder = super::holder::of(&address).map_or(String::new(), |holder| format!(" by {holder}"));
            DriverError::Refused(format!(
                "link {link}: {address} is in use{holder}; stop what listens there, or choose another `listen` in `proxies:`"
            ))
        }
        Report::Failed { link: Some(link), address, why, .. } => DriverError::Refused(format!(
            "link {link} cannot listen on {address}: {why}; correct `listen` in `proxies:`"
        )),
        Report::Failed { address, why, .. } => {
            DriverError::Failed(format!("the proxy process could not start: {address}: {why}"))
        }
        Report::Ready { .. } => DriverError::Failed("the proxy process reported nonsense".into()),
    }
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
