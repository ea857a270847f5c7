//! How far each fault and each step is.

use crate::model::{Name, Offset};
use crate::scenario::Milestone;
use crate::timeline::event::{FaultMark, StepMark};

/// How far a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stage {
    /// Its moment has not come.
    #[default]
    Waiting,
    /// It is being prepared, armed and injected, or stands.
    On,
    /// It is being taken back.
    Ending,
    /// Nothing of it is left, or it never began, or its undo failed.
    Over,
}

/// One fault.
#[derive(Debug, Clone, Default)]
pub(super) struct FaultRun {
    pub(super) stage: Stage,
    pub(super) act: Option<Offset>,
    pub(super) injected: Option<Offset>,
    pub(super) undone: Option<Offset>,
    pub(super) recovered: Option<Offset>,
    /// Recovery is no longer waited for.
    pub(super) given_up: bool,
    pub(super) failed: bool,
    /// Where it stands among those that began: the newest is undone first.
    pub(super) order: usize,
}

impl FaultRun {
    pub(super) fn on(&mut self, mark: &FaultMark) {
        match mark {
            FaultMark::Act { when } => self.act = Some(*when),
            FaultMark::Injected { when, .. } => self.injected = Some(*when),
            FaultMark::Failed { .. } => self.failed = true,
            FaultMark::Undone { when, .. } => {
                self.undone = Some(*when);
                self.stage = Stage::Over;
            }
            FaultMark::Closed { .. } => self.stage = Stage::Over,
            FaultMark::UndoFailed { .. } | FaultMark::Skipped { .. } => {
                self.failed = true;
                self.stage = Stage::Over;
            }
            FaultMark::Armed { .. }
            | FaultMark::Touched { .. }
            | FaultMark::Lost { .. }
            | FaultMark::Undoing { .. } => {}
        }
    }

    pub(super) fn milestone(&self, milestone: Milestone, name: &Name) -> Result<Option<Offset>, String> {
        let reached = match milestone {
            Milestone::Injected => self.injected,
            Milestone::Undone => self.undone,
            Milestone::Recovered => self.recovered,
            Milestone::Done => self.undone.or(self.injected),
        };
        if reached.is_some() {
            return Ok(reached);
        }
        let never = match milestone {
            Milestone::Recovered => self.given_up || (self.stage == Stage::Over && self.act.is_none()),
            Milestone::Injected | Milestone::Undone | Milestone::Done => self.stage == Stage::Over,
        };
        let word = match milestone {
            Milestone::Injected => "injected",
            Milestone::Undone | Milestone::Done => "undone",
            Milestone::Recovered => "recovered from",
        };
        if never { Err(format!("fault {name} was never {word}")) } else { Ok(None) }
    }
}

/// One playbook step.
#[derive(Debug, Clone, Default)]
pub(super) struct StepRun {
    pub(super) began: bool,
    pub(super) done: Option<Offset>,
    pub(super) over: bool,
}

impl StepRun {
    pub(super) fn on(&mut self, mark: &StepMark) {
        match mark {
            StepMark::Began { .. } => self.began = true,
            StepMark::Done { when, .. } => {
                self.done = Some(*when);
                self.over = true;
            }
            StepMark::Failed { .. } | StepMark::Skipped { .. } => self.over = true,
        }
    }

    pub(super) fn done(&self, name: &Name) -> Result<Option<Offset>, String> {
        match self.done {
            Some(at) => Ok(Some(at)),
            None if self.over => Err(format!("step {name} was not done")),
            None => Ok(None),
        }
    }
}
