//! `guard.freeze`: times in which no drill starts.
//!
//! The wall clock is asked once, before a drill: whether it would end, at its longest, before the next window begins. A
//! window that cannot be understood is an error and never "not frozen".

mod calendar;
mod weekly;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Scenario;
use super::source::{load_plain, read_file};
use super::timing::Moment;
use calendar::Event;
pub use weekly::Weekly;

/// A time in which no drill starts: `from` and `to`, or `weekly`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Its beginning: a date, a date with a time, or one with an offset (`2026-12-20T18:00:00+01:00`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Its end, written alike; a date counts to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Every week, such as `Fri 16:00 - Mon 08:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekly: Option<String>,
    /// The time zone of whatever has no offset, such as `Europe/Berlin` or `UTC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Why; it is what a refused drill says.
    pub reason: String,
}

/// A window of time, its end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    from: Timestamp,
    to: Timestamp,
}

impl Window {
    fn meets(&self, other: Window) -> bool {
        self.from < other.to && other.from < self.to
    }
}

/// Which end of a day a date stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Begin,
    End,
}

impl Freeze {
    /// Its part in which a drill would run.
    ///
    /// # Errors
    /// Which key is wrong, and how.
    fn meets(&self, drill: Window) -> Result<Option<Window>, (&'static str, String)> {
        match (&self.from, &self.to, &self.weekly) {
            (Some(from), Some(to), None) => {
                let from = self.moment(from, Edge::Begin).map_err(|e| ("from", e))?;
                let to = self.moment(to, Edge::End).map_err(|e| ("to", e))?;
                if from >= to {
                    return Err(("to", "it ends before it begins".into()));
                }
                let window = Window { from, to };
                Ok(window.meets(drill).then_some(window))
            }
            (None, None, Some(weekly)) => {
                let weekly: Weekly = weekly.parse().map_err(|e: String| ("weekly", e))?;
                let zone = self.zone().map_err(|e| ("zone", e))?;
                weekly.meets(&zone, drill).map_err(|e| ("weekly", e))
            }
            _ => Err(("reason", "give `from` and `to`, or `weekly`".into())),
        }
    }

    /// What is wrong with it: the key, and why.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        if self.reason.trim().is_empty() {
            return Some(("reason", "a drill that is refused should hear why".into()));
        }
        let now = Window { from: Timestamp::UNIX_EPOCH, to: Timestamp::UNIX_EPOCH };
        self.meets(now).err()
    }

    fn zone(&self) -> Result<TimeZone, String> {
        match &self.zone {
            Some(name) => zone(name),
            None => Err("a time without an offset needs `zone`, such as Europe/Berlin or UTC".into()),
        }
    }

    fn moment(&self, text: &str, edge: Edge) -> Result<Timestamp, String> {
        if let Ok(exact) = text.parse::<Timestamp>() {
            return Ok(exact);
        }
        if let Ok(zoned) = text.parse::<Zoned>() {
            return Ok(zoned.timestamp());
        }
        let civil = match text.parse::<Date>() {
            Ok(day) if !text.contains([':', 'T', ' ']) => edge_of(day, edge)?,
            _ => text.parse::<DateTime>().map_err(|_| {
                format!("`{text}` is no date or time: write 2026-12-20, 2026-12-20T18:00 or 2026-12-20T18:00:00+01:00")
            })?,
        };
        at(civil, &self.zone()?)
    }
}

fn edge_of(day: Date, edge: Edge) -> Result<DateTime, String> {
    let day = match edge {
        Edge::Begin => day,
        Edge::End => day.tomorrow().map_err(|e| e.to_string())?,
    };
    Ok(day.at(0, 0, 0, 0))
}

fn at(civil: DateTime, zone: &TimeZone) -> Result<Timestamp, String> {
    zone.to_timestamp(civil).map_err(|e| e.to_string())
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name)
        .map_err(|_| format!("`{name}` is no time zone: write a name of the IANA list, such as Europe/Berlin"))
}

/// All times in which no drill starts.
#[derive(Debug, Default)]
pub struct Freezes {
    windows: Vec<Freeze>,
    events: Vec<Event>,
}

impl Freezes {
    /// Those of a scenario, and of the file that it names.
    ///
    /// # Errors
    /// When the file cannot be read or understood: then nobody knows whether it is frozen.
    pub fn of(scenario: &Scenario, file: &Path) -> Result<Self, String> {
        let mut all = Freezes { windows: scenario.guard.freeze.clone(), events: Vec::new() };
        if let Some(named) = &scenario.guard.freeze_file {
            let path = file.parent().unwrap_or(Path::new("")).join(named);
            let text = read_file(&path).map_err(|e| format!("the freeze calendar cannot be read: {e}"))?;
            all.read(&path, &text)?;
        }
        Ok(all)
    }

    fn read(&mut self, path: &Path, text: &str) -> Result<(), String> {
        let unclear = |why: String| format!("the freeze calendar {} cannot be understood: {why}", path.display());
        if text.trim_start_matches('\u{feff}').trim_start().starts_with("BEGIN:VCALENDAR") {
            self.events.extend(calendar::events(text).map_err(unclear)?);
            return Ok(());
        }
        let (windows, _) = load_plain::<Vec<Freeze>>(path, text).map_err(|e| unclear(e.to_string()))?;
        for (i, freeze) in windows.iter().enumerate() {
            if let Some((key, why)) = freeze.problem() {
                return Err(unclear(format!("[{i}].{key}: {why}")));
            }
        }
        self.windows.extend(windows);
        Ok(())
    }

    /// Why no drill of this length may start now; none when it may.
    ///
    /// # Errors
    /// When a window cannot be understood.
    pub fn forbid(&self, now: Timestamp, longest: Duration) -> Result<Option<String>, String> {
        let longest = SignedDuration::try_from(longest).unwrap_or(SignedDuration::MAX);
        let end = now.saturating_add(longest).unwrap_or(Timestamp::MAX);
        // A moment has no length, and yet it may lie within a window.
        let drill = Window { from: now, to: end.max(now.saturating_add(SignedDuration::from_secs(1)).unwrap_or(end)) };
        for freeze in &self.windows {
            let met = freeze.meets(drill).map_err(|(key, why)| format!("guard.freeze: {key}: {why}"))?;
            if let Some(window) = met {
                return Ok(Some(told(window, drill, &freeze.reason)));
            }
        }
        for event in &self.events {
            if let Some(window) = event.meets(drill)? {
                return Ok(Some(told(window, drill, event.summary())));
            }
        }
        Ok(None)
    }
}

fn told(window: Window, drill: Window, reason: &str) -> String {
    let when = format!("from {} to {}", window.from, window.to);
    if window.from <= drill.from {
        return format!("no drill starts {when}: {reason}");
    }
    let minutes = (drill.to.duration_since(drill.from).as_secs() + 59) / 60;
    format!("a drill of up to {minutes} min would run into the freeze {when}: {reason}")
}

/// How long a drill may take, restores aside: every fault and step at its longest, one after the other.
pub fn longest(scenario: &Scenario) -> Duration {
    let phases = &scenario.phases;
    let wait = |moment: Option<Moment<'_>>| match moment {
        Some(Moment::At(at)) => at.get(),
        Some(Moment::After(after)) => after.delay.get(),
        Some(Moment::When(when)) => when.steady.get(),
        None => Duration::ZERO,
    };
    let faults = scenario.faults.iter();
    let faults = faults.map(|f| wait(f.moment().ok()) + f.hold().map_or(Duration::ZERO, |hold| hold.at_most().get()));
    let steps = scenario.playbook.iter().map(|step| wait(step.moment().ok()));
    let fixed = [phases.warmup, phases.baseline, phases.recovery.deadline, phases.recovery.hold, phases.after];
    let all = fixed.iter().map(|d| d.get()).chain(faults).chain(steps);
    all.fold(Duration::ZERO, Duration::saturating_add)
}
