//! The driver of the drill's own services: each below a supervisor process.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::process::ChildStdin;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::protocol::{Assignment, Change, Report, Then};
use super::supervisor::{Supervisor, ask_to_stop};
use super::{ServiceChange, ServiceLaunch, ServiceNotice, Services};
use crate::clock::Clock;
use crate::model::{Name, ProcessId};
use crate::world::DriverError;
use crate::world::secrets::Secrets;

/// Longest time from the start of a supervisor to its first report.
const FIRST_REPORT_WITHIN: Duration = Duration::from_secs(10);

/// Longest wait for a receiver of notices that does not receive. The supervisor itself never waits for it.
const NOTICE_WITHIN: Duration = Duration::from_secs(5);

/// What the end of a tree may take beyond its grace time.
const END_WITHIN: Duration = Duration::from_secs(5);

/// The process that runs for each service now.
type Current = Arc<Mutex<BTreeMap<Name, ProcessId>>>;

/// Services of the drill, on this host.
///
/// Dropping it breaks the lease of every supervisor: each then kills its whole tree.
pub struct HostServices {
    clock: Clock,
    program: PathBuf,
    secrets: Secrets,
    current: Current,
    leases: Mutex<BTreeMap<Name, Leased>>,
}

/// One supervisor: the lease that keeps it, and the task that listens to it.
struct Leased {
    lease: ChildStdin,
    listening: JoinHandle<()>,
}

impl HostServices {
    /// A driver that starts supervisors from `program`, the file of this very binary.
    pub fn new(clock: Clock, program: PathBuf, secrets: Secrets) -> Self {
        HostServices { clock, program, secrets, current: Current::default(), leases: Mutex::default() }
    }

    fn assignment(&self, launch: &ServiceLaunch) -> Result<Assignment, DriverError> {
        let ServiceLaunch { name, command, env, dir, restart_after, .. } = launch;
        if let Some(argument) = command.iter().find(|argument| Secrets::refers(argument)) {
            return Err(DriverError::Refused(format!(
                "service {name}: `{argument}` would show a secret to everybody who lists processes: put it into `env`"
            )));
        }
        let resolve = |(key, value): &(String, String)| Ok((key.clone(), self.secrets.resolve(value)?.into_owned()));
        Ok(Assignment {
            argv: command.clone(),
            env: env.iter().map(resolve).collect::<Result<_, DriverError>>()?,
            dir: dir.clone(),
            then: restart_after.map_or(Then::Stay, Then::Restart),
        })
    }
}

#[async_trait]
impl Services for HostServices {
    async fn start(&self, launch: ServiceLaunch, notices: mpsc::Sender<ServiceNotice>) -> Result<(), DriverError> {
        let name = launch.name.clone();
        if lock(&self.leases).contains_key(&name) {
            return Err(DriverError::Refused(format!("service {name} was started already")));
        }
        let assignment = self.assignment(&launch)?;
        let log = open_log(&launch)?;
        let mut supervisor = Supervisor::start(&self.program, &assignment, Stdio::from(log)).await?;
        let first = timeout(FIRST_REPORT_WITHIN, supervisor.next()).await;
        let started = match first {
            Ok(Some(Report { what: Change::Failed { missing, why }, .. })) => {
                let text = format!("service {name}: {why}");
                return Err(if missing { DriverError::NotFound(text) } else { DriverError::Failed(text) });
            }
            Ok(Some(report)) => report,
            Ok(None) => {
                let log = launch.log.display();
                return Err(DriverError::Failed(format!("service {name}: its supervisor ended at once; see {log}")));
            }
            Err(_) => return Err(DriverError::Timeout(format!("service {name}: its supervisor says nothing"))),
        };
        let Some(lease) = supervisor.take_lease() else {
            return Err(DriverError::Failed(format!("service {name}: its supervisor has no lease")));
        };
        let listener = Listener { name: name.clone(), clock: self.clock, current: self.current.clone(), notices };
        listener.note(&started);
        let listening = tokio::spawn(listener.listen(supervisor, started));
        lock(&self.leases).insert(name, Leased { lease, listening });
        Ok(())
    }

    fn current(&self, service: &Name) -> Option<ProcessId> {
        lock(&self.current).get(service).copied()
    }

    async fn stop_all(&self, grace: Duration) {
        let leases = std::mem::take(&mut *lock(&self.leases));
        join_all(leases.into_iter().map(|(name, leased)| stop(name, leased, grace))).await;
    }
}

/// Stops one service: asked first, then by breaking the lease.
async fn stop(name: Name, leased: Leased, grace: Duration) {
    let Leased { mut lease, mut listening } = leased;
    let asked = ask_to_stop(&mut lease, grace).await;
    if asked.is_ok() && timeout(grace + END_WITHIN, &mut listening).await.is_ok() {
        return;
    }
    drop(lease);
    if timeout(END_WITHIN, listening).await.is_err() {
        log::error!("service {name}: its supervisor did not end; look for its processes by hand");
    }
}

fn open_log(launch: &ServiceLaunch) -> Result<File, DriverError> {
    OpenOptions::new().create(true).append(true).open(&launch.log).map_err(|e| {
        DriverError::Failed(format!("service {}: cannot write its log {}: {e}", launch.name, launch.log.display()))
    })
}

/// Listens to one supervisor until it ends.
struct Listener {
    name: Name,
    clock: Clock,
    current: Current,
    notices: mpsc::Sender<ServiceNotice>,
}

impl Listener {
    async fn listen(self, mut supervisor: Supervisor, started: Report) {
        let mut next = Some(started);
        while let Some(report) = next {
            self.note(&report);
            self.tell(report).await;
            next = supervisor.next().await;
        }
        lock(&self.current).remove(&self.name);
        match supervisor.end().await {
            Ok(0) => {}
            Ok(left) => log::error!("service {}: {left} of its processes could not be ended", self.name),
            Err(why) => {
                self.send(ServiceNotice {
                    service: self.name.clone(),
                    at: self.clock.now(),
                    change: ServiceChange::Lost(why),
                })
                .await;
            }
        }
    }

    /// Keeps what runs now. Before anything waits, so that a fault never aims at a process that has ended.
    fn note(&self, report: &Report) {
        let mut current = lock(&self.current);
        match &report.what {
            Change::Started(process) => drop(current.insert(self.name.clone(), *process)),
            Change::Exited { .. } | Change::Failed { .. } | Change::Ended { .. } => drop(current.remove(&self.name)),
        }
    }

    async fn tell(&self, report: Report) {
        let change = match report.what {
            Change::Started(process) => ServiceChange::Started(process),
            Change::Exited { process, code, signal } => ServiceChange::Exited { process, code, signal },
            Change::Failed { why, .. } => ServiceChange::Failed(why),
            Change::Ended { .. } => return,
        };
        self.send(ServiceNotice { service: self.name.clone(), at: self.clock.offset_of_raw(report.at), change }).await;
    }

    async fn send(&self, notice: ServiceNotice) {
        match self.notices.send_timeout(notice, NOTICE_WITHIN).await {
            Ok(()) | Err(mpsc::error::SendTimeoutError::Closed(_)) => {}
            Err(mpsc::error::SendTimeoutError::Timeout(notice)) => {
                log::error!("nobody takes notices of service {}: {:?} is dropped", self.name, notice.change);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holder changes the map in one statement, so a panic elsewhere leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
