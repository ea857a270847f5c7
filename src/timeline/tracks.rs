//! What became of each phase, fault, step, service and backup, and of the ledger: marks put together from events.

use super::event::{BackupMark, FaultMark, LedgerReading, ServiceMark, StepMark};
use crate::model::{Name, Offset};
use crate::scenario::phases::Phase;

/// A phase with its place in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseSpan {
    /// The phase.
    pub phase: Phase,
    /// Its start.
    pub from: Offset,
    /// Its end; none: it goes on.
    pub to: Option<Offset>,
}

/// What became of a fault.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultTrack {
    /// Its name.
    pub name: Name,
    /// Whether it is held, and so lifted by the drill; else it is one act.
    pub held: bool,
    /// What it was aimed at, in words.
    pub targets: Vec<String>,
    /// Undo record on disk.
    pub arm: Option<Offset>,
    /// Harm issued.
    pub act: Option<Offset>,
    /// Seen in effect.
    pub inject: Option<Offset>,
    /// Effect found gone before the undo, and what was found instead.
    pub lost: Option<(Offset, String)>,
    /// The undo began.
    pub undoing: Option<Offset>,
    /// Removed and seen to be absent.
    pub undone: Option<Offset>,
    /// What the undo found.
    pub found: Option<String>,
    /// It was one act, and its record is closed: nothing had to be taken back.
    pub closed: Option<Offset>,
    /// How many things it touched, by the newest reading.
    pub touched: Option<u64>,
    /// The call that harms failed, and why.
    pub failed: Option<String>,
    /// It could not be undone, and why.
    pub undo_failed: Option<String>,
    /// It never began, and why.
    pub skipped: Option<String>,
    /// When the time that is judged by its name ended: see [`FaultTrack::span`].
    pub span_end: Option<Offset>,
}

impl FaultTrack {
    /// A fault that has not begun.
    pub fn new(name: Name, held: bool) -> FaultTrack {
        FaultTrack {
            name,
            held,
            targets: Vec::new(),
            arm: None,
            act: None,
            inject: None,
            lost: None,
            undoing: None,
            undone: None,
            found: None,
            closed: None,
            touched: None,
            failed: None,
            undo_failed: None,
            skipped: None,
            span_end: None,
        }
    }

    pub(super) fn mark(&mut self, mark: &FaultMark) {
        match mark {
            FaultMark::Armed { when, targets } => {
                self.arm = Some(*when);
                self.targets.clone_from(targets);
            }
            FaultMark::Act { when } => self.act = Some(*when),
            FaultMark::Injected { when, touched } => {
                self.inject = self.inject.or(Some(*when));
                self.touched = Some(*touched);
            }
            FaultMark::Touched { touched } => self.touched = Some(*touched),
            FaultMark::Lost { when, why } => self.lost = self.lost.take().or(Some((*when, why.clone()))),
            FaultMark::Failed { why } => self.failed = Some(why.clone()),
            FaultMark::Undoing { when } => self.undoing = Some(*when),
            FaultMark::Undone { when, found } => {
                self.undone = Some(*when);
                self.found = Some(found.clone());
                if self.held {
                    self.span_end = self.span_end.or(Some(*when));
                }
            }
            FaultMark::Closed { when } => self.closed = Some(*when),
            FaultMark::UndoFailed { why } => self.undo_failed = Some(why.clone()),
            FaultMark::Skipped { why } => self.skipped = Some(why.clone()),
        }
    }

    /// The time that is judged by the fault's name: from `t_act` to `t_undo`. For a fault that is one act: to the end
    /// of its first outage, that is to the start of the first good stretch that held; when there was no outage within
    /// the hold time after it took effect, to the end of that hold time; without a recovery signal, to the end of the
    /// recovery.
    pub fn span(&self) -> Option<(Offset, Option<Offset>)> {
        self.act.map(|act| (act, self.span_end))
    }
}

/// What became of a playbook step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTrack {
    /// Its name.
    pub name: Name,
    /// When it began.
    pub began: Option<Offset>,
    /// When it ended.
    pub ended: Option<Offset>,
    /// Whether it did what it should.
    pub ok: Option<bool>,
    /// The answer, or why not.
    pub answer: String,
}

impl StepTrack {
    /// A step that has not begun.
    pub fn new(name: Name) -> StepTrack {
        StepTrack { name, began: None, ended: None, ok: None, answer: String::new() }
    }

    pub(super) fn mark(&mut self, mark: &StepMark) {
        match mark {
            StepMark::Began { when } => self.began = Some(*when),
            StepMark::Done { when, answer } => self.end(Some(*when), Some(true), answer),
            StepMark::Failed { when, why } => self.end(Some(*when), Some(false), why),
            StepMark::Skipped { why } => self.end(None, None, why),
        }
    }

    fn end(&mut self, when: Option<Offset>, ok: Option<bool>, answer: &str) {
        self.ended = when;
        self.ok = ok;
        self.answer = answer.to_owned();
    }
}

/// Something that became of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceSeen {
    /// The service.
    pub service: Name,
    /// When its supervisor saw it.
    pub seen: Offset,
    /// What became of it.
    pub change: ServiceMark,
}

/// What became of a backup.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BackupTrack {
    /// When it was asked for.
    pub began: Option<Offset>,
    /// When it was complete.
    pub taken: Option<Offset>,
    /// Its size.
    pub bytes: u64,
    /// Why it could not be taken.
    pub failed: Option<String>,
}

impl BackupTrack {
    pub(super) fn mark(&mut self, mark: &BackupMark) {
        match mark {
            BackupMark::Began { when } => self.began = Some(*when),
            BackupMark::Taken { when, bytes } => (self.taken, self.bytes) = (Some(*when), *bytes),
            BackupMark::Failed { why, .. } => self.failed = Some(why.clone()),
        }
    }
}

/// The final read of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerFinal {
    /// The node it came from.
    pub node: String,
    /// Present ids, or why there are none.
    pub reading: LedgerReading,
}

/// A steady-state condition as it was looked at by the drill.
#[derive(Debug, Clone, PartialEq)]
pub struct SteadyLook {
    /// When.
    pub at: Offset,
    /// The condition, as written.
    pub condition: String,
    /// Whether it held; none: it could not be seen.
    pub held: Option<bool>,
    /// What was measured, in words.
    pub measured: String,
}
