//! The live view on standard error: what the drill does now, how the target does, what comes next.
//!
//! It is driven by events alone and keeps no clock, no task and no thread of its own. Whatever goes wrong with it is
//! swallowed: a failing display never ends a drill.

mod gauge;
mod load;
mod say;

use std::collections::BTreeSet;
use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::grid::{paint, printable};
use super::words;
use crate::model::{Delta, Name, Offset};
use crate::scenario::phases::Phase;
use crate::scenario::plan::Plan;
use crate::timeline::event::{Event, EventKind, EventSink, FaultMark, SignalState};

use gauge::Gauge;
use load::Panel;

/// How often the gauges of a log are written.
const EVERY: Delta = Delta::from_millis(5_000);

/// How often the gauges of a terminal are drawn: a person reads no faster, and each drawing sorts histograms.
const REFRESH: Delta = Delta::from_millis(200);

/// The live view.
pub struct Live {
    to: To,
    colour: bool,
    gauge: Gauge,
    /// What is shown instead of the gauge when a load runs alone.
    panel: Option<Panel>,
    /// Faults to come, with when in words, in the order of the scenario.
    ahead: Vec<(Name, String)>,
    in_force: BTreeSet<Name>,
    phase: Option<(Phase, Offset)>,
    signal: Option<SignalState>,
    shown: Offset,
}

enum To {
    /// A line for each mark, and one with the gauges every now and then.
    Log(Box<dyn Write + Send>),
    /// Marks scroll up above one line that stays.
    Terminal(ProgressBar),
    /// It failed once; the drill goes on without.
    Nowhere,
}

impl Live {
    /// Plain lines, for CI and for files.
    pub fn log(plan: &Plan, out: Box<dyn Write + Send>) -> Self {
        Self::new(plan, To::Log(out), false)
    }

    /// A line that stays at the bottom of a terminal, drawn by indicatif; `colour` is for the marks above it.
    pub fn terminal(plan: &Plan, target: ProgressDrawTarget, colour: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, target);
        // A template that could not be read would leave indicatif's own, which is as good.
        // A wide message is one line; those of a load are several.
        let template = if plan.load.is_some() { "{spinner} {msg}" } else { "{spinner} {wide_msg}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self::new(plan, To::Terminal(bar), colour)
    }

    fn new(plan: &Plan, to: To, colour: bool) -> Self {
        let ahead = plan.scenario.faults.iter().map(|f| (f.name.clone(), say::moment(f))).collect();
        Live {
            to,
            colour,
            gauge: Gauge::default(),
            panel: Panel::of(plan),
            ahead,
            in_force: BTreeSet::new(),
            phase: None,
            signal: None,
            shown: Offset::ZERO,
        }
    }

    /// Takes one event.
    pub fn on(&mut self, event: &Event) {
        self.follow(event);
        let of_load = self.panel.as_ref().and_then(|_| load::mark(&event.what));
        if let Some((text, tone)) = of_load.or_else(|| say::mark(&event.what)) {
            let line = format!("{:>10}  {}", event.at.to_string(), paint(&printable(&text), tone, self.colour));
            self.line(&line);
        }
        let every = match self.to {
            To::Log(_) => EVERY,
            To::Terminal(_) => REFRESH,
            To::Nowhere => return,
        };
        if event.at.since(self.shown) >= every {
            self.shown = event.at;
            self.gauges(event.at);
        }
        if let (EventKind::End { .. }, To::Terminal(bar)) = (&event.what, &self.to) {
            bar.finish_and_clear();
        }
    }

    fn follow(&mut self, event: &Event) {
        if let Some(panel) = &mut self.panel {
            panel.on(&event.what);
        }
        match &event.what {
            EventKind::Phase { phase } => {
                self.phase = Some((*phase, event.at));
                // The first gauges of a phase come after one interval, when there is something to see.
                self.shown = event.at;
            }
            EventKind::Load { line, .. } if self.panel.is_none() => self.gauge.load(line),
            EventKind::Probe { intended, done, sight, .. } => self.gauge.probe(*intended, *done, sight),
            EventKind::Signal { state, .. } => self.signal = Some(*state),
            EventKind::Fault { fault, mark } => self.fault(fault, mark),
            _ => {}
        }
    }

    fn fault(&mut self, fault: &Name, mark: &FaultMark) {
        match mark {
            FaultMark::Act { .. } => {
                self.ahead.retain(|(name, _)| name != fault);
                self.in_force.insert(fault.clone());
            }
            FaultMark::Undone { .. } | FaultMark::Closed { .. } => _ = self.in_force.remove(fault),
            FaultMark::Skipped { .. } => self.ahead.retain(|(name, _)| name != fault),
            _ => {}
        }
    }

    fn gauges(&mut self, at: Offset) {
        if let Some(panel) = &self.panel {
            let lines = panel.lines(at);
            return self.show(at, lines);
        }
        let Some((phase, since)) = self.phase else { return };
        let mut parts = vec![format!("{phase} {}", words::span(at.since(since)).replace(".00 s", " s"))];
        parts.extend(self.gauge.read());
        match self.signal {
            Some(SignalState::Bad) => parts.push("signal bad".into()),
            Some(SignalState::Blind) => parts.push("signal blind".into()),
            Some(SignalState::Good) | None => {}
        }
        if !self.in_force.is_empty() {
            let names: Vec<&str> = self.in_force.iter().map(Name::as_str).collect();
            parts.push(format!("in force: {}", names.join(", ")));
        }
        // After the fault phase nothing comes any more, and the list says what never came.
        let to_come = matches!(phase, Phase::Preflight | Phase::Warmup | Phase::Baseline | Phase::Fault);
        if let Some((name, when)) = self.ahead.first().filter(|_| to_come) {
            parts.push(format!("next: {name} {when}"));
        }
        self.show(at, vec![parts.join(", ")]);
    }

    fn show(&mut self, at: Offset, lines: Vec<String>) {
        let lines = lines.iter().map(|line| printable(line));
        match &self.to {
            To::Log(_) => {
                for text in lines.collect::<Vec<_>>() {
                    self.line(&format!("{:>10}  {text}", at.to_string()));
                }
            }
            To::Terminal(bar) => {
                bar.set_message(lines.collect::<Vec<_>>().join("\n  "));
                bar.tick();
            }
            To::Nowhere => {}
        }
    }

    fn line(&mut self, line: &str) {
        match &mut self.to {
            To::Log(out) => {
                if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                    self.to = To::Nowhere;
                }
            }
            To::Terminal(bar) => bar.println(line),
            To::Nowhere => {}
        }
    }
}

impl EventSink for Live {
    fn emit(&mut self, event: &Event) -> io::Result<()> {
        self.on(event);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
