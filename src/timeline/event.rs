//! Events: everything that happens in a run, in one order, owned and serialisable. `events.jsonl` holds one a line.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::load_line::{Hello, WindowLine};
use super::restore::RestoreProof;
use crate::model::{Name, Offset, ProcessId, RunId};
use crate::scenario::phases::Phase;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the run's one order, from 0, without gaps.
    pub seq: u64,
    /// When the engine recorded it; never before the event with the number below.
    pub at: Offset,
    /// What happened.
    #[serde(flatten)]
    pub what: EventKind,
}

/// Something that reads events in their order.
pub trait EventSink: Send {
    /// Takes one event.
    ///
    /// # Errors
    /// When it cannot be kept. A recorder's error ends the drill, healed; a display's never does.
    fn emit(&mut self, event: &Event) -> std::io::Result<()>;
}

/// The kinds of events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The run began. Always the first event.
    Started {
        /// The run.
        run: RunId,
        /// The scenario.
        scenario: Name,
        /// Wall-clock time of offset 0, RFC 3339 in UTC; read once.
        utc: String,
        /// Where every random choice comes from.
        seed: u64,
    },
    /// A phase began; the one before ended.
    Phase {
        /// The phase.
        phase: Phase,
    },
    /// Something became of a service of the drill.
    Service {
        /// The service.
        service: Name,
        /// When its supervisor saw it.
        seen: Offset,
        /// What became of it.
        change: ServiceMark,
    },
    /// Something became of a fault.
    Fault {
        /// The fault.
        fault: Name,
        /// What became of it.
        mark: FaultMark,
    },
    /// A probe's look ended.
    Probe {
        /// The probe.
        probe: Name,
        /// Number of the look, from 0.
        n: u64,
        /// When it should have started; it is filed under this time.
        intended: Offset,
        /// When its answer, or its failure, was complete.
        done: Offset,
        /// What it saw.
        sight: Sight,
    },
    /// A load worker is ready to send.
    LoadReady {
        /// The stream.
        stream: Name,
        /// What it said of itself.
        hello: Hello,
        /// When its requests are meant to begin: stages count from here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Offset>,
    },
    /// A load worker reported part of a window.
    Load {
        /// The stream.
        stream: Name,
        /// What it counted.
        line: Box<WindowLine>,
    },
    /// A load worker ended as it should: everything it sent is reported.
    LoadEnd {
        /// The stream.
        stream: Name,
    },
    /// A load worker is lost: what it did since its last line is unknown.
    LoadLost {
        /// The stream.
        stream: Name,
        /// Why.
        why: String,
    },
    /// A search for the highest rate moved on.
    Search {
        /// The stream.
        stream: Name,
        /// What became of it.
        mark: SearchMark,
    },
    /// A ledger write's fate is known, or it could not be sent.
    Ledger {
        /// Number of the write, from 0.
        n: u64,
        /// When it should have been sent.
        intended: Offset,
        /// When it was sent.
        sent: Offset,
        /// What became of it.
        fate: Fate,
    },
    /// The ledger was read back, or could not be.
    LedgerRead {
        /// The node it came from.
        node: String,
        /// Present ids, or why there are none.
        outcome: LedgerReading,
    },
    /// Something became of a playbook step.
    Step {
        /// The step.
        step: Name,
        /// What became of it.
        mark: StepMark,
    },
    /// A backup was asked for or is complete.
    Backup {
        /// The backup.
        backup: Name,
        /// What became of it.
        mark: BackupMark,
    },
    /// A restore was proven, or was not.
    Restore {
        /// The backup.
        backup: Name,
        /// The whole record.
        proof: Box<RestoreProof>,
    },
    /// The recovery signal changed, as seen while the run was on.
    Signal {
        /// When it changed.
        since: Offset,
        /// What it is now.
        state: SignalState,
    },
    /// A steady-state condition was looked at, at the end of the baseline.
    SteadyState {
        /// The condition, as written.
        condition: String,
        /// Whether it held; none: it could not be seen.
        held: Option<bool>,
        /// What was measured, in words.
        measured: String,
    },
    /// A load's threshold changed, as seen while the load was on.
    Threshold {
        /// As written.
        threshold: String,
        /// Whether it holds over the load so far; none: it cannot be told.
        held: Option<bool>,
        /// What was measured, in words.
        measured: String,
    },
    /// A guard tripped: the drill is stopped and healed. Also a threshold with `abort_on_fail` of a load alone.
    Guard {
        /// The condition, as written.
        condition: String,
        /// Why, with the measured value.
        why: String,
    },
    /// The operator, or a signal, asked to stop.
    Cancel {
        /// Who or what asked.
        by: String,
        /// 1: heal and judge; 2: heal now.
        level: u8,
    },
    /// Something a reader of the run should know.
    Note {
        /// In words.
        text: String,
    },
    /// The run ended. Always the last event.
    End {
        /// Why.
        reason: EndReason,
        /// Undo that remains, in words, with what to do by hand. Empty: the world is as before.
        remaining: Vec<String>,
    },
}

/// What became of a fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mark", rename_all = "snake_case")]
pub enum FaultMark {
    /// `t_arm`: its undo record is synced to disk.
    Armed {
        /// When.
        when: Offset,
        /// What it is aimed at, in words.
        targets: Vec<String>,
    },
    /// `t_act`: the call that harms is issued.
    Act {
        /// When.
        when: Offset,
    },
    /// `t_inject`: it is observed in effect.
    Injected {
        /// When it was first observed.
        when: Offset,
        /// How many things it touched by then.
        touched: u64,
    },
    /// How much it touched, read again: while it holds, and for the last time just before the undo.
    Touched {
        /// How many things it has touched.
        touched: u64,
    },
    /// `t_lost`: its effect was found gone before the undo.
    Lost {
        /// When that was found.
        when: Offset,
        /// What was found instead.
        why: String,
    },
    /// The call that harms failed; it may or may not have had an effect. It is undone like any other.
    Failed {
        /// Why.
        why: String,
    },
    /// The undo began.
    Undoing {
        /// When.
        when: Offset,
    },
    /// `t_undo`: it is removed and its absence observed.
    Undone {
        /// When its absence was observed.
        when: Offset,
        /// What the undo found.
        found: String,
    },
    /// It was one act, such as a kill: nothing had to be taken back, and its record is closed. There is no `t_undo`.
    Closed {
        /// When.
        when: Offset,
    },
    /// It could not be undone within the deadline.
    UndoFailed {
        /// Why, and what to do by hand.
        why: String,
    },
    /// It never began.
    Skipped {
        /// Why.
        why: String,
    },
}

/// What became of a search for the highest rate at which its conditions hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mark", rename_all = "snake_case")]
pub enum SearchMark {
    /// A step was decided on; recorded before it begins, or at most a second later.
    Step {
        /// The rate asked for, per second.
        per_second: u32,
        /// Its start.
        from: Offset,
        /// Its end.
        to: Offset,
        /// Whether it is the long hold that confirms what was found.
        confirm: bool,
    },
    /// A step was looked at. One that never is was cut short by the end of the search.
    Judged {
        /// Its start.
        from: Offset,
        /// Whether every condition held; none: it could not be told.
        held: Option<bool>,
        /// What was measured, or why it could not be told.
        why: String,
    },
    /// The search is over.
    Over {
        /// Why.
        why: String,
    },
}

/// What became of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum ServiceMark {
    /// It was started.
    Started {
        /// As which process.
        process: ProcessId,
    },
    /// It answered its readiness check for the first time.
    Ready,
    /// It ended.
    Exited {
        /// How, in words.
        how: String,
    },
    /// It could not be started, or never got ready, or its supervisor is gone.
    Failed {
        /// Why.
        why: String,
    },
}

/// What a probe saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "sight", rename_all = "snake_case")]
pub enum Sight {
    /// As it should be.
    Good,
    /// Not as it should be, and that is the target's doing.
    Bad {
        /// What was wrong.
        why: String,
    },
    /// Our side could not look.
    Blind {
        /// Why.
        why: String,
    },
}

/// What became of a ledger write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum Fate {
    /// It was acknowledged.
    Acked {
        /// When the acknowledgement was complete.
        when: Offset,
    },
    /// It was refused: it is not there, and nobody was told it was.
    Refused {
        /// Why.
        why: String,
    },
    /// Timeout or broken connection: it may or may not be there.
    Unknown {
        /// Why.
        why: String,
    },
    /// It could not be sent for reasons on our side.
    NotSent {
        /// Why.
        why: String,
    },
}

/// What the final read of the ledger gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum LedgerReading {
    /// Two reads agreed.
    Read {
        /// Numbers of this run's writes that are present, each as often as it is there, ascending.
        present: Vec<u64>,
        /// Ids with this run's prefix that were never sent, at most 100 of them.
        unexpected: Vec<String>,
        /// Numbers whose content differs from what was sent.
        altered: Vec<u64>,
        /// How many reads it took.
        reads: u32,
    },
    /// It could not be read: everything that depends on it is inconclusive.
    Failed {
        /// Why.
        why: String,
    },
}

/// What became of a playbook step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mark", rename_all = "snake_case")]
pub enum StepMark {
    /// It began.
    Began {
        /// When.
        when: Offset,
    },
    /// It is done.
    Done {
        /// When.
        when: Offset,
        /// The answer, output or status.
        answer: String,
    },
    /// It failed, or ran into its limit.
    Failed {
        /// When.
        when: Offset,
        /// Why.
        why: String,
    },
    /// It never began.
    Skipped {
        /// Why.
        why: String,
    },
}

/// What became of a backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mark", rename_all = "snake_case")]
pub enum BackupMark {
    /// It was asked for.
    Began {
        /// When.
        when: Offset,
    },
    /// It is complete.
    Taken {
        /// When.
        when: Offset,
        /// Its size.
        bytes: u64,
    },
    /// It could not be taken.
    Failed {
        /// When.
        when: Offset,
        /// Why.
        why: String,
    },
}

/// What the recovery signal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalState {
    /// Good in every stream.
    Good,
    /// Bad in at least one stream.
    Bad,
    /// Not bad in any stream that can be seen, and at least one cannot be seen.
    Blind,
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum EndReason {
    /// It went through all its phases.
    Completed,
    /// Preflight refused, or a service never got ready: nothing was hurt.
    Refused {
        /// Why, and what to do.
        why: String,
    },
    /// The steady state did not hold: nothing was hurt.
    NotSteady,
    /// A guard stopped it, or a threshold of a load alone.
    Guard,
    /// The operator or a signal stopped it.
    Cancelled,
    /// It could not go on: a recorder failed, the watchdog died, an undo was incomplete.
    Failed {
        /// Why.
        why: String,
    },
}
