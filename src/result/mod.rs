//! The result of a run as reports need it: verdict, latency, ledger, restore proofs. Versioned; `result.json` is this.
//!
//! Reports are pure functions of [`RunResult`], so a field that a report needs stands here or nowhere.

pub mod latency;
pub mod load;
pub mod verdict;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Delta, Machine, Name, Offset, RunId};
use crate::scenario::fault::Impact;
use crate::scenario::phases::Phase;

pub use crate::scenario::plan::RetryOf;
pub use crate::timeline::restore::RestoreProof;
pub use latency::{Latency, LatencyTable, SpanKind, Window};
pub use load::{BudgetInfo, LoadInfo, Search, SearchStep, StageInfo};
pub use verdict::{Bounds, Objective, Outcome, Part, Verdict};

/// The version of this format. Readers refuse a higher one.
pub const VERSION: u32 = 1;

/// Everything that reports say about a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunResult {
    /// Version of this format.
    pub version: u32,
    /// Version of the program that wrote it.
    pub program: String,
    /// The run.
    pub run: RunInfo,
    /// How it ended.
    pub end: EndInfo,
    /// What was judged.
    pub verdict: Verdict,
    /// The phases, in order.
    pub phases: Vec<PhaseInfo>,
    /// The faults, in the order of the scenario.
    pub faults: Vec<FaultInfo>,
    /// The outages, in order of their impact.
    pub outages: Vec<OutageInfo>,
    /// Playbook steps, in the order of the scenario.
    pub steps: Vec<StepInfo>,
    /// Load streams and probes: what they are.
    pub streams: Vec<StreamInfo>,
    /// Latency by phase, by fault and in total, for each stream and request name.
    pub latency: LatencyTable,
    /// One row a second and stream: rate, errors, quantiles. For charts.
    pub windows: BTreeMap<Name, Vec<Window>>,
    /// The ledger, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerInfo>,
    /// Restore proofs by backup.
    pub restores: BTreeMap<Name, RestoreProof>,
    /// The error budget, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_budget: Option<BudgetInfo>,
    /// What only a load alone has; none: this was a drill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadInfo>,
    /// Things a reader should know.
    pub notes: Vec<Note>,
}

/// Which run it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunInfo {
    /// Its id.
    pub id: RunId,
    /// The scenario's name.
    pub scenario: Name,
    /// The scenario's title.
    pub title: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// How critical the drilled system is.
    pub criticality: Option<String>,
    /// Where the runbook stands.
    pub runbook: Option<String>,
    /// The scenario's tags.
    pub tags: Vec<String>,
    /// The scenario's file, as given.
    pub file: String,
    /// SHA-256 of the scenario with its variables and load profiles, hex: runs of one scenario have the same.
    pub digest: String,
    /// SHA-256 of the objectives it was first judged against, hex; differs from the verdict's when re-judged.
    pub objectives_digest: String,
    /// Wall-clock time of offset 0, RFC 3339 in UTC.
    pub started: String,
    /// How long the run took.
    pub took: Delta,
    /// Where every random choice came from.
    pub seed: u64,
    /// Whether the world was simulated.
    pub simulated: bool,
    /// Where it ran.
    pub environment: String,
    /// The machine it ran on.
    pub host: String,
    /// What kind of machine that is: what runs are compared by. Absent in results of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// The run that this one repeats, because it was inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<RetryOf>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EndInfo {
    /// Why.
    pub reason: crate::timeline::event::EndReason,
    /// Undo that remains, with what to do by hand; empty: the world is as before.
    pub remaining: Vec<String>,
    /// The exit code that says all this.
    pub exit_code: u8,
    /// In a sentence.
    pub summary: String,
}

/// One phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseInfo {
    /// The phase.
    pub phase: Phase,
    /// Its start.
    pub from: Offset,
    /// Its end.
    pub to: Offset,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultInfo {
    /// Its name.
    pub name: Name,
    /// Its kind.
    pub kind: String,
    /// What it is and does, in words: `process-kill app (SIGKILL)`.
    pub what: String,
    /// What it was aimed at, in words.
    pub targets: Vec<String>,
    /// What clients were expected to see.
    pub impact: Impact,
    /// Undo record on disk.
    pub t_arm: Option<Offset>,
    /// Harm issued.
    pub t_act: Option<Offset>,
    /// Seen in effect.
    pub t_inject: Option<Offset>,
    /// Effect found gone before undo.
    pub t_lost: Option<Offset>,
    /// Removed and seen to be absent.
    pub t_undo: Option<Offset>,
    /// How many things it touched; none: not known.
    pub touched: Option<u64>,
    /// What went wrong, or why it never began.
    pub problems: Vec<String>,
}

/// One outage as clients saw it, of one fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutageInfo {
    /// The fault that it is put down to.
    pub fault: Name,
    /// When it began, with bounds.
    pub impact: Bounds<Offset>,
    /// When it was good again for good, with bounds; none: not within the deadline.
    pub recovery: Option<Bounds<Offset>>,
    /// RTA from the impact, with bounds; without recovery only a lower bound is known.
    pub rta: Bounds<Delta>,
    /// From the act.
    pub rta_from_act: Option<Bounds<Delta>>,
    /// From the undo; negative: it recovered while the fault was still on.
    pub rta_after_undo: Option<Bounds<Delta>>,
    /// Total of bad windows.
    pub bad_time: Delta,
    /// How many bad stretches it had.
    pub stretches: u32,
    /// Total of blind windows inside.
    pub blind_time: Delta,
    /// Who ended it.
    pub recovered_by: Option<RecoveredBy>,
}

/// Who ended an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecoveredBy {
    /// The system itself.
    System,
    /// A playbook step.
    Playbook,
    /// The drill's own undo.
    Undo,
}

/// One playbook step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepInfo {
    /// Its name.
    pub name: Name,
    /// When it began.
    pub began: Option<Offset>,
    /// When it ended.
    pub ended: Option<Offset>,
    /// Whether it did what it should; none: it never began.
    pub ok: Option<bool>,
    /// The answer, or why not.
    pub answer: String,
}

/// What a stream of observations is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StreamInfo {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub kind: StreamKind,
    /// In words: `500 requests/s, open model`, `GET http://… every 20ms`.
    pub what: String,
    /// Whether the recovery signal listens to it.
    pub in_signal: bool,
    /// Asked rate per second, where there is one.
    pub asked_rate: Option<f64>,
    /// Rate achieved in the baseline.
    pub baseline_rate: Option<f64>,
    /// Requests started per second from the first to the last; of load only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Why part of it is missing, when it is.
    pub lost: Option<String>,
}

/// Kinds of streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamKind {
    /// A probe.
    Probe,
    /// Load at a rate of its own, whatever the target does.
    Open,
    /// Users that wait for each answer.
    Closed,
}

/// The ledger's account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerInfo {
    /// Writes that were sent.
    pub sent: u64,
    /// Acknowledged.
    pub acked: u64,
    /// Refused.
    pub refused: u64,
    /// Fate unknown.
    pub unknown: u64,
    /// Not sent for reasons on our side.
    pub not_sent: u64,
    /// Acknowledged, and not there at the end. None where the read failed, as for the fields below.
    pub lost: Option<u64>,
    /// First and last lost write, by acknowledgement.
    pub lost_between: Option<(Offset, Offset)>,
    /// Of those, acknowledged after the reference fault's act.
    pub late_losses: Option<u64>,
    /// Unknown and there.
    pub survived: Option<u64>,
    /// There more than once.
    pub duplicates: Option<u64>,
    /// There and never sent.
    pub unexpected: Option<u64>,
    /// There with other content.
    pub altered: Option<u64>,
    /// The node the final read came from.
    pub node: String,
    /// How many reads it took.
    pub reads: u32,
    /// Why it could not be read.
    pub failed: Option<String>,
    /// RPA by reference fault.
    pub rpa: BTreeMap<Name, Bounds<Delta>>,
}

/// A remark, with its place in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// When.
    pub at: Offset,
    /// What.
    pub text: String,
}
