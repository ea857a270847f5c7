//! Good backups are verified, whatever the writers do meanwhile.

use super::fixture::*;
use crate::backup::{Manifest, checks};
use crate::model::Delta;
use crate::scenario::backup::BackupCheck;
use crate::timeline::restore::{CheckOutcome, Layer, ProofOutcome};

#[tokio::test]
async fn backups_taken_under_live_writes_are_verified_every_time() {
    let (live, mut entries) = Live::new("WAL", 400);
    let mut taken = Vec::new();
    let writers = live.writers(3);
    for round in 0..5 {
        writers.progress(20).await;
        taken.push(live.take(&format!("backup-{round}.db")).await.unwrap());
        // What comes after the backup is lost with the source.
        writers.progress(5).await;
    }
    entries.extend(writers.stop());
    for taken in taken {
        let proof = live.prove(live.order(taken.file.clone(), Some(taken.clone()), &entries)).await;
        assert_eq!(proof.outcome, ProofOutcome::Verified, "{}", proof.why);
        assert_eq!(taken.restarts, 0, "a pinned snapshot never starts over");

        let ledger = proof.ledger.unwrap();
        assert_eq!(ledger.acked, entries.len() as u64);
        let after = entries.iter().filter(|e| e.sent > taken.consistent_at.1).count() as u64;
        assert!(ledger.lost >= after && after >= 5, "{} lost, {after} written after the backup", ledger.lost);
        assert!(ledger.rpa.0 > Delta::ZERO && ledger.rpa.1 >= Some(ledger.rpa.0));
        assert_eq!((ledger.surplus, ledger.altered), (0, 0));

        let steps: Vec<_> = proof.steps.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(steps, ["locate", "provision", "restore", "ready", "first read", "first write"]);
        assert!(proof.restore_time.unwrap() > Delta::ZERO && proof.verify_time > Delta::ZERO);
        for layer in
            [Layer::Presence, Layer::Digest, Layer::Structure, Layer::Restore, Layer::Integrity, Layer::Content]
                .into_iter()
                .chain([Layer::Use, Layer::Ledger])
        {
            assert!(proof.checks.iter().any(|check| check.layer == layer), "{layer:?} was not looked at");
        }
        assert!(proof.leftovers.is_empty());
        assert_eq!(std::fs::read_dir(live.path("scratch")).unwrap().count(), 0, "the copy was left behind");
    }
}

#[tokio::test]
async fn without_a_write_ahead_log_a_backup_under_writes_is_verified_too() {
    let (mut live, mut entries) = Live::new("DELETE", 200);
    // The steps start over with each change: they must be able to overtake the writers.
    live.provider.pages_per_step = 10_000;
    let writers = live.writers(1);
    writers.progress(5).await;
    let taken = live.take("backup.db").await.unwrap();
    entries.extend(writers.stop());
    assert!(!Manifest::read(&taken.file).unwrap().unwrap().from_source);
    let proof = live.prove(live.order(taken.file.clone(), Some(taken), &entries)).await;
    assert_eq!(proof.outcome, ProofOutcome::Verified, "{}", proof.why);
}

#[tokio::test]
async fn nothing_lost_is_an_rpa_of_zero() {
    let (live, entries) = Live::new("WAL", 50);
    let taken = live.take("backup.db").await.unwrap();
    let proof = live.prove(live.order(taken.file.clone(), Some(taken), &entries)).await;
    let ledger = proof.ledger.unwrap();
    assert_eq!((ledger.lost, ledger.rpa), (0, (Delta::ZERO, Some(Delta::ZERO))));
}

#[tokio::test]
async fn the_manifest_comes_from_the_sources_own_snapshot_and_names_the_last_entry() {
    let (live, entries) = Live::new("WAL", 30);
    let taken = live.take("backup.db").await.unwrap();
    let manifest = Manifest::read(&taken.file).unwrap().unwrap();
    assert!(manifest.from_source);
    assert_eq!(manifest.last_ledger, Some(1_000 + 29));
    assert_eq!(manifest.facts.tables["orders"].rows, 31);
    assert_eq!(manifest.facts.tables["sqlite_sequence"].rows, 1);
    assert_eq!(manifest.facts.settings["application_id"], 4711);
    assert!(manifest.facts.objects.contains_key("index orders_by_customer"));
    assert!(entries.iter().all(|entry| acked(entry) < taken.consistent_at.0));
    assert!(taken.consistent_at.0 <= taken.consistent_at.1 && taken.consistent_at.1 <= taken.completed);
}

#[tokio::test]
async fn a_backup_of_an_earlier_run_is_verified_by_what_lies_beside_it() {
    let (live, _) = Live::new("WAL", 30);
    let file = live.take("backup.db").await.unwrap().file;
    let mut order = live.order(file, None, &[]);
    order.ledger = None;
    order.checks.retain(|check| *check != BackupCheck::Ledger);
    order.max_age = Some(crate::model::HumanDuration::from_secs(3600));
    let proof = live.prove(order).await;
    assert_eq!(proof.outcome, ProofOutcome::Verified, "{}", proof.why);
    assert_eq!(finding(&proof, "age"), CheckOutcome::Pass);
}

#[tokio::test]
async fn a_ledger_that_was_not_asked_for_is_reported_and_does_not_hold_the_outcome_back() {
    let (live, entries) = Live::new("WAL", 10);
    let taken = live.take("backup.db").await.unwrap();
    let mut order = live.order(taken.file.clone(), Some(taken), &entries);
    order.checks = vec![BackupCheck::Integrity];
    let proof = live.prove(order).await;
    assert_eq!((proof.outcome, proof.ledger.map(|ledger| ledger.acked)), (ProofOutcome::Verified, Some(10)));
}

#[test]
fn a_stale_backup_is_caught_in_layer_0() {
    let hour = Delta::from_millis(3_600_000);
    assert_eq!(checks::age(Some(Delta(2 * hour.nanos())), hour).outcome, CheckOutcome::Fail);
}
