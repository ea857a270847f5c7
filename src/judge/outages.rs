//! Outages as clients saw them, and which fault each is put down to.
//!
//! A stretch of windows that are not good is put down to the fault that acted last before it among those in force. A
//! fault is in force from its act until it is undone (where it is held) and the signal has been good for the hold time
//! since. When none is in force, the service has fallen again, and the fault that acted last has not been recovered
//! from. Stretches that began before every act are nobody's.
//!
//! Per fault, everything from its first impact to its last recovery is one outage. A recovery counts when the signal
//! then stays good for the hold time; where another fault strikes before that, the recovery is only known to lie before
//! the recovery from that one. An outage during which another held fault is lifted counts as recovered by undo: nobody
//! can tell.

use crate::model::{Delta, Offset};
use crate::result::{Bounds, RecoveredBy};
use crate::scenario::plan::Plan;
use crate::timeline::event::SignalState;
use crate::timeline::load::WINDOW;
use crate::timeline::signal::{Edge, Signal, Stretch};
use crate::timeline::{FaultTrack, Timeline};

/// What blind windows are taken for. A verdict that both readings give is one that blind windows cannot change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlindAs {
    /// The best case.
    Good,
    /// The worst case.
    Bad,
}

/// The outage of one fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Outage {
    /// Number of the fault in the scenario.
    pub fault: usize,
    /// When it began.
    pub impact: Edge,
    /// When it was over; none: the signal never stayed good for the hold time.
    pub recovery: Option<Edge>,
    /// The end of what was looked at.
    pub seen_to: Offset,
    /// Whether it was not over by the deadline, although that was looked at.
    pub censored: bool,
    /// Total of bad windows, no longer than the outage.
    pub bad_time: Delta,
    /// Total of blind windows inside.
    pub blind_time: Delta,
    /// How many bad stretches it had.
    pub stretches: u32,
    /// Who ended it; none: nobody.
    pub recovered_by: Option<RecoveredBy>,
}

/// A stretch that is not good, with its bounds.
#[derive(Debug, Clone, Copy)]
struct Down {
    from: Offset,
    to: Offset,
    impact: Edge,
    recovery: Edge,
}

impl Outage {
    /// Recovery time from the impact: [last bad - first bad, first good - last good before].
    pub fn rta(&self, deadline: Delta) -> Bounds<Delta> {
        self.since(Edge { ..self.impact }, deadline)
    }

    /// Recovery time from one moment.
    pub fn since_moment(&self, at: Offset, deadline: Delta) -> Bounds<Delta> {
        self.since(Edge { lower: at, value: at, upper: at }, deadline)
    }

    fn since(&self, start: Edge, deadline: Delta) -> Bounds<Delta> {
        match self.recovery.filter(|_| !self.censored) {
            Some(end) => Bounds {
                value: end.value.since(start.value),
                lower: end.lower.since(start.upper),
                upper: Some(end.upper.since(start.lower)),
            },
            None => {
                let seen = self.recovery.map_or(self.seen_to, |end| end.lower).since(start.upper);
                let lower = if self.censored { deadline } else { seen };
                Bounds { value: lower, lower, upper: None }
            }
        }
        .not_negative_from(start)
    }
}

/// A recovery time from an impact is at least zero: the last bad observation may start before the first one ends.
trait NotNegative {
    fn not_negative_from(self, start: Edge) -> Self;
}

impl NotNegative for Bounds<Delta> {
    fn not_negative_from(self, start: Edge) -> Self {
        if start.lower == start.upper {
            return self;
        }
        Bounds { value: self.value.max(Delta::ZERO), lower: self.lower.max(Delta::ZERO), upper: self.upper }
    }
}

/// All outages in the order of their impact; none: the scenario has no recovery signal, or it saw nothing.
pub fn outages(plan: &Plan, timeline: &Timeline, blind: BlindAs) -> Option<Vec<Outage>> {
    let signal = timeline.signal()?;
    signal.state()?;
    let downs = downs(signal, timeline, blind);
    let hold = Delta::from(plan.scenario.phases.recovery.hold);
    let deadline = Delta::from(plan.scenario.phases.recovery.deadline);
    let put_down = attribute(&downs, &timeline.faults, hold);
    let mut outages: Vec<Outage> = (0..timeline.faults.len())
        .filter_map(|fault| {
            let mine: Vec<usize> = (0..downs.len()).filter(|n| put_down[*n] == Some(fault)).collect();
            outage(fault, &mine, &downs, (hold, deadline), timeline)
        })
        .collect();
    outages.sort_by_key(|outage| outage.impact.value);
    Some(outages)
}

/// Every stretch that is not good. Blind windows before the first act do not count; those around a later act are cut
/// there.
fn downs(signal: &Signal, timeline: &Timeline, blind: BlindAs) -> Vec<Down> {
    let mut acts: Vec<Offset> = timeline.faults.iter().filter_map(|f| f.act).collect();
    acts.sort_unstable();
    let mut joined: Vec<(Stretch, Stretch)> = Vec::new();
    for stretch in signal.stretches() {
        for piece in pieces(stretch, &acts, blind) {
            match joined.last_mut() {
                Some((_, last)) if last.to == piece.from && !acts.contains(&piece.from) => *last = piece,
                _ => joined.push((piece, piece)),
            }
        }
    }
    let streams = timeline.streams();
    let down = |(first, last): &(Stretch, Stretch)| {
        let rough = |at: Offset| Edge { lower: at - WINDOW, value: at, upper: at + WINDOW };
        let impact = match first.state {
            SignalState::Blind => rough(first.from),
            _ => signal.impact(first.from, first.to, streams),
        };
        let recovery = match last.state {
            SignalState::Blind => Edge { lower: last.from, ..rough(last.to) },
            _ => signal.recovery(last.from, last.to, streams),
        };
        Down { from: first.from, to: last.to, impact, recovery }
    };
    joined.iter().map(down).collect()
}

fn pieces(stretch: Stretch, acts: &[Offset], blind: BlindAs) -> Vec<Stretch> {
    match stretch.state {
        SignalState::Bad => vec![stretch],
        SignalState::Blind if blind == BlindAs::Bad => {
            let Some(first) = acts.first() else { return Vec::new() };
            let mut cuts = vec![stretch.from.max(*first)];
            cuts.extend(acts.iter().copied().filter(|act| *act > stretch.from.max(*first) && *act < stretch.to));
            cuts.push(stretch.to);
            let pairs = cuts.windows(2).filter(|pair| pair[0] < pair[1]);
            pairs.map(|pair| Stretch { from: pair[0], to: pair[1], ..stretch }).collect()
        }
        _ => Vec::new(),
    }
}

/// The fault that each stretch is put down to.
fn attribute(downs: &[Down], faults: &[FaultTrack], hold: Delta) -> Vec<Option<usize>> {
    // When each fault's last stretch ended.
    let mut ended: Vec<Option<Offset>> = vec![None; faults.len()];
    let put_down = |down: &Down| {
        let acted = || (0..faults.len()).filter(|n| faults[*n].act.is_some_and(|act| act <= down.impact.upper));
        let in_force = |n: &usize| {
            let fault = &faults[*n];
            let lifted = if fault.held { fault.undone } else { fault.inject.or(fault.act) };
            let over = lifted.map(|at| ended[*n].map_or(at, |ended| ended.max(at)) + hold);
            over.is_none_or(|over| down.impact.lower < over)
        };
        let latest = |n: &usize| faults[*n].act;
        let found = acted().filter(in_force).max_by_key(latest).or_else(|| acted().max_by_key(latest));
        if let Some(n) = found {
            ended[n] = Some(down.recovery.upper);
        }
        found
    };
    downs.iter().map(put_down).collect()
}

fn outage(
    fault: usize,
    mine: &[usize],
    downs: &[Down],
    (hold, deadline): (Delta, Delta),
    timeline: &Timeline,
) -> Option<Outage> {
    let (first, last) = (downs[*mine.first()?], *mine.last()?);
    let signal = timeline.signal()?;
    let seen_to = signal.horizon();
    let track = &timeline.faults[fault];
    let recovery = held_recovery(last, downs, hold, seen_to);
    let due = (if track.held { track.undone } else { track.act }).map(|from| from + deadline);
    let censored = due.is_some_and(|due| match recovery {
        Some(edge) => edge.lower > due,
        // Good again in time, and then not looked at for long enough: that is not known to be late.
        None => seen_to >= due && (downs[last].to >= seen_to || downs[last].recovery.upper > due),
    });
    let total = |n: &usize| {
        let down = &downs[*n];
        down.to.since(down.from).min(down.recovery.upper.since(down.impact.lower))
    };
    let end = recovery.map_or(seen_to, |edge| edge.upper);
    let blind = signal.stretches().filter(|s| s.state == SignalState::Blind);
    let inside = |s: Stretch| s.to.min(end).since(s.from.max(first.impact.lower)).max(Delta::ZERO);
    Some(Outage {
        fault,
        impact: first.impact,
        recovery,
        seen_to,
        censored,
        bad_time: mine.iter().map(total).fold(Delta::ZERO, |sum, d| sum + d),
        blind_time: blind.map(inside).fold(Delta::ZERO, |sum, d| sum + d),
        stretches: mine.len() as u32,
        recovered_by: recovery.filter(|_| !censored).map(|end| recovered_by(first.impact, end, fault, timeline)),
    })
}

/// The recovery from stretch `n`, if the signal then stayed good for `hold`. Single observations say for how long,
/// because windows are coarser; one window less is allowed for, because what was looked at ends with a window.
fn held_recovery(n: usize, downs: &[Down], hold: Delta, seen_to: Offset) -> Option<Edge> {
    let own = downs[n].recovery;
    let next = downs.get(n + 1).map_or(seen_to, |next| next.impact.value);
    if next.since(own.value) + WINDOW >= hold {
        return (downs[n].to < seen_to).then_some(own);
    }
    // Another fault struck before the hold time was over.
    let later = (n + 1 < downs.len()).then(|| held_recovery(n + 1, downs, hold, seen_to)).flatten()?;
    Some(Edge { upper: later.upper.max(own.upper), ..own })
}

fn recovered_by(impact: Edge, recovery: Edge, fault: usize, timeline: &Timeline) -> RecoveredBy {
    // Only what was really taken back can have recovered anything; the record of an act is merely closed.
    let lifted = |(n, track): (usize, &FaultTrack)| {
        let taken_back = track.held || track.undone.is_some();
        let began = track.undoing.filter(|_| taken_back);
        began.is_some_and(|at| at < recovery.upper && (n == fault || at > impact.lower))
    };
    if timeline.faults.iter().enumerate().any(lifted) {
        return RecoveredBy::Undo;
    }
    let step = |ended: Offset| ended > impact.lower && ended < recovery.upper;
    let helped = timeline.steps.iter().any(|s| s.ok == Some(true) && s.ended.is_some_and(step));
    if helped { RecoveredBy::Playbook } else { RecoveredBy::System }
}
