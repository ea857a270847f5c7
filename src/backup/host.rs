//! Backups of this host, as the engine asks for them: from the scenario's words to a provider and its proof.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{BackupError, LedgerOrder, ProofOrder, Provider, Sqlite, Taken, prove, take};
use crate::clock::Clock;
use crate::model::{Delta, Name};
use crate::scenario::Backup;
use crate::scenario::backup::{BackupSource, Provider as Engine};
use crate::timeline::ledger::{Entry, Reference, Shape};
use crate::timeline::restore::{ProofOutcome, RestoreProof};
use crate::world::DriverError;
use crate::world::backups::{Backups, ProofRequest, Taken as TakenMark};

/// Takes and proves backups with the engines of this host.
pub struct HostBackups {
    clock: Clock,
    shape: Option<Shape>,
    /// What this run took, by name: the engine keeps the times, the proof needs the rest.
    taken: Mutex<BTreeMap<Name, Taken>>,
}

impl HostBackups {
    /// Backups of a run whose ledger, if it has one, looks like `shape`.
    pub fn new(clock: Clock, shape: Option<Shape>) -> HostBackups {
        HostBackups { clock, shape, taken: Mutex::default() }
    }

    fn taken(&self, name: &Name) -> Option<Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn ledger(&self, entries: &[Entry], taken: Option<&Taken>) -> Option<LedgerOrder> {
        let shape = self.shape.clone().filter(|_| !entries.is_empty())?;
        // Nobody named a disaster. For a backup of this run it strikes right after the backup, so that only what the
        // backup should have held counts as lost; an older backup is all that is left when it strikes now.
        let disaster = taken.map_or_else(|| self.clock.now(), |taken| taken.consistent_at.0);
        Some(LedgerOrder { shape, entries: entries.to_vec(), disaster: Reference::exact(disaster) })
    }
}

/// The provider that a scenario's backup names.
fn provider(backup: &Backup) -> Result<Arc<dyn Provider>, String> {
    match backup.provider().map_err(|e| e.to_string())? {
        Engine::Sqlite(spec) => {
            let ledger_table = spec.ledger_table.clone();
            Ok(Arc::new(Sqlite { ledger_table, ..Sqlite::new(&spec.database) }))
        }
    }
}

/// Where the backup lies, or will lie: below the run's folder when the run takes it.
fn file(name: &Name, backup: &Backup, dir: &Path) -> Result<PathBuf, String> {
    match (backup.source, backup.provider().map_err(|e| e.to_string())?) {
        (BackupSource::Take, Engine::Sqlite(_)) => Ok(dir.join("backups").join(format!("{}.db", slug(name)))),
        (BackupSource::Existing, Engine::Sqlite(spec)) => spec
            .file
            .as_ref()
            .map(PathBuf::from)
            .ok_or_else(|| format!("backup {name}: `source: existing` needs the `file` of the backup")),
    }
}

/// A name as part of a file's name: what a name may hold is harmless in one, but for spaces.
fn slug(name: &Name) -> String {
    name.as_str().replace(' ', "-")
}

impl From<BackupError> for DriverError {
    fn from(error: BackupError) -> Self {
        let text = error.to_string();
        match error {
            BackupError::TimedOut => DriverError::Timeout(text),
            BackupError::Missing(_) => DriverError::NotFound(text),
            BackupError::NotFresh { .. } | BackupError::NoSpace { .. } => DriverError::Refused(text),
            _ => DriverError::Failed(text),
        }
    }
}

#[async_trait]
impl Backups for HostBackups {
    async fn take(&self, name: &Name, backup: &Backup, dir: &Path) -> Result<TakenMark, DriverError> {
        let provider = provider(backup).map_err(DriverError::Failed)?;
        let into = file(name, backup, dir).map_err(DriverError::Failed)?;
        let taken = take(provider, into, self.shape.clone(), self.clock, backup.within.get()).await?;
        let mark = TakenMark { began: taken.started, completed: taken.completed, bytes: taken.bytes };
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), taken);
        Ok(mark)
    }

    async fn prove(&self, request: ProofRequest<'_>) -> RestoreProof {
        let ProofRequest { name, backup, dir, within, .. } = request;
        let target = dir.join("scratch").join(format!("{}.db", slug(name)));
        let found = provider(backup).and_then(|provider| Ok((provider, file(name, backup, dir)?)));
        let (provider, file) = match found {
            Ok(found) => found,
            Err(why) => return unproven(&target, why),
        };
        let taken = self.taken(name);
        if taken.is_none() && backup.source == BackupSource::Take {
            return unproven(&target, "the backup was not taken: there is nothing to restore".into());
        }
        let ledger = self.ledger(request.ledger, taken.as_ref());
        let order = ProofOrder {
            file,
            taken,
            target,
            checks: backup.checks.clone(),
            smoke: backup.smoke.clone(),
            max_age: None,
            ledger,
            within,
            keep: false,
        };
        prove(provider, order, self.clock).await
    }
}

/// The record of a proof that could not begin.
fn unproven(target: &Path, why: String) -> RestoreProof {
    RestoreProof {
        source: Default::default(),
        backup: None,
        scratch: target.display().to_string(),
        steps: Vec::new(),
        restore_time: None,
        verify_time: Delta::ZERO,
        checks: Vec::new(),
        ledger: None,
        outcome: ProofOutcome::Inconclusive,
        why,
        leftovers: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rusqlite::Connection;
    use serde_json::json;

    use super::*;
    use crate::model::Offset;
    use crate::timeline::event::Fate;

    fn name() -> Name {
        "nightly proof".parse().unwrap()
    }

    fn backup(database: &Path, more: serde_json::Value) -> Backup {
        let mut value = json!({ "sqlite": { "database": database }, "checks": ["ledger", "integrity", "content"] });
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(value).unwrap()
    }

    fn database(folder: &Path) -> PathBuf {
        let path = folder.join("orders.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch("CREATE TABLE orders (id TEXT PRIMARY KEY); INSERT INTO orders VALUES ('1'), ('2')").unwrap();
        path
    }

    fn request<'a>(name: &'a Name, backup: &'a Backup, ledger: &'a [Entry], dir: &'a Path) -> ProofRequest<'a> {
        ProofRequest { name, backup, taken: None, ledger, dir, within: Duration::from_secs(60) }
    }

    #[tokio::test]
    async fn a_backup_is_taken_below_the_runs_folder_and_proven_there() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::start();
        let shape = Shape::new("http://app/orders/${id}", None, 1);
        let backups = HostBackups::new(clock, Some(shape.clone()));
        let (name, backup) = (name(), backup(&database(folder.path()), json!({})));
        let acked = |n| {
            let when = Offset::ZERO;
            Entry { n, intended: when, sent: when, fate: Fate::Acked { when } }
        };
        let ledger = [acked(0), acked(1)];
        let mark = backups.take(&name, &backup, folder.path()).await.unwrap();
        assert!(mark.bytes > 0 && mark.began <= mark.completed);
        assert!(folder.path().join("backups/nightly-proof.db.manifest.json").exists());
        let proof = backups.prove(request(&name, &backup, &ledger, folder.path())).await;
        assert_eq!(proof.outcome, ProofOutcome::Verified, "{}", proof.why);
        let ledger = proof.ledger.unwrap();
        assert_eq!((ledger.acked, ledger.lost, ledger.rpa), (2, 0, (Delta::ZERO, Some(Delta::ZERO))));
    }

    #[tokio::test]
    async fn a_backup_that_was_never_taken_is_inconclusive_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let backups = HostBackups::new(Clock::start(), None);
        let backup = backup(&folder.path().join("none.db"), json!({}));
        let error = backups.take(&name(), &backup, folder.path()).await.unwrap_err().to_string();
        assert!(error.contains("none.db"), "{error}");
        let proof = backups.prove(request(&name(), &backup, &[], folder.path())).await;
        assert_eq!(proof.outcome, ProofOutcome::Inconclusive);
        assert!(proof.why.contains("not taken"), "{}", proof.why);
    }

    #[tokio::test]
    async fn an_existing_backup_needs_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let backups = HostBackups::new(Clock::start(), None);
        let mut backup = backup(&database(folder.path()), json!({ "source": "existing", "checks": ["integrity"] }));
        let proof = backups.prove(request(&name(), &backup, &[], folder.path())).await;
        assert!(proof.why.contains("needs the `file`"), "{}", proof.why);
        // A plain file of unknown origin, with nothing beside it, is proven as far as it was asked for.
        let copy = folder.path().join("copy.db");
        std::fs::copy(folder.path().join("orders.db"), &copy).unwrap();
        backup.sqlite.as_mut().unwrap().file = Some(copy.display().to_string());
        let proof = backups.prove(request(&name(), &backup, &[], folder.path())).await;
        assert_eq!(proof.outcome, ProofOutcome::Verified, "{}", proof.why);
    }
}
