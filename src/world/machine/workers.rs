//! Starting and ending stress workers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use super::limits::{below, root_of};
use super::{standing, tag, worker};
use crate::model::{Stress, StressJob};
use crate::safety::{Reverted, Standing};
use crate::world::DriverError;

/// Longest time from the start of a worker until it has begun.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);

/// Longest time for ending a worker. One that waits for a disk ends when its wait does.
const END_WITHIN: Duration = Duration::from_secs(4);

/// A worker that this process started.
struct Started {
    child: Child,
    /// The lease: the worker ends when this does.
    lease: ChildStdin,
}

/// The stress workers of this process, and the way to those of others.
pub(super) struct Workers {
    program: PathBuf,
    started: Mutex<BTreeMap<String, Started>>,
}

impl Workers {
    pub fn new(program: PathBuf) -> Self {
        Workers { program, started: Mutex::default() }
    }

    /// Starts a worker and waits until it says that it has begun.
    pub async fn start(&self, tag: &str, job: &StressJob) -> Result<(), DriverError> {
        let failed = |e: &dyn std::fmt::Display| DriverError::Failed(format!("cannot start a stress worker: {e}"));
        if !find(tag.to_owned(), None).await?.is_empty() {
            return Err(DriverError::Identity(format!("a stress worker with the tag {tag} runs already")));
        }
        let text = serde_json::to_string(job).map_err(|e| failed(&e))?;
        let mut child = Command::new(&self.program)
            .arg0(tag::PROGRAM)
            .args([tag::SUBCOMMAND, "--tag", tag, "--job", &text])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Out of reach of a Ctrl-C that is meant for the runner; it takes a session of its own as well.
            .process_group(0)
            .spawn()
            .map_err(|e| failed(&e))?;
        let (Some(lease), Some(words)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(&"it has no pipes"));
        };
        self.started().insert(tag.to_owned(), Started { child, lease });
        let mut words = BufReader::new(words).lines();
        let first = match timeout(BEGIN_WITHIN, words.next_line()).await {
            Ok(Ok(Some(first))) => first,
            Ok(_) => return Err(failed(&"it ended at once")),
            Err(_) => {
                return Err(DriverError::Timeout(format!("a stress worker did not begin within {BEGIN_WITHIN:?}")));
            }
        };
        if let Some(why) = first.strip_prefix(worker::FAILED) {
            return Err(DriverError::Failed(format!("the stress worker gave up: {why}")));
        }
        let tag = tag.to_owned();
        tokio::spawn(async move {
            while let Ok(Some(line)) = words.next_line().await {
                log::warn!("stress worker {tag}: {line}");
            }
        });
        Ok(())
    }

    /// Ends the worker with this tag, whoever started it.
    pub async fn end(&self, tag: &str, job: &StressJob) -> Result<Reverted, DriverError> {
        let own = self.started().remove(tag);
        // Breaks the lease: the worker ends even if this process may not signal it.
        let child = own.map(|Started { child, lease }| {
            drop(lease);
            child
        });
        let wanted = tag.to_owned();
        let ended = blocking(move || tag::end(&wanted, END_WITHIN)).await?;
        let collected = match child {
            Some(mut child) => matches!(timeout(END_WITHIN, child.wait()).await, Ok(Ok(_))),
            None => false,
        };
        if ended.left > 0 {
            return Err(DriverError::Failed(format!(
                "the stress worker {tag} was killed and still runs: the kernel holds it, perhaps for a disk that does \
                 not answer"
            )));
        }
        remove_name(tag, job);
        // Our own is counted even when its broken lease was quicker than the search.
        Ok(if ended.found > 0 || collected { Reverted::Restored } else { Reverted::AlreadyBack })
    }

    /// Whether the worker with this tag does its work.
    pub async fn standing(&self, tag: &str, stress: &Stress) -> Result<Standing, DriverError> {
        let hint = self.started().get(tag).and_then(|started| i32::try_from(started.child.id()?).ok());
        let found = find(tag.to_owned(), hint).await?;
        let Some(worker) = found.into_iter().next() else { return Ok(Standing::Gone) };
        let stress = stress.clone();
        blocking(move || standing::of(&worker, &stress)).await
    }

    fn started(&self) -> MutexGuard<'_, BTreeMap<String, Started>> {
        // Each holder changes the map in one statement, so a panic elsewhere leaves it whole.
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn find(tag: String, hint: Option<i32>) -> Result<Vec<crate::world::process::procfs::Stat>, DriverError> {
    blocking(move || tag::find(&tag, hint)).await
}

/// Where a file cannot be made without a name, a worker that was killed between making and unlinking it leaves one.
fn remove_name(tag: &str, job: &StressJob) {
    let directory = match &job.stress {
        Stress::Io { directory, .. } | Stress::Disk { directory, .. } => directory,
        Stress::Cpu { .. } | Stress::Memory { .. } => return,
    };
    if let Ok(root) = root_of(job.inside) {
        let _not_there_as_a_rule = std::fs::remove_file(below(&root, directory).join(worker::name_of(tag)));
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, DriverError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| DriverError::Failed(format!("a look at /proc broke off: {e}")))
}
