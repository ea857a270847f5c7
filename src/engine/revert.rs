//! Taking faults back: newest first, again and again until each is seen gone or the deadline has come.
//!
//! The engine, the watchdog and `recover` all undo through this one loop. It knows time only as `tokio::time`, so whole
//! recoveries run under a paused clock.

mod task;

use std::fmt;

use tokio::time::{Instant, sleep_until};

use crate::model::Name;
use crate::safety::{Armed, Journal, JournalError, Residue, Reverted, Undo, Whereabouts};
use crate::world::World;

use task::Task;

/// One undo that was not done by the deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// What it is about.
    pub subject: String,
    /// How a person does it.
    pub by_hand: String,
    /// Why it was not done here.
    pub why: String,
}

/// A fault that was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The fault.
    pub fault: Name,
    /// What each of its undos found, in the order of its undo records.
    pub reverted: Vec<Reverted>,
    /// Why the journal could not record it. It is undone, but stays residue and will be undone once more.
    pub unrecorded: Option<JournalError>,
}

/// What became of everything that was to be undone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remaining {
    /// Faults taken back, in the order in which they were.
    pub undone: Vec<Undone>,
    /// Faults that may still stand, newest first.
    pub standing: Vec<(Name, Vec<Leftover>)>,
}

/// An armed fault that could not be taken back in time. Dropping it leaves it in the journal.
#[derive(Debug)]
pub struct NotUndone {
    /// The fault, to be tried again.
    pub armed: Armed,
    /// What is left of it.
    pub leftovers: Vec<Leftover>,
}

impl Remaining {
    /// Whether nothing stands any more and the journal says so.
    pub fn is_clean(&self) -> bool {
        self.standing.is_empty() && self.undone.iter().all(|u| u.unrecorded.is_none())
    }

    /// One line for each thing that a person still has to look at.
    pub fn lines(&self) -> Vec<String> {
        let standing = self.standing.iter().flat_map(|(fault, left)| left.iter().map(move |l| format!("{fault}: {l}")));
        let unrecorded = self
            .undone
            .iter()
            .filter_map(|u| u.unrecorded.as_ref().map(|why| format!("{}: undone, but {why}", u.fault)));
        standing.chain(unrecorded).collect()
    }
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was not undone ({}); by hand: {}", self.subject, self.why, self.by_hand)
    }
}

/// Takes back the effects of one fault, the last undo record first, and observes that each is gone.
///
/// `in_flight`: the harmful call began and was not seen to return, so it may take effect late; `AlreadyBack` then
/// counts only when seen twice, as far apart as such a call can take. Every undo is tried at least once, even after
/// `deadline`.
///
/// # Errors
/// What was not undone by `deadline`.
pub async fn revert_one(
    world: &World,
    undo: &[Undo],
    in_flight: bool,
    deadline: Instant,
) -> Result<Vec<Reverted>, Vec<Leftover>> {
    let mut jobs = [Job::new(undo, in_flight, Whereabouts::Here)];
    drive(world, &mut jobs, deadline, |_| {}, |_, _| {}).await;
    let [job] = jobs;
    job.outcome().ok_or_else(|| job.leftovers())
}

/// Takes back an armed fault and disarms it in the journal. A journal that cannot record stops no undo.
///
/// # Errors
/// The fault itself when it was not undone by `deadline`.
pub async fn undo_armed(
    world: &World,
    journal: &Journal,
    mut armed: Armed,
    deadline: Instant,
) -> Result<Undone, NotUndone> {
    let in_flight = armed.as_residue().is_none_or(|r| r.in_flight);
    let unrecorded = armed.reverting().err();
    match revert_one(world, armed.undo(), in_flight, deadline).await {
        Err(leftovers) => Err(NotUndone { armed, leftovers }),
        Ok(reverted) => {
            let fault = armed.fault().clone();
            let unrecorded = journal.disarm(armed, reverted.clone()).err().or(unrecorded);
            Ok(Undone { fault, reverted, unrecorded })
        }
    }
}

/// Takes back everything in `residue`, which is newest first, and records each in `journal` as soon as it is done.
///
/// One round tries every fault, so that one that cannot be reached holds up no other; rounds follow with growing
/// pauses. Without a journal (it is damaged) the undo is done and not recorded.
pub async fn revert_all(world: &World, residue: &[Residue], journal: Option<&Journal>, deadline: Instant) -> Remaining {
    let mut jobs: Vec<_> = residue.iter().map(|r| Job::new(&r.undo, r.in_flight, r.whereabouts)).collect();
    let mut remaining = Remaining::default();
    let begin = |number: usize| {
        // What cannot be recorded is undone all the same; `disarm_residue` below meets the same error and reports it.
        journal.map(|j| j.reverting(residue[number].entry).ok());
    };
    let done = |number: usize, reverted: Vec<Reverted>| {
        let residue: &Residue = &residue[number];
        let unrecorded = journal.and_then(|j| j.disarm_residue(residue, reverted.clone()).err());
        remaining.undone.push(Undone { fault: residue.fault.clone(), reverted, unrecorded });
    };
    drive(world, &mut jobs, deadline, begin, done).await;
    let left = residue.iter().zip(&jobs).filter(|(_, job)| job.outcome().is_none());
    remaining.standing = left.map(|(r, job)| (r.fault.clone(), job.leftovers())).collect();
    remaining
}

/// The undos of one fault.
struct Job<'a> {
    tasks: Vec<Task<'a>>,
    reported: bool,
}

impl<'a> Job<'a> {
    fn new(undo: &'a [Undo], in_flight: bool, whereabouts: Whereabouts) -> Self {
        Job { tasks: undo.iter().map(|u| Task::new(u, in_flight, whereabouts)).collect(), reported: false }
    }

    fn outcome(&self) -> Option<Vec<Reverted>> {
        self.tasks.iter().map(|t| t.outcome).collect()
    }

    fn leftovers(&self) -> Vec<Leftover> {
        self.tasks.iter().rev().filter_map(Task::leftover).collect()
    }
}

async fn drive(
    world: &World,
    jobs: &mut [Job<'_>],
    deadline: Instant,
    mut begin: impl FnMut(usize),
    mut done: impl FnMut(usize, Vec<Reverted>),
) {
    let mut first = true;
    loop {
        for (number, job) in jobs.iter_mut().enumerate() {
            if first {
                begin(number);
            }
            for task in job.tasks.iter_mut().rev().filter(|t| t.is_due()) {
                task.attempt(world, deadline).await;
            }
            if let Some(reverted) = job.outcome().filter(|_| !job.reported) {
                job.reported = true;
                done(number, reverted);
            }
        }
        first = false;
        let next = jobs.iter().flat_map(|job| &job.tasks).filter_map(Task::next).min();
        match next {
            Some(next) if Instant::now() < deadline => sleep_until(next.min(deadline)).await,
            _ => return,
        }
    }
}

#[cfg(test)]
#[path = "revert/tests.rs"]
mod tests;
