//! The life of one fault: prepare, arm, inject, watch, undo, disarm.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::inbox::{Inbox, Input};
use super::limits::Limits;
use super::revert::{revert_all, undo_armed};
use crate::fault::Fault as _;
use crate::model::{Name, Offset};
use crate::safety::{Armed, InjectError, Journal, Standing};
use crate::scenario::Fault;
use crate::scenario::plan::Plan;
use crate::timeline::event::{EventKind, FaultMark};
use crate::world::World;

/// Longest time to read the world before a fault.
pub(super) const PREPARE_WITHIN: Duration = Duration::from_secs(10);
/// Longest time for the call that harms, unless the kind has its own.
const INJECT_WITHIN: Duration = Duration::from_secs(60);
/// Longest time for the undo.
pub(super) const UNDO_WITHIN: Duration = Duration::from_secs(30);
/// Time between two looks until the effect is seen: part of the error of `t_inject`.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Time between two looks at a fault that holds.
const WATCH_EVERY: Duration = Duration::from_millis(250);

/// One fault on its way.
pub(super) struct FaultTask {
    pub(super) plan: Arc<Plan>,
    pub(super) index: usize,
    pub(super) world: World,
    pub(super) limits: Arc<Limits>,
    pub(super) journal: Journal,
    pub(super) inbox: Inbox,
    /// Ends the hold.
    pub(super) undo: CancellationToken,
}

impl FaultTask {
    fn fault(&self) -> &Fault {
        &self.plan.scenario.faults[self.index]
    }

    async fn tell(&self, mark: FaultMark) {
        let fault: Name = self.fault().name.clone();
        // The engine outlives its faults; when it is gone the watchdog has the journal.
        let _ = self.inbox.send(Input::Event(EventKind::Fault { fault, mark })).await;
    }

    fn now(&self) -> Offset {
        self.world.clock.now()
    }

    /// From the first look at the world to the last record in the journal.
    pub(super) async fn run(self) {
        match self.arm().await {
            Ok(armed) => {
                let (limits, index) = (self.limits.clone(), self.index);
                self.live(armed).await;
                limits.ended(index).await;
            }
            Err(why) => self.tell(FaultMark::Skipped { why }).await,
        }
    }

    async fn arm(&self) -> Result<Armed, String> {
        let plan = self.plan.clone();
        let fault = self.fault();
        let mut cleared = self.limits.clear(self.index).await?;
        if self.undo.is_cancelled() {
            return Err("the drill was cut short".into());
        }
        let undo = std::mem::take(&mut cleared.undo);
        let armed = self.journal.arm(&fault.name, undo, plan.scenario.guard.max_hold).map_err(|e| e.to_string())?;
        cleared.begins();
        let targets = armed.undo().iter().map(|u| u.subject()).collect();
        self.tell(FaultMark::Armed { when: self.now(), targets }).await;
        Ok(armed)
    }

    async fn live(self, mut armed: Armed) {
        if let Err(why) = self.inject(&mut armed).await {
            self.tell(FaultMark::Failed { why }).await;
        }
        self.watch(&armed).await;
        self.take_back(armed).await;
    }

    async fn inject(&self, armed: &mut Armed) -> Result<(), String> {
        let undo = armed.undo().to_vec();
        let injected = armed
            .inject(async |licence| {
                let inject = self.fault().spec.inject(&self.world, &undo, licence);
                self.tell(FaultMark::Act { when: self.now() }).await;
                match tokio::time::timeout(INJECT_WITHIN, inject).await {
                    Ok(done) => done.map_err(|e| e.to_string()),
                    Err(_) => Err(format!("the call that harms did not end within {INJECT_WITHIN:?}")),
                }
            })
            .await;
        injected.map_err(|e: InjectError<String>| e.to_string())
    }

    /// Looks at the effect until the hold ends: sees it come, counts what it touches, notices when it is lost.
    async fn watch(&self, armed: &Armed) {
        let held = self.fault().spec.is_held();
        let (mut seen, mut lost, mut told) = (false, false, 0);
        loop {
            let (standing, touched) = self.look(armed).await;
            if touched > told {
                told = touched;
                match seen {
                    false => self.tell(FaultMark::Injected { when: self.now(), touched }).await,
                    true => self.tell(FaultMark::Touched { touched }).await,
                }
                seen = true;
            }
            if let (true, false, Err(why)) = (seen && held, lost, standing) {
                lost = true;
                self.tell(FaultMark::Lost { when: self.now(), why }).await;
            }
            let pause = if seen { WATCH_EVERY } else { LOOK_EVERY };
            tokio::select! {
                biased;
                () = self.undo.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        if let (_, touched @ 1..) = self.look(armed).await {
            match seen {
                false => self.tell(FaultMark::Injected { when: self.now(), touched }).await,
                true if touched > told => self.tell(FaultMark::Touched { touched }).await,
                true => {}
            }
        }
    }

    /// Whether every effect stands, and how many things they touch; `Err` says what stands instead.
    async fn look(&self, armed: &Armed) -> (Result<(), String>, u64) {
        let (mut all, mut sum) = (Ok(()), 0);
        let mut untouched = false;
        for undo in armed.undo() {
            match self.world.standing(undo).await {
                Ok(Standing::InForce { touched }) => {
                    sum += touched;
                    untouched |= touched == 0;
                }
                Ok(Standing::Gone) => {
                    all = Err(format!("the effect on {} was gone before the undo", undo.subject()));
                }
                Ok(Standing::Foreign) => all = Err(format!("something else stands in place of {}", undo.subject())),
                // Not seen is not gone: a look that failed neither loses an effect nor finds one.
                Err(_) => untouched = true,
            }
        }
        if untouched || all.is_err() { (all, 0) } else { (all, sum) }
    }

    async fn take_back(&self, armed: Armed) {
        let held = self.fault().spec.is_held();
        if held {
            self.tell(FaultMark::Undoing { when: self.now() }).await;
        }
        match undo_armed(&self.world, &self.journal, armed, Instant::now() + UNDO_WITHIN).await {
            Ok(undone) => {
                let when = self.now();
                let found = undone.reverted.iter().map(|r| format!("{r:?}")).collect::<Vec<_>>().join(", ");
                match held {
                    true => self.tell(FaultMark::Undone { when, found }).await,
                    false => self.tell(FaultMark::Closed { when }).await,
                }
                if let Some(e) = undone.unrecorded {
                    let text = format!("{} is undone, but the journal could not say so: {e}", undone.fault);
                    let _ = self.inbox.send(Input::Event(EventKind::Note { text })).await;
                }
            }
            Err(left) => {
                let why = left.leftovers.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                self.tell(FaultMark::UndoFailed { why }).await;
            }
        }
    }
}

/// Undoes a fault whose own task is gone, from the journal alone, and tells how that went.
pub(super) async fn undo_from_journal(plan: Arc<Plan>, index: usize, world: World, journal: Journal, inbox: Inbox) {
    let fault = plan.scenario.faults[index].name.clone();
    let open: Vec<_> = journal.residue().into_iter().filter(|entry| entry.fault == fault).collect();
    let remaining = revert_all(&world, &open, Some(&journal), Instant::now() + UNDO_WITHIN).await;
    let when = world.clock.now();
    let mark = match remaining.is_clean() {
        true => FaultMark::Undone { when, found: "undone from the journal".into() },
        false => FaultMark::UndoFailed { why: remaining.lines().join("; ") },
    };
    let _ = inbox.send(Input::Event(EventKind::Fault { fault, mark })).await;
}
