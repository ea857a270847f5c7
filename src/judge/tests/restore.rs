//! Restore proofs.

use super::*;
use crate::model::Delta;
use crate::timeline::event::{BackupMark, EventKind};
use crate::timeline::restore::*;
use Outcome::{Breach, Inconclusive, Pass};

const BACKUP: &str = "
name: nightly
backups: {nightly: {sqlite: {database: orders.db}}}
objectives: {restore: {nightly: {rto: 30s, rpo: 1s}}}
";

fn proof() -> RestoreProof {
    let check = ProofCheck {
        name: "integrity".into(),
        layer: Layer::Integrity,
        required: true,
        expected: "ok".into(),
        observed: "ok".into(),
        outcome: CheckOutcome::Pass,
        took: Delta::from_millis(5),
    };
    let lost = Delta::from_millis(100);
    RestoreProof {
        source: ProofSource::default(),
        backup: None,
        scratch: "copy.db".into(),
        steps: vec![],
        restore_time: Some(Delta::from_millis(2_000)),
        verify_time: Delta::ZERO,
        checks: vec![check],
        ledger: Some(ProofLedger { acked: 50, lost: 1, survived: 0, surplus: 0, altered: 0, rpa: (lost, Some(lost)) }),
        outcome: ProofOutcome::Verified,
        why: "every check passed".into(),
        leftovers: vec![],
    }
}

fn outcomes(change: impl FnOnce(&mut RestoreProof)) -> [Outcome; 3] {
    let mut proof = proof();
    change(&mut proof);
    let mut script = kill(&[]);
    script.at(14_500, EventKind::Restore { backup: name("nightly"), proof: Box::new(proof) });
    let verdict = judged(BACKUP, &script).2;
    ["nightly", "nightly restore time", "nightly data loss"].map(|s| part_on(&verdict, Objective::Restore, s).outcome)
}

#[test]
fn a_verified_backup_within_its_objectives_passes() {
    assert_eq!(outcomes(|_| ()), [Pass, Pass, Pass]);
    assert_eq!(outcomes(|p| p.restore_time = Some(Delta::from_millis(31_000))), [Pass, Breach, Pass]);
    let old = Delta::from_millis(2_000);
    assert_eq!(outcomes(|p| p.ledger.as_mut().unwrap().rpa = (old, Some(old))), [Pass, Pass, Breach]);
    assert_eq!(outcomes(|p| p.ledger.as_mut().unwrap().rpa.1 = None), [Pass, Pass, Inconclusive]);
}

#[test]
fn a_failed_proof_is_a_breach_and_an_unclear_one_is_inconclusive() {
    let failed = |p: &mut RestoreProof| (p.outcome, p.restore_time) = (ProofOutcome::Failed, None);
    assert_eq!(outcomes(failed)[..2], [Breach, Breach]);
    let unclear = |p: &mut RestoreProof| (p.outcome, p.restore_time) = (ProofOutcome::Inconclusive, None);
    assert_eq!(outcomes(unclear)[..2], [Inconclusive, Inconclusive]);
}

#[test]
fn a_required_check_that_did_not_pass_prevents_verified() {
    assert_eq!(outcomes(|p| p.checks[0].outcome = CheckOutcome::Inconclusive)[0], Inconclusive);
    assert_eq!(outcomes(|p| p.checks[0].outcome = CheckOutcome::Fail)[0], Breach);
    assert_eq!(outcomes(|p| p.checks.clear())[0], Inconclusive);
    assert_eq!(outcomes(|p| p.leftovers.push("copy.db".into()))[0], Inconclusive);
}

#[test]
fn a_backup_without_a_proof_does_not_pass() {
    assert_eq!(ruled(BACKUP, &kill(&[]), Objective::Restore, "nightly").0, Inconclusive);
    let mut script = kill(&[]);
    let mark = BackupMark::Failed { when: ms(1_000), why: "disk full".into() };
    script.at(1_000, EventKind::Backup { backup: name("nightly"), mark });
    let (outcome, why) = ruled(BACKUP, &script, Objective::Restore, "nightly");
    assert_eq!((outcome, why.as_str()), (Breach, "the backup could not be taken: disk full"));
    assert_eq!(outcomes(|p| p.ledger = None)[2], Inconclusive);
    assert_eq!(outcomes(|p| p.ledger.as_mut().unwrap().acked = 0)[2], Inconclusive);
}
