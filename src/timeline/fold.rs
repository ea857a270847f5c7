//! The fold of a run's events: everything the judge and the engine ask about, kept small while the run goes on.

use std::collections::BTreeMap;

use super::event::{EndReason, Event, EventKind, SignalState};
use super::latency::Sparse;
use super::ledger::Entry;
use super::load::{LoadTrack, Span, SpanRange};
use super::probes::ProbeTrack;
use super::query::{self, Measured};
use super::restore::RestoreProof;
use super::signal::{Signal, Streams};
use super::tracks::{BackupTrack, FaultTrack, LedgerFinal, PhaseSpan, ServiceSeen, SteadyLook, StepTrack};
use crate::model::{Condition, Delta, Name, Offset, RunId};
use crate::scenario::phases::Phase;
use crate::scenario::plan::Plan;

/// Marks may reach the timeline this long after the moment they speak of; histograms wait for them.
const MARK_DELAY: Delta = Delta::from_millis(1_000);

/// The signal is looked at again when so much time has passed.
const LOOK_AGAIN: Delta = Delta::from_millis(50);

/// What the first event says.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// The run.
    pub run: RunId,
    /// The scenario.
    pub scenario: Name,
    /// Wall-clock time of offset 0, RFC 3339.
    pub utc: String,
    /// Where every random choice came from.
    pub seed: u64,
}

/// The recovery signal at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// What it says.
    pub state: SignalState,
    /// Since when.
    pub since: Offset,
    /// End of the last bad window.
    pub last_bad: Option<Offset>,
    /// It speaks of the time before this; a hold time must be over by then, not by now.
    pub horizon: Offset,
}

/// A run, put together from its events. One code path serves the engine while the run is on and the judge afterwards.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// What the first event says.
    pub started: Option<Started>,
    /// The phases, in order.
    pub phases: Vec<PhaseSpan>,
    /// The faults, in the order of the scenario.
    pub faults: Vec<FaultTrack>,
    /// Playbook steps, in the order of the scenario.
    pub steps: Vec<StepTrack>,
    /// What became of services, in order.
    pub services: Vec<ServiceSeen>,
    /// Backups.
    pub backups: BTreeMap<Name, BackupTrack>,
    /// Restore proofs.
    pub restores: BTreeMap<Name, RestoreProof>,
    /// Probes.
    pub probes: BTreeMap<Name, ProbeTrack>,
    /// Load streams.
    pub loads: BTreeMap<Name, LoadTrack>,
    /// Ledger writes, in the order in which their fate was known.
    pub writes: Vec<Entry>,
    /// The final read of the ledger.
    pub reading: Option<LedgerFinal>,
    /// Steady-state conditions as the drill looked at them.
    pub steady: Vec<SteadyLook>,
    /// Guards that tripped: when, the condition, why.
    pub guards: Vec<(Offset, String, String)>,
    /// Who asked to stop: when, who, level.
    pub cancels: Vec<(Offset, String, u8)>,
    /// Remarks.
    pub notes: Vec<(Offset, String)>,
    /// How it ended, and what undo remains.
    pub end: Option<(EndReason, Vec<String>)>,
    signal: Option<Signal>,
    hold: Delta,
    now: Offset,
    looked: Offset,
    settled: Offset,
}

impl Timeline {
    /// The empty timeline of a run of `plan`.
    pub fn new(plan: &Plan) -> Timeline {
        let scenario = &plan.scenario;
        let signal = scenario.recovery_signal.as_ref().map(|signal| Signal::new(signal, plan));
        let by_name = query::asks_by_name(plan);
        let load = |name: &Name| {
            let track = LoadTrack::new(plan.profiles.get(name));
            let track = if by_name { track.by_name() } else { track };
            match signal.as_ref().filter(|signal| signal.streams().any(|stream| stream == name)) {
                Some(signal) => track.listened(signal.latency_of(name)),
                None => track,
            }
        };
        let fault = |f: &crate::scenario::Fault| FaultTrack::new(f.name.clone(), f.spec.is_held());
        Timeline {
            started: None,
            phases: Vec::new(),
            faults: scenario.faults.iter().map(fault).collect(),
            steps: scenario.playbook.iter().map(|step| StepTrack::new(step.name.clone())).collect(),
            services: Vec::new(),
            backups: BTreeMap::new(),
            restores: BTreeMap::new(),
            probes: scenario
                .probes
                .iter()
                .map(|p| (p.name.clone(), ProbeTrack::new(p.every.into(), p.timeout.into())))
                .collect(),
            loads: scenario.load.iter().map(|l| (l.name.clone(), load(&l.name))).collect(),
            writes: Vec::new(),
            reading: None,
            steady: Vec::new(),
            guards: Vec::new(),
            cancels: Vec::new(),
            notes: Vec::new(),
            end: None,
            signal,
            hold: scenario.phases.recovery.hold.into(),
            now: Offset::ZERO,
            looked: Offset::ZERO,
            settled: Offset::ZERO,
        }
    }

    /// The timeline of saved events. A run whose last event is missing ends with the last one there is.
    pub fn from_events<'a>(plan: &Plan, events: impl IntoIterator<Item = &'a Event>) -> Timeline {
        let mut timeline = Timeline::new(plan);
        events.into_iter().for_each(|event| timeline.push(event));
        timeline.finish();
        timeline
    }

    /// Takes the next event.
    pub fn push(&mut self, event: &Event) {
        self.now = self.now.max(event.at);
        let at = event.at;
        match &event.what {
            EventKind::Started { run, scenario, utc, seed } => {
                let (run, scenario, utc) = (run.clone(), scenario.clone(), utc.clone());
                self.started = Some(Started { run, scenario, utc, seed: *seed });
            }
            EventKind::Phase { phase } => self.phase(*phase, at),
            EventKind::Service { service, seen, change } => {
                let seen = ServiceSeen { service: service.clone(), seen: *seen, change: change.clone() };
                self.services.push(seen);
            }
            EventKind::Fault { fault, mark } => {
                if let Some(track) = self.faults.iter_mut().find(|f| f.name == *fault) {
                    track.mark(mark);
                }
            }
            EventKind::Step { step, mark } => {
                if let Some(track) = self.steps.iter_mut().find(|s| s.name == *step) {
                    track.mark(mark);
                }
            }
            EventKind::Backup { backup, mark } => self.backups.entry(backup.clone()).or_default().mark(mark),
            EventKind::Restore { backup, proof } => {
                self.restores.insert(backup.clone(), (**proof).clone());
            }
            EventKind::Guard { condition, why } => self.guards.push((at, condition.clone(), why.clone())),
            EventKind::Cancel { by, level } => self.cancels.push((at, by.clone(), *level)),
            EventKind::Note { text } => self.notes.push((at, text.clone())),
            EventKind::End { reason, remaining } => {
                self.end = Some((reason.clone(), remaining.clone()));
                self.finish();
            }
            // The engine's own view while the run was on; the judge looks at the observations themselves.
            EventKind::Signal { .. } | EventKind::Threshold { .. } => {}
            _ => self.observe(at, &event.what),
        }
        self.tick(self.now);
    }

    /// Takes an observation.
    fn observe(&mut self, at: Offset, what: &EventKind) {
        match what {
            EventKind::Probe { probe, n, intended, done, sight } => {
                if let Some(track) = self.probes.get_mut(probe) {
                    track.push(*n, *intended, *done, sight);
                    self.renew(*intended);
                }
            }
            EventKind::LoadReady { stream, hello, from } => self.load(stream, |track| {
                track.hello(hello, *from);
                None
            }),
            EventKind::Search { stream, mark } => self.load(stream, |track| {
                track.search(mark);
                None
            }),
            EventKind::Load { stream, line } => self.load(stream, |track| Some(track.line(line, at))),
            EventKind::LoadEnd { stream } => self.load(stream, |track| {
                track.ended = true;
                Some(track.told())
            }),
            EventKind::LoadLost { stream, why } => self.load(stream, |track| Some(track.lost(at, why))),
            EventKind::Ledger { n, intended, sent, fate } => {
                self.writes.push(Entry { n: *n, intended: *intended, sent: *sent, fate: fate.clone() });
            }
            EventKind::LedgerRead { node, outcome } => {
                self.reading = Some(LedgerFinal { node: node.clone(), reading: outcome.clone() });
            }
            EventKind::SteadyState { condition, held, measured } => {
                let (condition, measured) = (condition.clone(), measured.clone());
                self.steady.push(SteadyLook { at, condition, held: *held, measured });
            }
            _ => {}
        }
    }

    fn load(&mut self, stream: &Name, act: impl FnOnce(&mut LoadTrack) -> Option<Offset>) {
        if let Some(since) = self.loads.get_mut(stream).and_then(act) {
            self.renew(since);
        }
    }

    fn renew(&mut self, since: Offset) {
        if let Some(signal) = &mut self.signal {
            signal.renew(since);
        }
    }

    fn phase(&mut self, phase: Phase, at: Offset) {
        if let Some(last) = self.phases.last_mut() {
            last.to = Some(at);
        }
        self.phases.push(PhaseSpan { phase, from: at, to: None });
        if phase >= Phase::After {
            self.end_spans(at);
        }
    }

    /// Lets time pass up to `now`: answers that are overdue turn bad, silence turns blind.
    pub fn tick(&mut self, now: Offset) {
        self.now = self.now.max(now);
        if self.now.since(self.looked) < LOOK_AGAIN && self.end.is_none() {
            return;
        }
        self.looked = self.now;
        self.look();
        if self.now.since(self.settled) >= MARK_DELAY {
            self.settled = self.now;
            self.settle(false);
        }
    }

    fn look(&mut self) {
        if let Some(signal) = &mut self.signal {
            signal.look(self.now, Streams { probes: &self.probes, loads: &self.loads });
            for fault in self.faults.iter_mut().filter(|f| !f.held && f.span_end.is_none()) {
                fault.span_end = act_span_end(fault, signal, self.hold);
            }
        }
    }

    /// Ends the spans of acts that have not ended by themselves.
    fn end_spans(&mut self, at: Offset) {
        for fault in self.faults.iter_mut().filter(|f| f.act.is_some() && f.span_end.is_none()) {
            if !fault.held || self.end.is_some() {
                fault.span_end = Some(at);
            }
        }
    }

    /// Puts everything in its place, because nothing more will come. Called with the last event; again is harmless.
    pub fn finish(&mut self) {
        if let Some(last) = self.phases.last_mut() {
            last.to = last.to.or(Some(self.now));
        }
        let (floor, now) = (self.load_floor(), self.now);
        if let Some(signal) = &mut self.signal {
            signal.finish(now, floor, Streams { probes: &self.probes, loads: &self.loads });
        }
        self.look();
        self.end_spans(now);
        self.settle(true);
    }

    /// The time up to which load and probes must have been on: the start of the after phase or, in a run that was cut
    /// short, of the last phase with load. They stop in the course of it, and that they do is no blindness.
    fn load_floor(&self) -> Offset {
        let loaded = |p: &&PhaseSpan| p.phase <= Phase::After;
        self.phases.iter().rfind(loaded).map_or(Offset::ZERO, |p| p.from)
    }

    fn settle(&mut self, all: bool) {
        let spans = self.spans();
        // Up to here it is known which windows lie in which span.
        let recent = self.now - MARK_DELAY;
        let open = self.faults.iter().filter(|f| !f.held && f.act.is_some() && f.span_end.is_none());
        let known = open.filter_map(|fault| {
            let signal = self.signal.as_ref()?;
            Some(signal.good_since().map_or(signal.horizon(), |good| good.max(fault.inject.unwrap_or(good))))
        });
        let through = known.min().map_or(recent, |known| known.min(recent));
        for load in self.loads.values_mut() {
            load.settle(self.now, through, &spans, all);
        }
    }

    /// Every span with its place in time: phases, faults that acted, and the whole run.
    pub fn spans(&self) -> Vec<SpanRange> {
        let mut spans: Vec<SpanRange> = vec![SpanRange { span: Span::Total, from: Offset(i64::MIN), to: None }];
        for p in &self.phases {
            let phase = if p.phase == Phase::Undo { Phase::Fault } else { p.phase };
            match spans.last_mut() {
                Some(last) if last.span == Span::Phase(phase) => last.to = p.to,
                _ => spans.push(SpanRange { span: Span::Phase(phase), from: p.from, to: p.to }),
            }
        }
        let fault = |(n, f): (usize, &FaultTrack)| {
            let (from, to) = f.span()?;
            Some(SpanRange { span: Span::Fault(n), from, to })
        };
        spans.extend(self.faults.iter().enumerate().filter_map(fault));
        spans
    }

    /// The place of a phase or, when no phase is called so, of a fault that acted.
    pub fn span_named(&self, name: &str) -> Option<SpanRange> {
        let named = |span: &SpanRange| match span.span {
            Span::Phase(phase) => phase.as_str() == name,
            Span::Fault(n) => self.faults[n].name.as_str() == name,
            Span::Total => name == "total",
            // Each stream has its own.
            Span::Stage(_) | Span::Step(_) => false,
        };
        self.spans().into_iter().find(named)
    }

    /// A phase, when it took place.
    pub fn phase_span(&self, phase: Phase) -> Option<PhaseSpan> {
        self.phases.iter().find(|p| p.phase == phase).copied()
    }

    /// When the first fault acted, of those that were seen in effect.
    pub fn first_act(&self) -> Option<Offset> {
        self.faults.iter().filter_map(|fault| fault.inject.and(fault.act)).min()
    }

    /// A fault by name.
    pub fn fault(&self, name: &Name) -> Option<&FaultTrack> {
        self.faults.iter().find(|f| f.name == *name)
    }

    /// The recovery signal, looked at up to the newest event or tick; none: the scenario has none.
    pub fn signal(&self) -> Option<&Signal> {
        self.signal.as_ref()
    }

    /// What the recovery signal says at the horizon, since when, and when it was last bad; none: the scenario has no
    /// signal. A signal that has not seen anything is blind.
    pub fn pulse(&mut self, now: Offset) -> Option<Pulse> {
        self.tick(now);
        let signal = self.signal.as_ref()?;
        let (state, since) = signal.state().unwrap_or((SignalState::Blind, Offset::ZERO));
        let last_bad = signal.stretches().rfind(|s| s.state == SignalState::Bad).map(|s| s.to);
        Some(Pulse { state, since, last_bad, horizon: signal.horizon() })
    }

    /// What a condition measures over [`from`, `to`), and whether it holds; its `for` plays no part.
    pub fn measure(&self, condition: &Condition, from: Offset, to: Offset) -> Measured {
        query::measure(condition, self, from, to).into()
    }

    /// The ledger's writes, in the order in which their fate was known.
    pub fn ledger_entries(&self) -> Vec<Entry> {
        self.writes.clone()
    }

    /// Latencies of successes of each second and load stream, for interval logs, by their start: stream, start, length,
    /// histogram. What is more than an hour old may be kept in intervals of a minute.
    pub fn interval_histograms(&self) -> impl Iterator<Item = (&Name, Offset, Delta, Sparse)> {
        let length = Delta::from_millis(1_000);
        let end = self.loads.values().map(LoadTrack::end).max().unwrap_or(Offset::ZERO);
        let seconds = 0..usize::try_from(end.nanos() / length.nanos() + 1).unwrap_or(0);
        let of = move |n: usize| {
            let start = Offset(length.nanos() * n as i64);
            self.loads.iter().filter_map(move |(name, load)| {
                let (hist, kept) = load.second(n).filter(|(_, kept)| kept.start == n)?;
                Some((name, start, Delta(length.nanos() * kept.len() as i64), hist))
            })
        };
        seconds.flat_map(of).filter(|(.., hist)| hist.total() > 0)
    }

    /// Wall-clock time of offset 0 in seconds since 1970, when the first event says it.
    pub fn started_epoch_seconds(&self) -> Option<f64> {
        let started: jiff::Timestamp = self.started.as_ref()?.utc.parse().ok()?;
        Some(started.as_nanosecond() as f64 / 1e9)
    }

    /// Probes and load streams together.
    pub fn streams(&self) -> Streams<'_> {
        Streams { probes: &self.probes, loads: &self.loads }
    }

    /// The time of the newest event or tick.
    pub fn now(&self) -> Offset {
        self.now
    }

    /// Bytes it takes, about.
    pub fn heap(&self) -> usize {
        let looks: usize = self.probes.values().map(|p| size_of_val(p.looks())).sum();
        let loads: usize = self.loads.values().map(LoadTrack::heap).sum();
        looks + loads + self.writes.capacity() * size_of::<Entry>()
    }
}

/// The end of the span of a fault that is one act: see [`FaultTrack::span`].
fn act_span_end(fault: &FaultTrack, signal: &Signal, hold: Delta) -> Option<Offset> {
    let after = fault.inject.filter(|_| fault.act.is_some())?;
    let good = signal.recovered_since(after, hold)?;
    Some(if good > after { good } else { after + hold })
}
