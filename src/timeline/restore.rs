//! The record of one restore proof: what was restored, how long each step took, what was checked, what came out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Delta, Offset};

/// One restore proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestoreProof {
    /// What the backup was made from.
    pub source: ProofSource,
    /// The backup itself.
    pub backup: Option<ProofBackup>,
    /// Where it was restored to, proven not to be the source.
    pub scratch: String,
    /// How long each step took, in order.
    pub steps: Vec<ProofStep>,
    /// From the start of the restore to the first write on the copy; none: not reached.
    pub restore_time: Option<Delta>,
    /// Time spent on checks, apart.
    pub verify_time: Delta,
    /// The checks, in order of their layer.
    pub checks: Vec<ProofCheck>,
    /// The ledger on the copy, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<ProofLedger>,
    /// What came out.
    pub outcome: ProofOutcome,
    /// Why, in words.
    pub why: String,
    /// What the clean-up left behind; empty: nothing.
    pub leftovers: Vec<String>,
}

impl RestoreProof {
    /// The record of a proof that could not even begin: it could not be told whether the backup is good.
    pub fn not_begun(backup: &str, why: &str) -> RestoreProof {
        RestoreProof {
            source: ProofSource { identity: backup.into(), ..ProofSource::default() },
            backup: None,
            scratch: String::new(),
            steps: Vec::new(),
            restore_time: None,
            verify_time: Delta::ZERO,
            checks: Vec::new(),
            ledger: None,
            outcome: ProofOutcome::Inconclusive,
            why: why.into(),
            leftovers: Vec::new(),
        }
    }
}

/// What a backup was made from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ProofSource {
    /// `sqlite`, and later others.
    pub provider: String,
    /// Its identity: a path, a system identifier, a server's id.
    pub identity: String,
    /// The engine's version.
    pub version: String,
}

/// A backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProofBackup {
    /// Its id or file name.
    pub id: String,
    /// Logical, physical, snapshot, archive.
    pub method: String,
    /// Full, incremental, differential.
    pub kind: String,
    /// When it was asked for; none: it existed before the run.
    pub started: Option<Offset>,
    /// When it was complete.
    pub completed: Option<Offset>,
    /// The moment whose state it holds, with its earliest and latest reading.
    pub consistent_at: Option<(Offset, Offset)>,
    /// Where it lies.
    pub location: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, hex.
    pub digest: String,
}

/// A timed step: locate, fetch, decrypt, provision, restore, replay, ready, first read, first write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProofStep {
    /// Its name.
    pub name: String,
    /// How long it took.
    pub took: Delta,
    /// Whether it did what it should.
    pub ok: bool,
    /// What it said.
    pub detail: String,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProofCheck {
    /// Its name.
    pub name: String,
    /// Its layer.
    pub layer: Layer,
    /// Whether the proof needs it: one that did not run prevents `verified`.
    pub required: bool,
    /// What should have been.
    pub expected: String,
    /// What was.
    pub observed: String,
    /// How it came out.
    pub outcome: CheckOutcome,
    /// How long it took.
    pub took: Delta,
}

/// Layers of checks, from the outside in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// 0: it exists, is not too small, not too old, complete.
    Presence,
    /// 1: digest, header, magic bytes.
    Digest,
    /// 2: the engine's own full read.
    Structure,
    /// 3: the restore itself.
    Restore,
    /// 4: the engine's integrity checks on the copy.
    Integrity,
    /// 5: identity, relations, counts, fingerprints.
    Content,
    /// 6: queries, then a write.
    Use,
    /// 7: acknowledged writes.
    Ledger,
    /// 8: bases and logs without gaps.
    Chain,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// As it should be.
    Pass,
    /// It could not be told.
    Inconclusive,
    /// The backup is bad.
    Fail,
}

/// The ledger on the restored copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProofLedger {
    /// Writes acknowledged before the backup's disaster time.
    pub acked: u64,
    /// Of those, not on the copy.
    pub lost: u64,
    /// Unknown fate and on the copy.
    pub survived: u64,
    /// On the copy and never sent.
    pub surplus: u64,
    /// On the copy with other content.
    pub altered: u64,
    /// Data loss as time, least and most.
    pub rpa: (Delta, Option<Delta>),
}

/// What came out of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProofOutcome {
    /// The backup restores, and holds what it should.
    Verified,
    /// It could not be told.
    Inconclusive,
    /// The backup is bad.
    Failed,
}
