//! Every sabotage names the layer that must catch it, changes bytes that are really used, and has a good backup beside
//! it that is verified.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::fixture::*;
use crate::backup::{Leash, Manifest, checks, files};
use crate::scenario::backup::BackupCheck;
use crate::timeline::restore::{CheckOutcome, Layer, ProofOutcome, RestoreProof};

/// Whether the digest beside the file is made right after the damage.
#[derive(PartialEq)]
enum Seal {
    Broken,
    Renewed,
}

/// Proves a good backup, damages a copy of it, asserts that the damage changed the file, and proves that.
async fn sabotage(seal: Seal, damage: impl FnOnce(&Path, &Live)) -> (RestoreProof, PathBuf, Live) {
    let (live, entries) = Live::new("WAL", 300);
    let taken = live.take("backup.db").await.unwrap();
    let control = live.prove(live.order(taken.file.clone(), Some(taken.clone()), &entries)).await;
    assert_eq!(control.outcome, ProofOutcome::Verified, "the positive control: {}", control.why);

    let damaged = live.path("damaged.db");
    std::fs::copy(&taken.file, &damaged).unwrap();
    std::fs::copy(Manifest::path(&taken.file), Manifest::path(&damaged)).unwrap();
    reseal(&damaged);
    damage(&damaged, &live);
    assert_ne!(std::fs::read(&taken.file).unwrap(), std::fs::read(&damaged).unwrap(), "nothing was changed");
    if seal == Seal::Renewed {
        reseal(&damaged);
    }
    let proof = live.prove(live.order(damaged.clone(), Some(taken), &entries)).await;
    assert_eq!(proof.outcome, ProofOutcome::Failed, "{}", proof.why);
    assert_eq!(proof.leftovers, [] as [&str; 0]);
    (proof, damaged, live)
}

/// Changes the damaged database through the engine.
fn change(file: &Path, statements: &str) {
    let db = Connection::open(file).unwrap();
    db.pragma_update(None, "foreign_keys", false).unwrap();
    db.execute_batch(statements).unwrap();
}

fn integrity_check(file: &Path) -> String {
    Connection::open(file).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}

fn note(file: &Path, id: &str) -> String {
    Connection::open(file).unwrap().query_row("SELECT note FROM orders WHERE id = ?1", [id], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn an_empty_file_is_caught_by_presence_though_the_engine_says_ok() {
    let (proof, file, _live) = sabotage(Seal::Renewed, |file, _| std::fs::write(file, []).unwrap()).await;
    assert_eq!(caught_by(&proof), Some((Layer::Presence, "size")));
    assert_eq!(integrity_check(&file), "ok");
    assert_eq!(finding(&proof, "content"), CheckOutcome::Inconclusive);
    assert_eq!(proof.restore_time, None);
}

#[tokio::test]
async fn a_missing_file_is_caught_by_presence() {
    let (live, entries) = Live::new("WAL", 3);
    let proof = live.prove(live.order(live.path("nowhere.db"), None, &entries)).await;
    assert_eq!((proof.outcome, caught_by(&proof)), (ProofOutcome::Failed, Some((Layer::Presence, "presence"))));
}

#[tokio::test]
async fn a_log_beside_the_file_is_caught_by_presence() {
    let (live, entries) = Live::new("WAL", 3);
    let proof = live.prove(live.order(live.provider.database.clone(), None, &entries)).await;
    assert_eq!(caught_by(&proof), Some((Layer::Presence, "one file")), "{}", proof.why);
}

/// Flips one bit of a note, which no index covers. A page that was split leaves an unused copy of its rows behind, so
/// the engine is asked whether the changed byte is the one in use.
fn flip(file: &Path) {
    let good = std::fs::read(file).unwrap();
    let marker = b"marker of note 1017";
    for at in (0..good.len() - marker.len()).filter(|at| good[*at..].starts_with(marker)) {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        std::fs::write(file, bytes).unwrap();
        if note(file, "ledger-1017") == "larker of note 1017" {
            return;
        }
    }
    panic!("the note is nowhere in use");
}

#[tokio::test]
async fn a_flipped_byte_in_an_unindexed_column_is_caught_by_content_though_the_engine_says_ok() {
    let (proof, file, _live) = sabotage(Seal::Renewed, |file, _| flip(file)).await;
    assert_eq!(note(&file, "ledger-1017"), "larker of note 1017", "the changed byte is not in use");
    assert_eq!(integrity_check(&file), "ok");
    assert_eq!(finding(&proof, "integrity"), CheckOutcome::Pass);
    assert_eq!(finding(&proof, "row-counts"), CheckOutcome::Pass);
    assert_eq!(caught_by(&proof), Some((Layer::Content, "content")));
}

#[tokio::test]
async fn a_flipped_byte_is_caught_by_the_digest_that_was_kept() {
    let (proof, _, _) = sabotage(Seal::Broken, |file, _| flip(file)).await;
    assert_eq!(caught_by(&proof), Some((Layer::Digest, "digest")));
}

#[tokio::test]
async fn a_wrong_digest_is_caught_by_the_digest() {
    let (live, entries) = Live::new("WAL", 10);
    let taken = live.take("backup.db").await.unwrap();
    let before = std::fs::read(files::sidecar(&taken.file)).unwrap();
    files::write_sidecar(&taken.file, &"0".repeat(64)).unwrap();
    assert_ne!(before, std::fs::read(files::sidecar(&taken.file)).unwrap());
    let proof = live.prove(live.order(taken.file.clone(), Some(taken), &entries)).await;
    assert_eq!((proof.outcome, caught_by(&proof)), (ProofOutcome::Failed, Some((Layer::Digest, "digest"))));
}

/// Copies the live database file without its log, as a careless script would.
fn plain_copy(file: &Path, live: &Live) {
    // Enough of the schema is in the file for the engine to be content; the newest rows are in the log only.
    std::fs::copy(&live.provider.database, file).unwrap();
}

#[tokio::test]
async fn a_plain_copy_of_a_live_database_is_caught_by_counts_and_ledger_though_the_engine_says_ok() {
    let (live, mut entries) = Live::new("WAL", 40);
    live.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA wal_autocheckpoint = 0").unwrap();
    let writers = live.writers(1);
    writers.progress(30).await;
    entries.extend(writers.stop());
    let log = files::beside(&live.provider.database, "-wal").metadata().unwrap().len();
    assert!(log > 0, "nothing is in the log only");
    let taken = live.take("backup.db").await.unwrap();
    let control = live.prove(live.order(taken.file.clone(), Some(taken.clone()), &entries)).await;
    assert_eq!(control.outcome, ProofOutcome::Verified, "the positive control: {}", control.why);

    let careless = live.path("careless.db");
    plain_copy(&careless, &live);
    std::fs::copy(Manifest::path(&taken.file), Manifest::path(&careless)).unwrap();
    reseal(&careless);
    assert_eq!(integrity_check(&careless), "ok");
    let proof = live.prove(live.order(careless.clone(), Some(taken.clone()), &entries)).await;
    assert_eq!((proof.outcome, caught_by(&proof)), (ProofOutcome::Failed, Some((Layer::Content, "row-counts"))));
    assert_eq!(finding(&proof, "integrity"), CheckOutcome::Pass);
    assert_eq!(finding(&proof, "ledger"), CheckOutcome::Fail);

    // Without a manifest the ledger alone finds it.
    let mut order = live.order(careless, Some(taken), &entries);
    order.checks = vec![BackupCheck::Ledger, BackupCheck::Integrity];
    let proof = live.prove(order).await;
    assert_eq!((proof.outcome, caught_by(&proof)), (ProofOutcome::Failed, Some((Layer::Ledger, "ledger"))));
}

#[tokio::test]
async fn an_emptied_table_is_caught_by_the_counts() {
    let (proof, file, _live) = sabotage(Seal::Renewed, |file, _| change(file, "DELETE FROM payments")).await;
    assert_eq!(integrity_check(&file), "ok");
    assert_eq!(caught_by(&proof), Some((Layer::Content, "row-counts")));
}

#[tokio::test]
async fn a_missing_table_is_caught_by_the_schema() {
    let (proof, _, _) = sabotage(Seal::Renewed, |file, _| change(file, "DROP TABLE payments")).await;
    assert_eq!(caught_by(&proof), Some((Layer::Content, "schema")));
}

#[tokio::test]
async fn a_missing_index_is_caught_by_the_schema() {
    let (proof, _, _) = sabotage(Seal::Renewed, |file, _| change(file, "DROP INDEX orders_by_customer")).await;
    assert_eq!(caught_by(&proof), Some((Layer::Content, "schema")));
    assert_eq!(finding(&proof, "content"), CheckOutcome::Pass);
}

#[tokio::test]
async fn a_dangling_foreign_key_is_caught_by_integrity() {
    let (proof, _, _) =
        sabotage(Seal::Renewed, |file, _| change(file, "UPDATE orders SET customer = 99 WHERE n = 1005")).await;
    assert_eq!(caught_by(&proof), Some((Layer::Integrity, "foreign-keys")));
}

#[tokio::test]
async fn a_truncated_file_is_caught_by_the_digest_and_under_a_new_digest_by_the_structure() {
    let cut = |file: &Path, _: &Live| {
        let bytes = std::fs::read(file).unwrap();
        std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
    };
    let (proof, _, _) = sabotage(Seal::Broken, cut).await;
    assert_eq!(caught_by(&proof), Some((Layer::Digest, "digest")));
    let (proof, _, _) = sabotage(Seal::Renewed, cut).await;
    assert_eq!(caught_by(&proof), Some((Layer::Structure, "pages")));
}

#[tokio::test]
async fn a_destroyed_page_is_caught_by_the_structure() {
    let (proof, _, _) = sabotage(Seal::Renewed, |file, _| {
        let root: u64 = Connection::open(file)
            .unwrap()
            .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'orders'", [], |row| {
                row.get(0).map(|p: i64| p as u64)
            })
            .unwrap();
        let mut bytes = std::fs::read(file).unwrap();
        let at = (root as usize - 1) * 4096;
        bytes[at..at + 4096].fill(0);
        std::fs::write(file, bytes).unwrap();
    })
    .await;
    assert_eq!(caught_by(&proof), Some((Layer::Structure, "structure")));
}

#[tokio::test]
async fn ciphertext_is_caught_by_the_magic_bytes() {
    let (proof, _, _) = sabotage(Seal::Renewed, |file, _| {
        let scrambled: Vec<u8> = std::fs::read(file).unwrap().into_iter().map(|byte| byte ^ 0x5a).collect();
        std::fs::write(file, scrambled).unwrap();
    })
    .await;
    assert_eq!(caught_by(&proof), Some((Layer::Digest, "magic")));
}

#[tokio::test]
async fn a_backup_of_another_database_with_the_same_schema_is_caught_by_content() {
    let (proof, _, _) = sabotage(Seal::Renewed, |file, _| {
        change(file, "UPDATE customers SET name = name || ' of another shop'; VACUUM");
    })
    .await;
    assert_eq!(caught_by(&proof), Some((Layer::Content, "content")));
    assert_eq!(finding(&proof, "smoke"), CheckOutcome::Fail);
}

#[tokio::test]
async fn an_altered_ledger_entry_is_caught_by_the_ledger_even_without_a_manifest() {
    let (live, entries) = Live::new("WAL", 30);
    let taken = live.take("backup.db").await.unwrap();
    change(&taken.file, "UPDATE orders SET n = 5 WHERE id = 'ledger-1005'");
    reseal(&taken.file);
    let mut order = live.order(taken.file.clone(), Some(taken), &entries);
    order.checks = vec![BackupCheck::Ledger];
    let proof = live.prove(order).await;
    assert_eq!((proof.outcome, caught_by(&proof)), (ProofOutcome::Failed, Some((Layer::Ledger, "ledger"))));
    assert_eq!(proof.ledger.unwrap().altered, 1);
}

#[tokio::test]
async fn without_a_manifest_the_content_is_inconclusive_and_never_passes() {
    let (live, entries) = Live::new("WAL", 10);
    let taken = live.take("backup.db").await.unwrap();
    std::fs::remove_file(Manifest::path(&taken.file)).unwrap();
    let proof = live.prove(live.order(taken.file.clone(), Some(taken), &entries)).await;
    assert_eq!(proof.outcome, ProofOutcome::Inconclusive, "{}", proof.why);
    assert_eq!(finding(&proof, "content"), CheckOutcome::Inconclusive);
    assert_eq!(finding(&proof, "ledger"), CheckOutcome::Pass);
}

#[tokio::test]
async fn without_a_digest_a_backup_of_ours_is_inconclusive() {
    let (live, entries) = Live::new("WAL", 10);
    let taken = live.take("backup.db").await.unwrap();
    std::fs::remove_file(files::sidecar(&taken.file)).unwrap();
    let proof = live.prove(live.order(taken.file.clone(), Some(taken), &entries)).await;
    assert_eq!(proof.outcome, ProofOutcome::Inconclusive, "{}", proof.why);
}

#[test]
fn a_manifest_that_does_not_fit_is_no_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    assert_eq!(Manifest::read(&file), Ok(None));
    std::fs::write(Manifest::path(&file), "{}").unwrap();
    assert!(Manifest::read(&file).unwrap_err().contains("is not a backup's manifest"));
    std::fs::write(files::sidecar(&file), "nonsense").unwrap();
    let kept = files::read_sidecar(&file);
    let finding = checks::digest(kept.as_ref().map(Option::as_deref).map_err(String::as_str), "ab");
    assert_eq!(finding.outcome, CheckOutcome::Fail);
    std::fs::write(&file, "abc").unwrap();
    // The known SHA-256 of "abc" (FIPS 180-2, B.1).
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(files::digest(&file, &Leash::default()).unwrap(), known);
}
