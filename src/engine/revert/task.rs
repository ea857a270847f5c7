//! One undo on its way: asked, observed, asked again.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, timeout};

use super::Leftover;
use crate::safety::{Home, Reverted, Standing, Undo, Whereabouts};
use crate::world::{DriverError, World};

/// Pause before the second attempt; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// What an attempt gets even when the deadline has come: an undo is always tried.
const LEAST: Duration = Duration::from_millis(500);

/// What may be done about an undo from where we stand.
enum Ground {
    /// Ask the driver. `absence_counts`: a target that is gone proves that the effect is.
    Ask { absence_counts: bool },
    /// Nothing has to be done.
    Settled(Reverted),
    /// Acting here would act on another world.
    Refused(&'static str),
}

fn ground(undo: &Undo, whereabouts: Whereabouts) -> Ground {
    match (whereabouts, undo.home()) {
        (Whereabouts::Here, _) => Ground::Ask { absence_counts: true },
        _ if undo.has_no_inverse() => Ground::Settled(Reverted::TargetGone),
        (_, Home::Anywhere) => Ground::Ask { absence_counts: false },
        // It ended with the boot that ran it; no pid of it means anything now.
        (Whereabouts::Rebooted, Home::Boot) => Ground::Settled(Reverted::TargetGone),
        (Whereabouts::Rebooted, Home::Machine) => Ground::Ask { absence_counts: false },
        (Whereabouts::OtherNamespace, _) => {
            Ground::Refused("the drill ran in another container: run `simulacro recover` inside it, or check by hand")
        }
        (Whereabouts::Elsewhere, _) => {
            Ground::Refused("the drill ran on another machine: run `simulacro recover` there, or check by hand")
        }
    }
}

/// One undo on its way.
pub(super) struct Task<'a> {
    undo: &'a Undo,
    in_flight: bool,
    absence_counts: bool,
    /// An answer was given that has to be given once more.
    seen: bool,
    next: Instant,
    pause: Duration,
    given_up: bool,
    why: String,
    /// What it found, once that is certain.
    pub(super) outcome: Option<Reverted>,
}

impl<'a> Task<'a> {
    pub(super) fn new(undo: &'a Undo, in_flight: bool, whereabouts: Whereabouts) -> Self {
        let mut task = Task {
            undo,
            in_flight,
            absence_counts: true,
            seen: false,
            next: Instant::now(),
            pause: FIRST_PAUSE,
            given_up: false,
            why: "not tried".into(),
            outcome: None,
        };
        match ground(undo, whereabouts) {
            Ground::Ask { absence_counts } => task.absence_counts = absence_counts,
            Ground::Settled(reverted) => task.outcome = Some(reverted),
            Ground::Refused(why) => (task.given_up, task.why) = (true, why.into()),
        }
        task
    }

    /// When to try again; none when that is no use or not needed.
    pub(super) fn next(&self) -> Option<Instant> {
        (self.outcome.is_none() && !self.given_up).then_some(self.next)
    }

    pub(super) fn is_due(&self) -> bool {
        self.next().is_some_and(|next| next <= Instant::now())
    }

    pub(super) fn leftover(&self) -> Option<Leftover> {
        self.outcome.is_none().then(|| Leftover {
            subject: self.undo.subject(),
            by_hand: self.undo.by_hand(),
            why: self.why.clone(),
        })
    }

    /// Asks the driver once. Whatever happens to it (an error, a panic, no answer), the other undos go on.
    pub(super) async fn attempt(&mut self, world: &World, deadline: Instant) {
        let limit = self.undo.longest().min(deadline.saturating_duration_since(Instant::now()).max(LEAST));
        match timeout(limit, AssertUnwindSafe(take_back(world, self.undo)).catch_unwind()).await {
            Ok(Ok(Ok(reverted))) => self.found(reverted),
            Ok(Ok(Err(Trouble::Driver(e)))) => {
                // Another thing stands at the target's place; asking again finds it again.
                self.given_up = matches!(e, DriverError::Identity(_));
                self.failed(e.to_string());
            }
            Ok(Ok(Err(Trouble::StillThere))) => self.failed("it was taken back and is still there".into()),
            Ok(Err(_)) => self.failed("its driver panicked, which is a bug in this program".into()),
            Err(_) => self.failed(format!("no answer within {limit:?}")),
        }
    }

    fn found(&mut self, reverted: Reverted) {
        if reverted == Reverted::TargetGone && !self.absence_counts {
            self.failed("its target is not there, which proves nothing after a reboot or on another machine".into());
        } else if self.in_flight && !self.seen && self.undo.may_be_overtaken(reverted) {
            self.seen = true;
            self.next = Instant::now() + self.undo.flight();
            self.why = "it was seen gone once, but the call that harms may still be on its way".into();
        } else {
            self.outcome = Some(reverted);
        }
    }

    fn failed(&mut self, why: String) {
        self.why = why;
        self.seen = false;
        self.next = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

enum Trouble {
    Driver(DriverError),
    StillThere,
}

impl From<DriverError> for Trouble {
    fn from(e: DriverError) -> Self {
        Trouble::Driver(e)
    }
}

/// Takes the effect back and looks whether it is gone: what a driver says it did is not proof.
async fn take_back(world: &World, undo: &Undo) -> Result<Reverted, Trouble> {
    let reverted = world.revert(undo).await?;
    if reverted == Reverted::TargetGone || undo.answer_is_proof() {
        return Ok(reverted);
    }
    match world.standing(undo).await? {
        Standing::Gone | Standing::Foreign => Ok(reverted),
        Standing::InForce { .. } => Err(Trouble::StillThere),
    }
}
