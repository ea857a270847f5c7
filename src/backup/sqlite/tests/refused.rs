//! What must not be overwritten, and limits.

use std::time::Duration;

use super::fixture::*;
use crate::backup::{BackupError, files, take};
use crate::timeline::restore::{CheckOutcome, Layer, ProofOutcome, RestoreProof};
use std::sync::Arc;

fn refusal(proof: &RestoreProof) -> &str {
    assert_eq!(proof.outcome, ProofOutcome::Inconclusive, "{}", proof.why);
    let restore = proof.checks.iter().find(|check| check.layer == Layer::Restore).unwrap();
    assert_eq!(restore.outcome, CheckOutcome::Inconclusive);
    &restore.observed
}

#[tokio::test]
async fn the_source_is_never_a_target() {
    let (live, entries) = Live::new("WAL", 10);
    let taken = live.take("backup.db").await.unwrap();
    let link = live.path("link.db");
    std::os::unix::fs::symlink(&live.provider.database, &link).unwrap();
    for target in [live.provider.database.clone(), taken.file.clone(), link] {
        let before = std::fs::read(&live.provider.database).unwrap();
        let mut order = live.order(taken.file.clone(), Some(taken.clone()), &entries);
        order.target = target.clone();
        let proof = live.prove(order).await;
        assert!(refusal(&proof).contains("it is the source"), "{}", refusal(&proof));
        assert_eq!(std::fs::read(&live.provider.database).unwrap(), before, "the source was touched");
        assert!(target.exists(), "the source was removed");
    }
}

#[tokio::test]
async fn a_target_that_exists_is_left_as_it_is() {
    let (live, entries) = Live::new("WAL", 10);
    let taken = live.take("backup.db").await.unwrap();
    for (occupied, content) in
        [("there.db", "precious"), ("there.db", ""), ("there.db-wal", "log"), ("there.db.partial", "x")]
    {
        std::fs::write(live.path(occupied), content).unwrap();
        let mut order = live.order(taken.file.clone(), Some(taken.clone()), &entries);
        order.target = live.path("there.db");
        let proof = live.prove(order).await;
        assert!(refusal(&proof).contains("exists already"), "{}", refusal(&proof));
        assert_eq!(std::fs::read_to_string(live.path(occupied)).unwrap(), content);
        std::fs::remove_file(live.path(occupied)).unwrap();
    }
}

#[tokio::test]
async fn a_backup_never_overwrites_another() {
    let (live, _) = Live::new("WAL", 10);
    let first = live.take("backup.db").await.unwrap();
    let refused = live.take("backup.db").await.unwrap_err();
    assert!(matches!(refused, BackupError::NotFresh { .. }), "{refused}");
    assert!(files::sidecar(&first.file).exists(), "the refusal removed the first backup's digest");
    let onto_itself = live.take("orders.db").await.unwrap_err();
    assert!(onto_itself.to_string().contains("it is the source"), "{onto_itself}");
}

#[tokio::test]
async fn a_missing_database_is_an_error_with_its_path() {
    let (mut live, _) = Live::new("WAL", 1);
    live.provider.database = live.path("nowhere.db");
    let error = live.take("backup.db").await.unwrap_err().to_string();
    assert!(error.contains("nowhere.db"), "{error}");
}

#[tokio::test]
async fn a_backup_that_runs_out_of_time_leaves_nothing_behind() {
    let (mut live, _) = Live::new("WAL", 200);
    live.provider.pages_per_step = 1;
    live.provider.pause = Duration::from_millis(50);
    let limit = Duration::from_millis(100);
    let ended = take(Arc::new(live.provider.clone()), live.path("backup.db"), None, live.clock, limit).await;
    assert!(matches!(ended, Err(BackupError::TimedOut)), "{ended:?}");
    let left: Vec<_> = std::fs::read_dir(live.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("backup"))
        .collect();
    assert_eq!(left, [] as [&str; 0]);
}

#[tokio::test]
async fn a_proof_that_runs_out_of_time_is_inconclusive_and_leaves_nothing_behind() {
    let (live, entries) = Live::new("WAL", 50);
    let taken = live.take("backup.db").await.unwrap();
    let mut order = live.order(taken.file.clone(), Some(taken), &entries);
    order.smoke.as_mut().unwrap().query =
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r".into();
    order.within = Duration::from_secs(1);
    let proof = live.prove(order).await;
    assert_eq!((proof.outcome, finding(&proof, "smoke")), (ProofOutcome::Inconclusive, CheckOutcome::Inconclusive));
    assert!(proof.leftovers.is_empty());
    assert_eq!(std::fs::read_dir(live.path("scratch")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_copy_is_kept_when_that_is_asked_for() {
    let (live, entries) = Live::new("WAL", 5);
    let taken = live.take("backup.db").await.unwrap();
    let mut order = live.order(taken.file.clone(), Some(taken), &entries);
    order.keep = true;
    assert_eq!(live.prove(order).await.outcome, ProofOutcome::Verified);
    assert!(live.path("scratch/copy.db").exists());
}
