//! Recovery time and bad time.

use super::outages::{BlindAs, Outage, outages};
use super::part::{Rule, agreed, at_most, part};
use crate::model::{Delta, HumanDuration, Offset};
use crate::result::{Bounds, Objective, Outcome, Part, RecoveredBy};
use crate::scenario::fault::Impact;
use crate::scenario::objectives::{Rto, RtoFrom};
use crate::scenario::plan::Plan;
use crate::timeline::Timeline;
use crate::timeline::event::SignalState;

/// One part for each objective and fault, and one more for its bad time.
pub(super) fn judge(objectives: &[Rto], plan: &Plan, timeline: &Timeline) -> Vec<Part> {
    let readings = Readings {
        plan,
        timeline,
        best: outages(plan, timeline, BlindAs::Good),
        worst: outages(plan, timeline, BlindAs::Bad),
    };
    objectives.iter().flat_map(|rto| readings.objective(rto)).collect()
}

struct Readings<'a> {
    plan: &'a Plan,
    timeline: &'a Timeline,
    best: Option<Vec<Outage>>,
    worst: Option<Vec<Outage>>,
}

/// What one reading of the observations says.
struct Reading {
    outcome: Outcome,
    time: Option<Bounds<Delta>>,
    why: String,
    evidence: Vec<Offset>,
}

impl Readings<'_> {
    fn objective(&self, rto: &Rto) -> Vec<Part> {
        let faults = &self.plan.scenario.faults;
        let meant = |n: &usize| match &rto.fault {
            Some(name) => faults[*n].name == *name,
            None => faults[*n].impact == Impact::Expected,
        };
        let meant: Vec<usize> = (0..faults.len()).filter(meant).collect();
        let asked = format!("<= {} from {}", rto.max, word(rto.from));
        if meant.is_empty() {
            let subject = rto.fault.as_ref().map_or("faults".to_owned(), |name| name.to_string());
            let why = "there is no such fault, or none whose impact is expected: nothing was judged";
            return vec![part(Objective::Rto, subject, asked).rule(Outcome::Inconclusive, why)];
        }
        let mut parts = Vec::new();
        for fault in meant {
            let judged = |outages: &Option<Vec<Outage>>| self.read(rto, fault, outages.as_deref());
            parts.push(self.merge(part(Objective::Rto, faults[fault].name.as_str(), &*asked), &judged));
            if let Some(max) = rto.max_bad_time {
                let subject = format!("{} bad time", faults[fault].name);
                let judged = |outages: &Option<Vec<Outage>>| self.read_bad_time(max, fault, outages.as_deref());
                parts.push(self.merge(part(Objective::Rto, subject, format!("<= {max}")), &judged));
            }
        }
        parts
    }

    /// Both readings of blind windows put together: only what both say counts.
    fn merge(&self, part: Part, judged: &dyn Fn(&Option<Vec<Outage>>) -> Reading) -> Part {
        let (best, worst) = (judged(&self.best), judged(&self.worst));
        let outcome = agreed(best.outcome, worst.outcome);
        let why = if best.outcome == worst.outcome {
            best.why
        } else {
            format!("{}; {}", self.blind_words(), if worst.why.is_empty() { best.why } else { worst.why })
        };
        let part = part.at(best.evidence);
        let part = match (best.time, worst.time) {
            // The bounds hold whatever the blind windows hid.
            (Some(a), Some(b)) => part.time(Bounds {
                value: a.value,
                lower: a.lower.min(b.lower),
                upper: a.upper.zip(b.upper).map(|(a, b)| a.max(b)),
            }),
            (Some(time), None) | (None, Some(time)) => part.time(time),
            (None, None) => part,
        };
        part.rule(outcome, why)
    }

    fn blind_words(&self) -> String {
        let stretches = self.timeline.signal().into_iter().flat_map(|s| s.stretches());
        let acted = self.timeline.faults.iter().filter_map(|f| f.act).min().unwrap_or(Offset::ZERO);
        let mut blind = stretches.filter(|s| s.state == SignalState::Blind && s.to > acted).peekable();
        let first = blind.peek().map(|s| s.from.max(acted));
        let total = blind.fold(Delta::ZERO, |sum, s| sum + s.to.since(s.from.max(acted)));
        let from = first.map_or(String::new(), |at| format!(", first at {at}"));
        format!("our side could not see for {total}{from}, and that could change the answer")
    }

    fn read(&self, rto: &Rto, fault: usize, outages: Option<&[Outage]>) -> Reading {
        let outage = match self.outage(fault, outages) {
            Ok(outage) => outage,
            Err(reading) => return reading,
        };
        let track = &self.timeline.faults[fault];
        let (max, deadline) = (Delta::from(rto.max), Delta::from(self.plan.scenario.phases.recovery.deadline));
        let time = match rto.from {
            RtoFrom::Impact => outage.rta(deadline),
            RtoFrom::Act => outage.since_moment(track.act.unwrap_or(outage.impact.lower), deadline),
            RtoFrom::Undo => match track.undone {
                Some(undone) => outage.since_moment(undone, deadline),
                None => {
                    return unseen("nothing was undone, so there is no time from the undo; judge from impact or act");
                }
            },
        };
        let evidence =
            [Some(outage.impact.value), outage.recovery.map(|edge| edge.value)].into_iter().flatten().collect();
        let (outcome, why) = self.time_rule(rto, outage, time, max);
        Reading { outcome, time: Some(time), why, evidence }
    }

    /// The outcome of a recovery time.
    fn time_rule(&self, rto: &Rto, outage: &Outage, time: Bounds<Delta>, max: Delta) -> (Outcome, String) {
        let by = outage.recovered_by;
        if outage.censored {
            let outcome = if time.lower >= max { Outcome::Breach } else { Outcome::Inconclusive };
            return (outcome, format!("not restored within the deadline of {}", time.lower));
        }
        if outage.recovery.is_none() {
            let why = format!("not seen to stay good for the hold time before the run ended at {}", outage.seen_to);
            return (at_most(time, max), why);
        }
        if by == Some(RecoveredBy::Undo) && rto.from != RtoFrom::Undo {
            let why = "only the drill's own undo ended the outage, so the system was not seen to recover: hold the \
                       fault `until: recovered`, or judge from undo";
            return (Outcome::Inconclusive, why.into());
        }
        let by = match by {
            Some(RecoveredBy::Playbook) => "recovered with a playbook step",
            Some(RecoveredBy::Undo) => "recovered after the fault was lifted",
            _ => "recovered by itself",
        };
        let flapped =
            if outage.stretches > 1 { format!(", after {} bad stretches", outage.stretches) } else { String::new() };
        match at_most(time, max) {
            Outcome::Inconclusive => {
                (Outcome::Inconclusive, format!("{by}{flapped}, but the bounds lie on both sides of {}", rto.max))
            }
            outcome => (outcome, format!("{by}{flapped}, {} after {}", time.display(), word(rto.from))),
        }
    }

    fn read_bad_time(&self, max: HumanDuration, fault: usize, outages: Option<&[Outage]>) -> Reading {
        let outage = match self.outage(fault, outages) {
            Ok(outage) => outage,
            Err(reading) => return reading,
        };
        let over = outage.recovery.is_some();
        let time = Bounds { value: outage.bad_time, lower: outage.bad_time, upper: over.then_some(outage.bad_time) };
        let stretches = super::part::number(outage.stretches.into(), "stretch", "stretches");
        let why = format!("bad for {} in {stretches}{}", time.display(), if over { "" } else { ", and not over" });
        Reading { outcome: at_most(time, max.into()), time: Some(time), why, evidence: vec![outage.impact.value] }
    }

    /// The outage of a fault, or what its absence means.
    fn outage<'o>(&self, fault: usize, outages: Option<&'o [Outage]>) -> Result<&'o Outage, Reading> {
        let Some(outages) = outages else {
            return Err(unseen("the recovery signal saw nothing, or the scenario has none"));
        };
        let track = &self.timeline.faults[fault];
        if let Some(outage) = outages.iter().find(|outage| outage.fault == fault) {
            return Ok(outage);
        }
        if track.act.is_none() {
            let why = track.skipped.as_deref().unwrap_or("the drill ended first");
            return Err(unseen(&format!("the fault never began: {why}")));
        }
        let calm = self.plan.scenario.faults[fault].impact != Impact::Expected;
        if calm && track.inject.is_some() && super::drill::hidden(fault, self.timeline).is_none() {
            let (value, why) = (Delta::ZERO, "clients saw no outage".to_owned());
            let time = Some(Bounds { value, lower: value, upper: Some(value) });
            return Err(Reading { outcome: Outcome::Pass, time, why, evidence: Vec::new() });
        }
        Err(unseen("no outage was seen, so there is nothing to measure: the signal may be looking past the fault"))
    }
}

fn unseen(why: &str) -> Reading {
    Reading { outcome: Outcome::Inconclusive, time: None, why: why.into(), evidence: Vec::new() }
}

fn word(from: RtoFrom) -> &'static str {
    match from {
        RtoFrom::Impact => "impact",
        RtoFrom::Act => "act",
        RtoFrom::Undo => "undo",
    }
}
