//! The driver of commands on this host: each below a supervisor process, as services are.
//!
//! The supervisor costs one more start of this binary, and buys that a command cannot go on, and harm later, when the
//! runner is killed while it runs: the undo that follows would come too early.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::unix::pipe::Receiver;
use tokio::time::timeout;

use super::tail::Tail;
use super::{CommandLine, CommandOutput, Commands};
use crate::safety::{CommandUndo, Licence, Reverted, Standing};
use crate::world::DriverError;
use crate::world::secrets::Secrets;
use crate::world::services::protocol::{Assignment, Change, Then};
use crate::world::services::supervisor::Supervisor;

/// How long the rest of the output is waited for once the command has ended; longer only helps what it left running.
const OUTPUT_WITHIN: Duration = Duration::from_millis(100);

/// Commands of the scenario, on this host.
pub struct HostCommands {
    program: PathBuf,
    secrets: Secrets,
    /// Inverses that this process ran with success.
    reverted: Mutex<HashSet<(Vec<String>, PathBuf)>>,
}

impl HostCommands {
    /// A driver that starts supervisors from `program`, the file of this very binary.
    pub fn new(program: PathBuf, secrets: Secrets) -> Self {
        HostCommands { program, secrets, reverted: Mutex::default() }
    }

    async fn execute(&self, command: &CommandLine) -> Result<CommandOutput, DriverError> {
        let argv = self.secrets.resolve_all(&command.argv)?;
        let (reader, writer) = std::io::pipe().map_err(|e| DriverError::Failed(format!("no pipe: {e}")))?;
        let receiver = Receiver::from_owned_fd(OwnedFd::from(reader))
            .map_err(|e| DriverError::Failed(format!("no pipe for output: {e}")))?;
        let assignment = Assignment { argv, env: Vec::new(), dir: command.dir.clone(), then: Then::Leave };
        let tail = Tail::new(self.secrets.redactor());
        let reading = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(tail.clone().read(receiver)));
        // Dropped on any way out, this future's end included: the lease breaks and the whole tree is killed.
        let mut supervisor = Supervisor::start(&self.program, &assignment, Stdio::from(OwnedFd::from(writer))).await?;
        let ended = timeout(command.within, last_word(&mut supervisor)).await;
        if ended.is_err() {
            let left = supervisor.end().await;
            let unable = if left == Ok(0) { "" } else { "; not all of its processes could be ended" };
            return Err(DriverError::Timeout(format!(
                "command {} took longer than {:?} and was killed with all it started{unable}{}",
                name(&command.argv),
                command.within,
                said(&tail.text())
            )));
        }
        let _what_it_left_running_may_hold_the_pipe = timeout(OUTPUT_WITHIN, reading).await;
        match ended {
            Ok(Some(Change::Exited { code, .. })) => Ok(CommandOutput { code, tail: tail.text() }),
            Ok(Some(Change::Failed { missing, why })) => {
                let why = self.secrets.redactor().redact(&format!("command {}: {why}", name(&command.argv)));
                Err(if missing { DriverError::NotFound(why) } else { DriverError::Failed(why) })
            }
            _ => Err(DriverError::Failed(format!(
                "command {}: its supervisor was ended from outside; whether the command took effect is unknown{}",
                name(&command.argv),
                said(&tail.text())
            ))),
        }
    }

    fn check(&self, argv: &[String], dir: &Path) -> Result<(), DriverError> {
        let resolved = self.secrets.resolve_all(argv)?;
        let Some(program) = resolved.first().filter(|program| !program.is_empty()) else {
            return Err(DriverError::Refused("a command is empty: give a program and its arguments".into()));
        };
        if !dir.is_dir() {
            let dir = dir.display();
            return Err(DriverError::NotFound(format!("command {}: directory {dir} does not exist", name(argv))));
        }
        let found = if program.contains('/') {
            dir.join(program).is_file()
        } else {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).any(|place| place.join(program).is_file())
        };
        match found {
            true => Ok(()),
            false => Err(DriverError::NotFound(format!(
                "command {}: there is no such program (commands run in {}): install it, or correct the scenario",
                name(argv),
                dir.display()
            ))),
        }
    }

    fn reverted(&self) -> MutexGuard<'_, HashSet<(Vec<String>, PathBuf)>> {
        // Each holder changes the set in one statement, so a panic elsewhere leaves it whole.
        self.reverted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The report that says what became of the command; none when its supervisor is lost.
async fn last_word(supervisor: &mut Supervisor) -> Option<Change> {
    loop {
        match supervisor.next().await?.what {
            Change::Started(_) => {}
            change => return Some(change),
        }
    }
}

/// The program's name as the scenario has it, with references unresolved.
fn name(argv: &[String]) -> String {
    format!("`{}`", argv.first().map_or("", String::as_str))
}

fn said(tail: &str) -> String {
    let tail = tail.trim();
    if tail.is_empty() { String::new() } else { format!("; it said: {tail}") }
}

fn key(undo: &CommandUndo) -> (Vec<String>, PathBuf) {
    (undo.argv.clone(), undo.dir.clone())
}

/// A secret among the arguments would show in every list of processes. Asked before a command is used, never when one
/// is undone: an undo that is on disk must run.
fn hides_secrets(argv: &[String]) -> Result<(), DriverError> {
    match argv.iter().find(|argument| Secrets::refers(argument)) {
        Some(shown) => Err(DriverError::Refused(format!(
            "command {}: `{shown}` would show a secret to everybody who lists processes: let the command read the \
             variable or the file itself, it inherits this program's environment",
            name(argv)
        ))),
        None => Ok(()),
    }
}

#[async_trait]
impl Commands for HostCommands {
    async fn prepare(&self, inject: &CommandLine, undo: &CommandUndo) -> Result<(), DriverError> {
        hides_secrets(&inject.argv)?;
        hides_secrets(&undo.argv)?;
        self.check(&inject.argv, &inject.dir)?;
        self.check(&undo.argv, &undo.dir)?;
        self.reverted().remove(&key(undo));
        Ok(())
    }

    async fn run(&self, command: &CommandLine) -> Result<CommandOutput, DriverError> {
        hides_secrets(&command.argv)?;
        self.execute(command).await
    }

    async fn inject(&self, command: &CommandLine, _licence: Licence<'_>) -> Result<CommandOutput, DriverError> {
        hides_secrets(&command.argv)?;
        self.execute(command).await
    }

    async fn revert(&self, undo: &CommandUndo) -> Result<Reverted, DriverError> {
        let command = CommandLine { argv: undo.argv.clone(), dir: undo.dir.clone(), within: undo.within.get() };
        let CommandOutput { code, tail } = self.execute(&command).await?;
        if code == Some(0) {
            self.reverted().insert(key(undo));
            return Ok(Reverted::Restored);
        }
        let end = code.map_or("was ended by a signal".to_owned(), |code| format!("ended with exit code {code}"));
        Err(DriverError::Failed(format!("undo command {} {end}{}", name(&undo.argv), said(&tail))))
    }

    async fn standing(&self, undo: &CommandUndo) -> Result<Standing, DriverError> {
        let gone = self.reverted().contains(&key(undo));
        Ok(if gone { Standing::Gone } else { Standing::InForce { touched: 1 } })
    }
}
