//! What happened when, above the charts: phases as a band, one lane for each fault with its outages.

use crate::model::Offset;
use crate::report::words;
use crate::result::{FaultInfo, OutageInfo, PhaseInfo, RunResult, SearchStep};

use super::panel::Stretch;
use super::scale::{Tick, Time};

/// A phase in the band.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Band {
    pub name: String,
    /// The class in the style sheet.
    pub class: &'static str,
    pub title: String,
    pub left: f64,
    pub width: f64,
}

/// The lane of a fault.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lane {
    /// Its number in the charts, from 1.
    pub number: usize,
    pub label: String,
    pub bars: Vec<Stretch>,
    pub text: Label,
}

/// Where the label of a lane stands, in percent of the width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Label {
    /// Measured from the left, or from the right.
    pub from_left: bool,
    pub place: f64,
    pub room: f64,
    /// Over the bar, because there is no room beside it.
    pub over: bool,
}

impl Label {
    /// Beside a bar, on the side with more room.
    fn beside(left: f64, right: f64) -> Label {
        const ENOUGH: f64 = 30.0;
        let (before, after) = (left, 100.0 - right);
        if before.max(after) < ENOUGH {
            return Label { from_left: true, place: left, room: 100.0 - left, over: true };
        }
        let from_left = after >= before;
        let room = before.max(after);
        Label { from_left, place: 100.0 - room, room, over: false }
    }
}

/// A fault's shade in the charts, with its number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shade {
    pub number: usize,
    pub title: String,
    pub bar: Stretch,
    /// How many badges stand below its own, because their faults began at nearly the same time.
    pub level: u32,
}

/// The timeline.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Timeline {
    pub bands: Vec<Band>,
    pub lanes: Vec<Lane>,
    pub shades: Vec<Shade>,
    pub ticks: Vec<Tick>,
    pub described: String,
}

pub(crate) fn timeline(result: &RunResult, time: &Time) -> Timeline {
    let bands = bands(result, time);
    let lanes = result.faults.iter().zip(1..).map(|(fault, number)| lane(result, fault, number, time)).collect();
    let mut shades = Vec::new();
    for (fault, number) in result.faults.iter().zip(1..) {
        shades.extend(shade(result, fault, number, time, &shades));
    }
    let began = result.faults.iter().filter(|f| f.t_act.is_some()).count();
    let described = match &result.load {
        Some(load) => format!("the load of {} over time", load.profile),
        None => format!("{began} faults and {} outages over the phases of the drill", result.outages.len()),
    };
    Timeline { bands, lanes, shades, ticks: time.ticks(), described }
}

/// The phases of a drill; of a load alone, the steps of its search or the stages of its ramp, where it has just one.
fn bands(result: &RunResult, time: &Time) -> Vec<Band> {
    let band = |name: String, class: &'static str, from: Offset, to: Offset| {
        let shown = to.seconds() > time.from && from.seconds() < time.to;
        let title = format!("{name}: {} to {}", words::moment(from), words::moment(to));
        let (left, right) = (time.place(from), time.place(to));
        shown.then_some(Band { name, class, title, left, width: right - left })
    };
    let Some(load) = &result.load else {
        let phase = |p: &PhaseInfo| band(p.phase.to_string(), p.phase.as_str(), p.from, p.to);
        return result.phases.iter().filter_map(phase).collect();
    };
    if let [search] = load.searches.as_slice() {
        let step = |s: &SearchStep| {
            let class = if s.held == Some(false) { "fault" } else { "" };
            band(words::rate(f64::from(s.rate)), class, s.from, s.to)
        };
        return search.steps.iter().filter_map(step).collect();
    }
    let one = load.stages.first().filter(|first| load.stages.iter().all(|stage| stage.stream == first.stream));
    let stages = load.stages.iter().filter(|_| one.is_some());
    stages.filter_map(|stage| band(stage.name.clone(), "", stage.from, stage.to)).collect()
}

fn outages<'a>(result: &'a RunResult, fault: &FaultInfo) -> impl Iterator<Item = &'a OutageInfo> {
    let name = fault.name.clone();
    result.outages.iter().filter(move |o| o.fault == name)
}

/// From the act to the undo; where nothing is undone, to the last recovery; else to the end of the chart.
fn stretch(result: &RunResult, fault: &FaultInfo, time: &Time) -> Option<(f64, f64)> {
    let from = time.place(fault.t_act?);
    let recovered = outages(result, fault).filter_map(|o| o.recovery.as_ref()).map(|r| r.value).max();
    let down = outages(result, fault).next().is_some();
    let to = match (fault.t_undo.or(recovered), down) {
        (Some(end), _) => time.place(end),
        (None, true) => 100.0,
        // An act without undo that nobody noticed is a moment.
        (None, false) => from,
    };
    Some((from, to.max(from)))
}

fn shade(result: &RunResult, fault: &FaultInfo, number: usize, time: &Time, before: &[Shade]) -> Option<Shade> {
    // About the width of a badge on a phone, in percent.
    const CLOSE: f64 = 6.0;
    let (from, to) = stretch(result, fault, time)?;
    let title = format!("{number} {}", fault.name);
    let taken: Vec<u32> = before.iter().filter(|s| (s.bar.left - from).abs() < CLOSE).map(|s| s.level).collect();
    let level = (0..5).find(|level| !taken.contains(level)).unwrap_or(0);
    Some(Shade { number, title, bar: Stretch { class: "fault", left: from, width: to - from }, level })
}

fn lane(result: &RunResult, fault: &FaultInfo, number: usize, time: &Time) -> Lane {
    let label = format!("{} · {}", fault.name, fault.kind);
    let Some((from, to)) = stretch(result, fault, time) else {
        return Lane { number, label: format!("{label}: never began"), bars: vec![], text: Label::beside(0.0, 0.0) };
    };
    let mut bars = vec![Stretch { class: "fault", left: from, width: to - from }];
    for outage in outages(result, fault) {
        let left = time.place(outage.impact.value);
        let (class, right) = match &outage.recovery {
            Some(recovery) => ("outage", time.place(recovery.value)),
            None => ("outage open", 100.0),
        };
        bars.push(Stretch { class, left, width: (right - left).max(0.0) });
    }
    // Outages run below the label, so only the fault's own bar is in its way.
    Lane { number, label, bars, text: Label::beside(from, to) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_fault_is_shaded_from_its_act_to_its_undo_or_its_recovery() {
        let time = Time { from: 0.0, to: 100.0 };
        let mut result = sample::rich();
        let shade_of = |result: &RunResult, n: usize| {
            let shades = timeline(result, &time).shades;
            shades.into_iter().find(|s| s.number == n).map(|s| (s.bar.left, s.bar.left + s.bar.width))
        };
        assert_eq!(shade_of(&result, 1), Some((25.0, 25.31)));
        assert_eq!(shade_of(&result, 4), None, "it never began");
        result.faults[0].t_undo = None;
        assert_eq!(shade_of(&result, 1), Some((25.0, 25.522)), "to its recovery");
        result.faults[2].t_undo = None;
        assert_eq!(shade_of(&result, 3), Some((48.0, 100.0)), "it never recovered");
        result.faults[1].t_undo = None;
        assert_eq!(shade_of(&result, 2), Some((30.0, 30.0)), "nobody noticed");
    }

    #[test]
    fn labels_stand_where_there_is_room() {
        let lanes = timeline(&sample::rich(), &Time { from: 0.0, to: 125.0 }).lanes;
        assert!(lanes[0].text.from_left && lanes[1].text.from_left);
        assert!(lanes[3].label.ends_with("never began"));
        assert_eq!(Label::beside(70.0, 90.0), Label { from_left: false, place: 30.0, room: 70.0, over: false });
        assert_eq!(Label::beside(5.0, 95.0), Label { from_left: true, place: 5.0, room: 95.0, over: true });
    }
}
