//! Undoing what interrupted runs left: `simulacro recover`, the watchdog's last act, and the check before a run.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use super::revert::{Remaining, revert_all};
use crate::model::{Name, ProcessId, RunId};
use crate::safety::{
    Damage, Header, Holder, Journal, Lock, LockError, Role, RunDir, StateDir, StateError, Whereabouts, is_alive,
    residue,
};
use crate::world::World;

/// Connects the drivers that undoing a run needs, from its journal's header alone. Called within a runtime.
pub type WorldOf<'a> = &'a dyn Fn(&Header) -> World;

/// Longest wait for a watchdog or another `recover` that is at work.
const LOCK_WITHIN: Duration = Duration::from_secs(60);

/// Time for one run's undo.
const UNDO_WITHIN: Duration = Duration::from_secs(120);

/// Which runs to recover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Every run that was interrupted.
    All,
    /// This one.
    Run(RunId),
}

/// Nothing was recovered.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// Somebody else is at work.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// There is no such run.
    #[error("no interrupted run is called {0}: it ended cleanly, or was recovered before")]
    NoSuchRun(RunId),
    /// The system gave no runtime.
    #[error("cannot start: {0}")]
    Runtime(#[from] io::Error),
}

/// What became of one run.
#[derive(Debug)]
pub enum RunEnd {
    /// It never armed anything, or had undone everything.
    Clean,
    /// Everything it left was undone.
    Undone(Remaining),
    /// Something may still stand.
    Remains(Remaining),
    /// Its journal cannot be trusted. What could be read of it was undone as far as possible.
    Damaged(Box<Damage>, Remaining),
    /// Its runner is alive: it was not touched.
    Running(ProcessId),
    /// Everything was undone, but its folder could not be moved away.
    NotArchived(Remaining, StateError),
}

/// What became of every run that was looked at.
#[derive(Debug, Default)]
pub struct RecoverOutcome {
    /// Each run with its folder.
    pub runs: Vec<(RunDir, RunEnd)>,
}

impl RecoverOutcome {
    /// Whether nothing may be left of any of them. If not, the exit code is 30.
    pub fn is_clean(&self) -> bool {
        self.runs.iter().all(|(_, end)| matches!(end, RunEnd::Clean | RunEnd::Undone(_)))
    }
}

/// Undoes what interrupted runs left. Blocks; takes the lock first, and waits for a watchdog or a rival that works.
/// `tell` receives one line for each thing a person may want to follow.
///
/// # Errors
/// When nothing could be looked at. Faults that may remain are in the outcome.
pub fn recover(
    state: &StateDir,
    which: &Which,
    world_of: WorldOf<'_>,
    tell: &dyn Fn(&str),
) -> Result<RecoverOutcome, RecoverError> {
    recover_within(state, which, world_of, tell, LOCK_WITHIN, UNDO_WITHIN)
}

fn recover_within(
    state: &StateDir,
    which: &Which,
    world_of: WorldOf<'_>,
    tell: &dyn Fn(&str),
    lock_within: Duration,
    undo_within: Duration,
) -> Result<RecoverOutcome, RecoverError> {
    let wanted = match which {
        Which::All => None,
        Which::Run(run) => Some(run),
    };
    let told = std::cell::Cell::new(false);
    let patient = |holder: Option<&Holder>| {
        // A drill may take hours and undoes itself; those who undo are soon done.
        let waits = holder.is_none_or(|h| h.role != Role::Runner);
        if let Some(holder) = holder.filter(|_| waits && !told.replace(true)) {
            tell(&format!("waiting: {holder}"));
        }
        waits
    };
    let _lock = Lock::acquire(state, Role::Recover, wanted, lock_within, patient)?;
    let runs = match wanted {
        None => state.runs()?,
        Some(run) => {
            let dir = state.run(run)?;
            if !dir.path().is_dir() {
                // A rival may have been quicker while the lock was waited for: that is success.
                return if told.get() {
                    Ok(RecoverOutcome::default())
                } else {
                    Err(RecoverError::NoSuchRun(run.clone()))
                };
            }
            vec![dir]
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut outcome = RecoverOutcome::default();
    // Newest first: ids begin with the time, and a later run may have been laid over an earlier one's leavings.
    for dir in runs.into_iter().rev() {
        let end = runtime.block_on(undo_run(state, &dir, world_of, undo_within));
        tell(&format!("{}: {end}", dir.run()));
        outcome.runs.push((dir, end));
    }
    Ok(outcome)
}

/// Undoes what one run left, from its journal alone. For the holder of the lock only.
pub(super) async fn undo_run(state: &StateDir, dir: &RunDir, world_of: WorldOf<'_>, within: Duration) -> RunEnd {
    if !dir.has_journal() {
        return archived(state, dir, RunEnd::Clean);
    }
    let deadline = Instant::now() + within;
    let (journal, header) = match Journal::reopen(&dir.journal()) {
        Ok(opened) => opened,
        Err(damage) => return undo_damaged(damage, world_of, deadline).await,
    };
    if header.place.whereabouts(&crate::safety::Place::here()) == Whereabouts::Here && is_alive(header.runner) {
        return RunEnd::Running(header.runner);
    }
    let left = journal.residue();
    if left.is_empty() {
        return archived(state, dir, RunEnd::Clean);
    }
    let remaining = revert_all(&world_of(&header), &left, Some(&journal), deadline).await;
    // Evidence beside the run's other files, where they still are. It is not what anything depends on.
    let _ = dir.copy_journal(&header.report_dir);
    if remaining.is_clean() { archived(state, dir, RunEnd::Undone(remaining)) } else { RunEnd::Remains(remaining) }
}

/// Undoes what a damaged journal still says for certain. Nothing is written to it, and it stays where it is: only a
/// person can say that nothing else was in it.
async fn undo_damaged(damage: Damage, world_of: WorldOf<'_>, deadline: Instant) -> RunEnd {
    let remaining = match &damage.header {
        Some(header) if !damage.readable.is_empty() => {
            if header.place.whereabouts(&crate::safety::Place::here()) == Whereabouts::Here && is_alive(header.runner) {
                return RunEnd::Running(header.runner);
            }
            revert_all(&world_of(header), &damage.readable, None, deadline).await
        }
        _ => Remaining::default(),
    };
    RunEnd::Damaged(Box::new(damage), remaining)
}

fn archived(state: &StateDir, dir: &RunDir, end: RunEnd) -> RunEnd {
    match (state.archive(dir), end) {
        (Ok(()), end) => end,
        (Err(e), RunEnd::Undone(remaining)) => RunEnd::NotArchived(remaining, e),
        (Err(e), _) => RunEnd::NotArchived(Remaining::default(), e),
    }
}

impl fmt::Display for RunEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = |r: &Remaining| r.undone.iter().map(|u| u.fault.to_string()).collect::<Vec<_>>().join(", ");
        match self {
            RunEnd::Clean => f.write_str("nothing was left to undo"),
            RunEnd::Undone(remaining) => write!(f, "undone: {}", faults(remaining)),
            RunEnd::Running(process) => {
                write!(f, "its runner is alive ({process}) and undoes it itself; to end it: kill -INT {}", process.pid)
            }
            RunEnd::NotArchived(_, e) => write!(f, "everything is undone, but {e}"),
            RunEnd::Remains(remaining) => {
                f.write_str("a fault may remain. Run `simulacro recover` again once its target can be reached, or:")?;
                remaining.lines().iter().try_for_each(|line| write!(f, "\n  {line}"))
            }
            RunEnd::Damaged(damage, remaining) => {
                write!(f, "{damage}; a fault may remain.")?;
                if !remaining.undone.is_empty() {
                    write!(f, " What could be read was undone: {}.", faults(remaining))?;
                }
                f.write_str(" Check by hand:")?;
                damage.by_hand().lines().try_for_each(|line| write!(f, "\n  {line}"))?;
                let folder = damage.path.parent().map(PathBuf::from).unwrap_or_default();
                write!(
                    f,
                    "\n  read `by_hand` in {}; when all is well, remove {}",
                    damage.path.display(),
                    folder.display()
                )
            }
        }
    }
}

/// What an interrupted run left behind, for those who must not start over it.
#[derive(Debug)]
pub struct LeftBehind {
    /// The run.
    pub run: RunId,
    /// Its journal.
    pub journal: PathBuf,
    /// Faults that may stand, newest first; none where the journal cannot be trusted.
    pub faults: Result<Vec<Name>, Box<Damage>>,
}

impl fmt::Display for LeftBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = &self.run;
        match &self.faults {
            Ok(faults) => {
                let names: Vec<_> = faults.iter().map(Name::as_str).collect();
                write!(f, "run {run} was interrupted and may have left: {}", names.join(", "))?;
            }
            Err(damage) => write!(f, "run {run} was interrupted, and {damage}")?,
        }
        write!(f, "; run `simulacro recover {run}` first")
    }
}

/// Everything that interrupted runs may have left. A run must not start unless this is empty; for the holder of the
/// lock, before it makes its own folder.
///
/// # Errors
/// When the state directory cannot be read: then nothing may be started either.
pub fn residue_present(state: &StateDir) -> Result<Vec<LeftBehind>, StateError> {
    let mut left = vec![];
    for dir in state.runs()?.into_iter().filter(RunDir::has_journal) {
        let faults =
            residue(&dir.journal()).map(|open| open.into_iter().map(|r| r.fault).collect::<Vec<_>>()).map_err(Box::new);
        if !matches!(&faults, Ok(none) if none.is_empty()) {
            left.push(LeftBehind { run: dir.run().clone(), journal: dir.journal(), faults });
        }
    }
    Ok(left)
}

#[cfg(test)]
#[path = "recover_tests.rs"]
mod tests;
