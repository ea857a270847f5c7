//! The restore proofs of the rich run.

use std::collections::BTreeMap;

use super::{d, ms, name};
use crate::model::Name;
use crate::timeline::restore::*;

fn step(name: &str, millis: i64, detail: &str) -> ProofStep {
    ProofStep { name: name.into(), took: d(millis), ok: true, detail: detail.into() }
}

fn check(name: &str, layer: Layer, outcome: CheckOutcome, expected: &str, observed: &str) -> ProofCheck {
    let (expected, observed) = (expected.into(), observed.into());
    ProofCheck { name: name.into(), layer, required: true, expected, observed, outcome, took: d(12) }
}

pub(super) fn proofs() -> BTreeMap<Name, RestoreProof> {
    BTreeMap::from([(name("nightly"), nightly()), (name("weekly"), weekly())])
}

fn nightly() -> RestoreProof {
    use CheckOutcome::*;
    RestoreProof {
        source: ProofSource {
            provider: "sqlite".into(),
            identity: "orders.db (application id 0x73696d75)".into(),
            version: "3.50.2".into(),
        },
        backup: Some(ProofBackup {
            id: "nightly-20261103T042942Z.db".into(),
            method: "logical".into(),
            kind: "full".into(),
            started: Some(ms(43_000)),
            completed: Some(ms(43_812)),
            consistent_at: Some((ms(43_000), ms(43_812))),
            location: "backups/nightly-20261103T042942Z.db".into(),
            bytes: 18_448_384,
            digest: "e41a".repeat(16),
        }),
        scratch: "a scratch folder of this run, inode 912 of another file than the source".into(),
        steps: vec![
            step("locate", 2, "1 of 1"),
            step("fetch", 410, "17.6 MiB"),
            step("restore", 3_612, "pages copied"),
            step("first read", 61, "1,204 orders"),
            step("first write", 119, "row written and read back"),
        ],
        restore_time: Some(d(4_204)),
        verify_time: d(902),
        checks: vec![
            check("size", Layer::Presence, Pass, "at least 4 KiB", "17.6 MiB"),
            check("digest", Layer::Digest, Pass, "e41ae41ae41a…", "e41ae41ae41a…"),
            check("integrity_check", Layer::Integrity, Pass, "ok", "ok"),
            check("foreign_key_check", Layer::Integrity, Pass, "no rows", "no rows"),
            check("row counts", Layer::Content, Pass, "orders 2,341", "orders 2,341"),
            check(
                "content of orders",
                Layer::Content,
                Fail,
                "fingerprint 8f31c2d0",
                "fingerprint 1b77e9aa: 1 row differs, column note",
            ),
            ProofCheck {
                required: false,
                ..check("smoke query", Layer::Use, Inconclusive, "1 row", "not run: the content differs")
            },
        ],
        ledger: Some(ProofLedger {
            acked: 1_771,
            lost: 0,
            survived: 1,
            surplus: 0,
            altered: 0,
            rpa: (d(0), Some(d(21))),
        }),
        outcome: ProofOutcome::Failed,
        why: "the content of table orders differs: 1 row, column note, not covered by any index".into(),
        leftovers: vec!["scratch/orders-restore.db-wal could not be removed: permission denied".into()],
    }
}

fn weekly() -> RestoreProof {
    let mut failed = step("locate", 31, "no file matches weekly-*.db");
    failed.ok = false;
    RestoreProof {
        source: ProofSource { provider: "sqlite".into(), ..ProofSource::default() },
        backup: None,
        scratch: String::new(),
        steps: vec![failed],
        restore_time: None,
        verify_time: d(0),
        checks: vec![check(
            "exists",
            Layer::Presence,
            CheckOutcome::Inconclusive,
            "a backup no older than 7 d",
            "none found",
        )],
        ledger: None,
        outcome: ProofOutcome::Inconclusive,
        why: "there is no backup to restore".into(),
        leftovers: vec![],
    }
}
