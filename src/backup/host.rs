//! The engine's view of backups, on the real providers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::proof::{LedgerOrder, ProofOrder};
use super::{Provider, Sqlite, Taken, prove, take};
use crate::clock::Clock;
use crate::model::Name;
use crate::scenario::Backup;
use crate::scenario::backup::{BackupSource, Provider as Asked};
use crate::timeline::ledger::{Reference, Shape};
use crate::timeline::restore::RestoreProof;
use crate::world::DriverError;
use crate::world::backups::{Backups, ProofRequest, Taken as Told};

/// Backups on real engines.
pub struct HostBackups {
    clock: Clock,
    /// The ledger's shape in this run, if it has one.
    shape: Option<Shape>,
    taken: Mutex<BTreeMap<Name, Taken>>,
}

impl HostBackups {
    /// Backups of one run.
    pub fn new(clock: Clock, shape: Option<Shape>) -> Self {
        HostBackups { clock, shape, taken: Mutex::default() }
    }
}

fn provider(backup: &Backup) -> Result<Arc<dyn Provider>, DriverError> {
    match backup.provider() {
        Ok(Asked::Sqlite(sqlite)) => {
            let mut provider = Sqlite::new(&sqlite.database);
            provider.ledger_table.clone_from(&sqlite.ledger_table);
            Ok(Arc::new(provider))
        }
        Err(e) => Err(DriverError::Refused(e.to_string())),
    }
}

/// Where a backup of this run lies.
fn file(name: &Name, dir: &Path) -> PathBuf {
    dir.join(format!("backup-{}.db", slug(name)))
}

fn slug(name: &Name) -> String {
    name.as_str().chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

#[async_trait]
impl Backups for HostBackups {
    async fn take(&self, name: &Name, backup: &Backup, dir: &Path) -> Result<Told, DriverError> {
        let taken = take(provider(backup)?, file(name, dir), self.shape.clone(), self.clock, backup.within.get())
            .await
            .map_err(|e| DriverError::Failed(format!("backup {name}: {e}")))?;
        let told = Told { began: taken.started, completed: taken.completed, bytes: taken.bytes };
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), taken);
        Ok(told)
    }

    async fn prove(&self, request: ProofRequest<'_>) -> RestoreProof {
        let ProofRequest { name, backup, ledger, dir, within, .. } = request;
        let provider = match provider(backup) {
            Ok(provider) => provider,
            Err(e) => return RestoreProof::not_begun(name.as_str(), &e.to_string()),
        };
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let existing = backup.sqlite.as_ref().and_then(|s| s.file.as_ref()).map(PathBuf::from);
        let file = match (backup.source, existing) {
            (BackupSource::Existing, Some(file)) => file,
            (BackupSource::Existing, None) => {
                return RestoreProof::not_begun(name.as_str(), "`source: existing` names no `file`");
            }
            (BackupSource::Take, _) if taken.is_none() => {
                return RestoreProof::not_begun(name.as_str(), "the backup was not taken");
            }
            (BackupSource::Take, _) => file(name, dir),
        };
        let ledger = match (&self.shape, &taken) {
            // The disaster is declared at the moment the backup was asked for: what was acknowledged before must be there.
            (Some(shape), Some(taken)) => Some(LedgerOrder {
                shape: shape.clone(),
                entries: ledger.to_vec(),
                disaster: Reference::exact(taken.started),
            }),
            _ => None,
        };
        let order = ProofOrder {
            file,
            taken,
            target: dir.join(format!("restored-{}.db", slug(name))),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rusqlite::Connection;
    use serde_json::json;

    use super::*;
    use crate::model::{Delta, Offset};
    use crate::timeline::event::Fate;
    use crate::timeline::ledger::Entry;
    use crate::timeline::restore::ProofOutcome;

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
        assert!(folder.path().join("backup-nightly_proof.db.manifest.json").exists());
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
        assert!(proof.why.contains("names no `file`"), "{}", proof.why);
        // A plain file of unknown origin, with nothing beside it, is proven as far as it was asked for.
        let copy = folder.path().join("copy.db");
        std::fs::copy(folder.path().join("orders.db"), &copy).unwrap();
        backup.sqlite.as_mut().unwrap().file = Some(copy.display().to_string());
        let proof = backups.prove(request(&name(), &backup, &[], folder.path())).await;
        assert_eq!(proof.outcome, ProofOutcome::Verified, "{}", proof.why);
    }
}
