//! Hand-made runs for tests: events without a drill.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;

use super::Timeline;
use super::event::{EndReason, Event, EventKind, Fate, FaultMark, LedgerReading, Sight, StepMark};
use super::hist::encode_hist;
use super::load_line::{Slot, WindowLine};
use crate::model::{Name, Offset, RunId};
use crate::scenario::Scenario;
use crate::scenario::phases::Phase;
use crate::scenario::plan::{Plan, VERSION};
use crate::scenario::profile::Profile;

/// A profile of the open model: 100 requests a second.
pub(crate) const OPEN: &str = "{simulacro_profile: 1, name: steady, constant_arrival_rate: {rate: 100}, timeout: 1s, \
     requests: [{name: list, path: /}]}";

/// A profile of the closed model.
pub(crate) const CLOSED: &str = "{simulacro_profile: 1, name: users, constant_vus: {vus: 5}, timeout: 1s, \
     journeys: [{name: shop, steps: [{name: list, path: /}]}]}";

/// Milliseconds since the start, as an offset.
pub(crate) fn ms(ms: i64) -> Offset {
    Offset::from_millis(ms)
}

/// A name.
pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A plan of a scenario in YAML with load profiles.
pub(crate) fn plan(yaml: &str, profiles: &[(&str, &str)]) -> Plan {
    let scenario: Scenario = serde_saphyr::from_str(yaml).unwrap();
    let profile = |(stream, yaml): &(&str, &str)| (name(stream), Profile::from_yaml(yaml).unwrap());
    Plan {
        version: VERSION,
        run: RunId("run".into()),
        file: "drill.yaml".into(),
        digest: "d".into(),
        objectives_digest: "o".into(),
        seed: 7,
        scenario,
        profiles: profiles.iter().map(profile).collect::<BTreeMap<_, _>>(),
        dir: "reports/run".into(),
        simulated: true,
        allow_commands: false,
        host: "host".into(),
        load: None,
        retry_of: None,
        consent: Default::default(),
        machine: None,
    }
}

/// What one window of load is like.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fare {
    pub ok: u64,
    pub err: u64,
    pub dropped: u64,
    pub not_sent: u64,
    pub pending: u64,
    pub latency_us: u64,
    /// So many windows later the failures came; 0: within the window.
    pub failed_later: u32,
    /// The request name; empty: `list`.
    pub request: &'static str,
}

/// Ten good requests of 2 ms.
pub(crate) const FINE: Fare =
    Fare { ok: 10, err: 0, dropped: 0, not_sent: 0, pending: 0, latency_us: 2_000, failed_later: 0, request: "" };

/// Ten refused requests.
pub(crate) const REFUSED: Fare = Fare { ok: 0, err: 10, latency_us: 1_000, ..FINE };

/// Events under construction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    pub events: Vec<(Offset, EventKind)>,
    lines: BTreeMap<Name, u64>,
}

impl Script {
    pub fn at(&mut self, at: i64, what: EventKind) -> &mut Script {
        self.events.push((ms(at), what));
        self
    }

    pub fn phase(&mut self, at: i64, phase: Phase) -> &mut Script {
        self.at(at, EventKind::Phase { phase })
    }

    pub fn fault(&mut self, at: i64, fault: &str, mark: FaultMark) -> &mut Script {
        self.at(at, EventKind::Fault { fault: name(fault), mark })
    }

    /// A fault that acts at `act` and is seen in effect 5 ms later.
    pub fn act(&mut self, act: i64, fault: &str) -> &mut Script {
        self.fault(act, fault, FaultMark::Armed { when: ms(act - 2), targets: vec!["pid 1".into()] });
        self.fault(act, fault, FaultMark::Act { when: ms(act) });
        self.fault(act + 6, fault, FaultMark::Injected { when: ms(act + 5), touched: 1 })
    }

    /// Its undo, observed 10 ms later.
    pub fn undo(&mut self, at: i64, fault: &str) -> &mut Script {
        self.fault(at, fault, FaultMark::Undoing { when: ms(at) });
        self.fault(at + 11, fault, FaultMark::Undone { when: ms(at + 10), found: "restored".into() })
    }

    pub fn step(&mut self, at: i64, step: &str, mark: StepMark) -> &mut Script {
        self.at(at, EventKind::Step { step: name(step), mark })
    }

    /// Looks every `every` ms from `from` on, before `to`; `see` says what the one intended at a time saw, and when it
    /// ended.
    pub fn probe(
        &mut self,
        probe: &str,
        (every, from, to): (i64, i64, i64),
        see: impl Fn(i64) -> (Sight, i64),
    ) -> &mut Script {
        for (n, t) in (from..to).step_by(every as usize).enumerate() {
            let (sight, took) = see(t);
            let what = EventKind::Probe { probe: name(probe), n: n as u64, intended: ms(t), done: ms(t + took), sight };
            self.at(t + took, what);
        }
        self
    }

    /// Looks every 10 ms, refused while the target is down.
    pub fn looks(&mut self, probe: &str, from: i64, to: i64, down: &[(i64, i64)]) -> &mut Script {
        self.probe(probe, (10, from, to), |t| if within(t, down) { (refused(), 1) } else { (Sight::Good, 2) })
    }

    /// A window of load, told 50 ms after its end.
    pub fn window(&mut self, stream: &str, window: i64, fare: Fare) -> &mut Script {
        let told = (window + 1) * 100 + 50;
        let line = self.line(stream, window, fare);
        self.at(told, EventKind::Load { stream: name(stream), line: Box::new(line) })
    }

    pub fn line(&mut self, stream: &str, window: i64, fare: Fare) -> WindowLine {
        let seq = self.lines.entry(name(stream)).or_default();
        let started = fare.ok + fare.err + fare.pending;
        let spread = |n: u64, slot: u64| (n / 10 + u64::from(slot < n % 10)) as u32;
        let slot = |s: u64| Slot {
            slot: s as u8,
            ok: spread(fare.ok, s),
            bad: spread(fare.err + fare.dropped, s),
            max_us: if spread(fare.ok, s) > 0 { fare.latency_us as u32 } else { 0 },
        };
        *seq += 1;
        WindowLine {
            worker: 0,
            seq: *seq - 1,
            window: window as u64,
            name: if fare.request.is_empty() { "list" } else { fare.request }.into(),
            intended: started + fare.dropped + fare.not_sent,
            started,
            pending: fare.pending,
            oldest: 0,
            ok: fare.ok,
            err: fare.err,
            dropped: fare.dropped,
            not_sent: fare.not_sent,
            hist_ok: hist(fare.ok, fare.latency_us),
            hist_err: hist(fare.err, fare.latency_us),
            slots: (0..10).map(slot).filter(|s| s.ok + s.bad > 0).collect(),
            later_failed: if fare.failed_later > 0 { vec![(fare.failed_later, fare.err as u32)] } else { Vec::new() },
            later: (fare.failed_later > 0).then(|| vec![(fare.failed_later, fare.err as u32)]),
            is_final: fare.pending == 0,
            ..WindowLine::default()
        }
    }

    /// Load from `from` to `to`, told window by window.
    pub fn load(&mut self, stream: &str, from: i64, to: i64, fare: impl Fn(i64) -> Fare) -> &mut Script {
        (from / 100..to / 100).for_each(|w| {
            self.window(stream, w, fare(w * 100));
        });
        self.at(to + 60, EventKind::LoadEnd { stream: name(stream) })
    }

    /// Ledger writes every `every` ms from 0 to `to`, acknowledged 3 ms later unless `fate` says otherwise.
    pub fn writes(&mut self, every: i64, to: i64, fate: impl Fn(i64) -> Option<Fate>) -> &mut Script {
        for (n, t) in (0..to).step_by(every as usize).enumerate() {
            let fate = fate(t).unwrap_or(Fate::Acked { when: ms(t + 3) });
            self.at(t + 4, EventKind::Ledger { n: n as u64, intended: ms(t), sent: ms(t), fate });
        }
        self
    }

    /// The final read of the ledger.
    pub fn read(&mut self, at: i64, present: impl IntoIterator<Item = u64>) -> &mut Script {
        let present = present.into_iter().collect();
        let outcome = LedgerReading::Read { present, unexpected: Vec::new(), altered: Vec::new(), reads: 2 };
        self.at(at, EventKind::LedgerRead { node: "orders".into(), outcome })
    }

    pub fn end(&mut self, at: i64) -> &mut Script {
        self.at(at, EventKind::End { reason: EndReason::Completed, remaining: Vec::new() })
    }

    /// The events in their order.
    pub fn sorted(&self) -> Vec<Event> {
        let mut events = self.events.clone();
        events.sort_by_key(|(at, _)| *at);
        let event = |(seq, (at, what)): (usize, (Offset, EventKind))| Event { seq: seq as u64, at, what };
        events.into_iter().enumerate().map(event).collect()
    }

    pub fn timeline(&self, plan: &Plan) -> Timeline {
        Timeline::from_events(plan, &self.sorted())
    }
}

/// A refused look.
pub(crate) fn refused() -> Sight {
    Sight::Bad { why: "connection refused".into() }
}

/// A look that our side could not make.
pub(crate) fn blind() -> Sight {
    Sight::Blind { why: "no file handle left".into() }
}

/// Whether `t` lies in one of the spans.
pub(crate) fn within(t: i64, spans: &[(i64, i64)]) -> bool {
    spans.iter().any(|(from, to)| (*from..*to).contains(&t))
}

fn hist(count: u64, us: u64) -> String {
    let mut hist: Histogram<u32> = super::hist::new_hist();
    hist.record_n(us.max(1), count as u32).unwrap();
    encode_hist(&hist, &mut V2DeflateSerializer::new()).unwrap()
}
