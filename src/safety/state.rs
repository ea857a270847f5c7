//! The user's fixed state directory: the lock, and the journals of runs that have not ended cleanly.
//!
//! It is not the report folder, because those vanish with CI workspaces.
//!
//! ```text
//! <state>/lock                       held by whoever may inject and revert
//! <state>/runs/<run>/undo.jsonl      the journal of a run that is going on, or was interrupted
//! <state>/runs/<run>/watchdog.log    what its watchdog saw and did
//! <state>/ended/<run>/               the same of the last interrupted runs that were undone
//! ```

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::JOURNAL_FILE;
use crate::model::RunId;

/// Interrupted runs whose folders are kept after they were undone; older ones are removed.
const ENDED_KEPT: usize = 20;

/// The state directory cannot be used: nothing may be armed.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// No variable says where it is.
    #[error(
        "no place for the undo journal: neither XDG_STATE_HOME nor HOME is set to an absolute path; set one of them"
    )]
    NoHome,
    /// The system refused.
    #[error("cannot use {path} for the undo journal: {source}; make it a directory that you own and can write")]
    Io {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It belongs to another user, who could then make this one undo things of his choice.
    #[error("{path} belongs to user {owner}, not to you: give it back, or set XDG_STATE_HOME to a directory of yours")]
    Foreign {
        /// The path.
        path: PathBuf,
        /// Its owner's user id.
        owner: u32,
    },
    /// A run's id that is no file name.
    #[error("`{0}` is not the id of a run: `simulacro recover --all` lists those that were interrupted")]
    NotARun(String),
}

/// The state directory of this user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
}

/// One run's folder in the state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
    run: RunId,
}

impl StateDir {
    /// The user's: `$SIMULACRO_STATE_DIR` (for tests), `$XDG_STATE_HOME/simulacro`, or `$HOME/.local/state/simulacro`;
    /// made, for its owner alone, if it is not there.
    ///
    /// # Errors
    /// When no variable names an absolute path, or the directory cannot be made, or it belongs to somebody else.
    pub fn open() -> Result<StateDir, StateError> {
        StateDir::at(&place_of(|name| std::env::var_os(name).map(PathBuf::from)).ok_or(StateError::NoHome)?)
    }

    /// The directory `root`, made if it is not there. It must be absolute: the watchdog uses it, too.
    ///
    /// # Errors
    /// When it cannot be made or used.
    pub fn at(root: &Path) -> Result<StateDir, StateError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| StateError::Io { path, source }
        };
        let runs = root.join("runs");
        let is_new = !runs.exists();
        DirBuilder::new().recursive(true).mode(0o700).create(&runs).map_err(failed(&runs))?;
        let found = fs::metadata(root).map_err(failed(root))?;
        let me = rustix::process::geteuid().as_raw();
        if found.uid() != me {
            return Err(StateError::Foreign { path: root.into(), owner: found.uid() });
        }
        if found.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(root, fs::Permissions::from_mode(0o700)).map_err(failed(root))?;
        }
        if is_new {
            sync_dir(root).map_err(failed(root))?;
            // Whichever of its parents were made, too. Those that cannot be opened were there before.
            root.ancestors().skip(1).take_while(|parent| sync_dir(parent).is_ok()).for_each(drop);
        }
        Ok(StateDir { root: root.into() })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The file of the lock.
    pub(super) fn lock_file(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// The folder of a run, whether it is there or not.
    ///
    /// # Errors
    /// When the id is no file name.
    pub fn run(&self, run: &RunId) -> Result<RunDir, StateError> {
        let name = &run.0;
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
            return Err(StateError::NotARun(name.clone()));
        }
        Ok(RunDir { path: self.root.join("runs").join(name), run: run.clone() })
    }

    /// Makes the folder of a new run, on disk when this returns.
    ///
    /// # Errors
    /// When it cannot be made, or is there already.
    pub fn create_run(&self, run: &RunId) -> Result<RunDir, StateError> {
        let dir = self.run(run)?;
        let made = DirBuilder::new().mode(0o700).create(&dir.path).and_then(|()| sync_dir(&self.root.join("runs")));
        made.map_err(|source| StateError::Io { path: dir.path.clone(), source })?;
        Ok(dir)
    }

    /// Every run that is going on or was interrupted, oldest id first.
    ///
    /// # Errors
    /// When the directory cannot be read: then nobody can say that nothing is left behind.
    pub fn runs(&self) -> Result<Vec<RunDir>, StateError> {
        let path = self.root.join("runs");
        let read = || -> io::Result<Vec<RunId>> {
            let mut names = vec![];
            for item in fs::read_dir(&path)? {
                let item = item?;
                let name = item.file_name().to_string_lossy().into_owned();
                // Whatever is hidden is no run's, see [`StateDir::run`].
                if item.file_type()?.is_dir() && !name.starts_with('.') {
                    names.push(RunId(name));
                }
            }
            names.sort();
            Ok(names)
        };
        let names = read().map_err(|source| StateError::Io { path: path.clone(), source })?;
        names.iter().map(|name| self.run(name)).collect()
    }

    /// Takes a run that was undone out of the way. Its folder is kept among the last ones.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub fn archive(&self, run: &RunDir) -> Result<(), StateError> {
        let ended = self.root.join("ended");
        let to = ended.join(&run.run.0);
        let moved = || -> io::Result<()> {
            DirBuilder::new().recursive(true).mode(0o700).create(&ended)?;
            if to.exists() {
                fs::remove_dir_all(&to)?;
            }
            fs::rename(&run.path, &to)?;
            sync_dir(&ended)?;
            sync_dir(&self.root.join("runs"))?;
            let mut kept: Vec<_> = fs::read_dir(&ended)?.filter_map(|e| e.ok().map(|e| e.path())).collect();
            // Ids begin with the time, so their order is that of the runs.
            kept.sort();
            let surplus = kept.len().saturating_sub(ENDED_KEPT);
            kept.drain(..surplus).try_for_each(fs::remove_dir_all)
        };
        moved().map_err(|source| StateError::Io { path: run.path.clone(), source })
    }
}

impl RunDir {
    /// The run.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run's journal.
    pub fn journal(&self) -> PathBuf {
        self.path.join(JOURNAL_FILE)
    }

    /// Whether a journal is there, readable or not. Without one nothing was ever armed.
    pub fn has_journal(&self) -> bool {
        !matches!(fs::symlink_metadata(self.journal()), Err(e) if e.kind() == io::ErrorKind::NotFound)
    }

    /// The watchdog's log.
    pub fn watchdog_log(&self) -> PathBuf {
        self.path.join("watchdog.log")
    }

    /// Copies the journal, without its empty tail, into a report folder.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn copy_journal(&self, report_dir: &Path) -> io::Result<()> {
        let bytes = fs::read(self.journal())?;
        let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
        let to = report_dir.join(JOURNAL_FILE);
        fs::write(&to, &bytes[..end])?;
        File::open(&to)?.sync_all()
    }

    /// Removes the folder of a run that ended cleanly, after its journal was copied.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)?;
        self.path.parent().map_or(Ok(()), sync_dir)
    }
}

/// Makes the names in a directory survive a crash.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn place_of(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    // A relative path would name another directory from the watchdog's or a later shell's point of view; the XDG base
    // directory specification asks to ignore such a value.
    let absolute = |name: &str| variable(name).filter(|p| p.is_absolute());
    absolute("SIMULACRO_STATE_DIR")
        .or_else(|| absolute("XDG_STATE_HOME").map(|p| p.join("simulacro")))
        .or_else(|| absolute("HOME").map(|p| p.join(".local/state/simulacro")))
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
