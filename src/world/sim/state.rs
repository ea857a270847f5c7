//! What there is in the simulated world.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::model::{HumanDuration, LinkRule, Name, Offset, ProcessId, RuleId, Ways};
use crate::scenario::fault::Impact;
use crate::scenario::target::{ForeignProcess, ProcessSelector};
use crate::scenario::{Scenario, Target};
use crate::world::services::ServiceNotice;

/// How long a service takes from its start until it serves.
pub(super) const START_UP: Duration = Duration::from_millis(50);

/// Whether something serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Serving {
    /// It answers.
    Up,
    /// It is there and does nothing: stopped by a signal.
    Stopped,
    /// It is not there.
    Down,
}

/// A service, and how it was at every moment so far.
#[derive(Debug)]
pub(super) struct SimService {
    pub(super) process: Option<ProcessId>,
    pub(super) restart_after: Option<Duration>,
    pub(super) notices: mpsc::Sender<ServiceNotice>,
    /// From when on it is how.
    pub(super) history: Vec<(Offset, Serving)>,
}

/// A process that the drill did not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SimForeign {
    pub(super) selector: ForeignProcess,
    pub(super) process: Option<ProcessId>,
    pub(super) stopped: bool,
}

/// A link, and its rules at every moment so far.
#[derive(Debug)]
pub(super) struct SimLink {
    pub(super) upstream: String,
    pub(super) rules: BTreeMap<RuleId, (LinkRule, u64)>,
    pub(super) history: Vec<(Offset, Vec<LinkRule>)>,
}

/// Everything in the world.
#[derive(Debug)]
pub(super) struct State {
    pub(super) services: BTreeMap<Name, SimService>,
    /// Who answers at which `host:port`.
    pub(super) addresses: BTreeMap<String, Name>,
    pub(super) foreign: Vec<SimForeign>,
    pub(super) links: BTreeMap<Name, SimLink>,
    /// `host:port` of each link.
    pub(super) listeners: BTreeMap<String, Name>,
    /// Inject commands whose inverse has not run: by the inverse.
    pub(super) commands: BTreeSet<String>,
    /// Effects of faults on what is not drawn in detail here: containers, networks, hosts, databases.
    pub(super) effects: BTreeSet<String>,
    /// Signals that were sent: to whom, and their number.
    pub(super) signalled: BTreeSet<(ProcessId, i32)>,
    /// How many of them stood from when on.
    pub(super) effects_history: Vec<(Offset, usize)>,
    /// What the stack that the drill is aimed at makes of them.
    temper: Temper,
    /// What was stored, by id: the body and how often.
    pub(super) store: BTreeMap<String, String>,
    next_pid: i32,
}

/// How long a stack that recovers by itself takes, after the newest effect on it.
const TAKES_OVER: Duration = Duration::from_secs(2);

/// How the stack that is aimed at takes effects on its parts: as the scenario says that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Temper {
    /// No fault is expected to be seen: it serves all the time.
    Unmoved,
    /// It is down for as long as an effect stands.
    Falls,
    /// It is down at first and recovers with the effect still on, which is what `until: recovered` waits for.
    TakesOver,
}

impl Temper {
    fn of(scenario: &Scenario) -> Temper {
        let faults = &scenario.faults;
        match faults.iter().any(|fault| fault.impact == Impact::Expected) {
            false => Temper::Unmoved,
            true if faults.iter().any(|fault| fault.until.as_ref().is_some_and(|until| until.recovered)) => {
                Temper::TakesOver
            }
            true => Temper::Falls,
        }
    }

    /// Whether it is down at a moment, by how many effects stood from when on.
    fn is_down(self, history: &[(Offset, usize)], at: Offset) -> bool {
        let stands = at_moment(history, at).is_some_and(|effects| *effects > 0);
        match self {
            Temper::Unmoved => false,
            Temper::Falls => stands,
            Temper::TakesOver => {
                let known = history.iter().take_while(|(since, _)| *since <= at).count();
                let before = |n: usize| n.checked_sub(1).map_or(0, |n| history[n].1);
                let newest = (0..known).rev().find(|n| history[*n].1 > before(*n)).map(|n| history[n].0);
                stands && newest.is_some_and(|since| at < since + TAKES_OVER)
            }
        }
    }
}

/// What a drill must leave as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Processes that the drill did not start: there, and not stopped?
    pub foreign: Vec<(bool, bool)>,
    /// Rules that stand, by link.
    pub rules: Vec<(Name, RuleId)>,
    /// Commands whose inverse has not run.
    pub commands: Vec<String>,
    /// Effects that stand on containers, networks, hosts and databases.
    pub effects: Vec<String>,
    /// Services that run.
    pub services: Vec<Name>,
}

impl State {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let mut state = State {
            services: BTreeMap::new(),
            addresses: addresses(scenario),
            foreign: Vec::new(),
            links: BTreeMap::new(),
            listeners: BTreeMap::new(),
            commands: BTreeSet::new(),
            effects: BTreeSet::new(),
            signalled: BTreeSet::new(),
            effects_history: Vec::new(),
            temper: Temper::of(scenario),
            store: BTreeMap::new(),
            next_pid: 1000,
        };
        for target in scenario.targets.values() {
            if let Target::Process(ProcessSelector::Foreign(selector)) = target {
                let process = Some(state.new_process());
                state.foreign.push(SimForeign { selector: selector.clone(), process, stopped: false });
            }
        }
        state
    }

    pub(super) fn new_process(&mut self) -> ProcessId {
        self.next_pid += 1;
        ProcessId { pid: self.next_pid, start: self.next_pid as u64 }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let rules = self.links.iter().flat_map(|(name, link)| link.rules.keys().map(|r| (name.clone(), r.clone())));
        Snapshot {
            foreign: self.foreign.iter().map(|f| (f.process.is_some(), f.stopped)).collect(),
            rules: rules.collect(),
            commands: self.commands.iter().cloned().collect(),
            effects: self.effects.iter().cloned().collect(),
            services: self.services.iter().filter(|(_, s)| s.process.is_some()).map(|(n, _)| n.clone()).collect(),
        }
    }

    pub(super) fn runner_died(&mut self) {
        self.services.clear();
        self.links.clear();
        self.listeners.clear();
    }

    /// How the service at an address was at a moment. Addresses that no service of the drill owns belong to the stack
    /// that it is aimed at, which behaves as the scenario expects it to (`Temper`).
    pub(super) fn serving(&self, address: &str, at: Offset) -> Serving {
        let Some(name) = self.addresses.get(address) else {
            let hurt = self.temper.is_down(&self.effects_history, at);
            return if hurt { Serving::Down } else { Serving::Up };
        };
        let Some(service) = self.services.get(name) else { return Serving::Down };
        at_moment(&service.history, at).copied().unwrap_or(Serving::Down)
    }

    /// The rules of the link that listens at an address, at a moment, and what stands behind it.
    pub(super) fn link_at(&self, address: &str, at: Offset) -> Option<(&Name, &[LinkRule], &str)> {
        let name = self.listeners.get(address)?;
        let link = self.links.get(name)?;
        let rules = at_moment(&link.history, at).map_or(&[][..], Vec::as_slice);
        Some((name, rules, &link.upstream))
    }

    /// Counts that the rules of a link met somebody.
    pub(super) fn touch(&mut self, link: &Name, times: u64) {
        if let Some(link) = self.links.get_mut(link) {
            link.rules.values_mut().for_each(|(_, touched)| *touched += times);
        }
    }
}

impl SimService {
    pub(super) fn becomes(&mut self, at: Offset, serving: Serving) {
        self.history.push((at, serving));
    }
}

impl SimLink {
    pub(super) fn note_rules(&mut self, at: Offset) {
        self.history.push((at, self.rules.values().map(|(rule, _)| rule.clone()).collect()));
    }
}

/// The entry that was in force at a moment.
fn at_moment<T>(history: &[(Offset, T)], at: Offset) -> Option<&T> {
    let after = history.partition_point(|(from, _)| *from <= at);
    after.checked_sub(1).map(|i| &history[i].1)
}

/// Which service answers at which address: its readiness address, or any `host:port` among its arguments.
fn addresses(scenario: &Scenario) -> BTreeMap<String, Name> {
    let mut addresses = BTreeMap::new();
    for (name, service) in &scenario.services {
        let ready = service.ready.iter();
        let told = ready.flat_map(|r| r.http.as_deref().map(authority).into_iter().chain(r.tcp.as_deref()));
        let words = service.command.iter().map(String::as_str).filter(|w| w.contains(':') && !w.contains('/'));
        for address in told.chain(words) {
            addresses.insert(address.to_owned(), name.clone());
        }
    }
    addresses
}

/// The `host:port` of an address.
pub(super) fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest)
}

/// Bytes of a request, or of its answer.
const MESSAGE: u64 = 1000;

/// What rules make of a request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bent {
    /// They pass, so much later.
    Late(Duration),
    /// Nothing passes.
    Held,
    /// The connection is refused or broken.
    Broken,
}

/// What rules make of a request and its answer. A rule for some of the connections is drawn as one that meets them all
/// and leaves them as they are; so is a rule for some HTTP requests.
pub(super) fn bent(rules: &[LinkRule]) -> Bent {
    let mut late = Duration::ZERO;
    for rule in rules.iter().filter(|rule| rule.scope().probability.0 >= 1.0) {
        let ways = if rule.scope().direction == Ways::Both { 2 } else { 1 };
        match rule {
            LinkRule::Latency { latency, .. } => late += ways * latency.get(),
            LinkRule::Bandwidth { rate, .. } => {
                late += ways * Duration::from_nanos(MESSAGE * 1_000_000_000 / rate.0.max(1));
            }
            LinkRule::Slicer { average_size, delay, .. } => {
                late += ways * delay.get() * u32::try_from(MESSAGE / average_size.0.max(1)).unwrap_or(u32::MAX);
            }
            LinkRule::PacketLoss { loss, retransmit, .. } => late += ways * retransmit.get().mul_f64(loss.0),
            LinkRule::Http { rule, .. } => late += rule.delay.map_or(Duration::ZERO, HumanDuration::get),
            LinkRule::SlowClose { .. } => {}
            LinkRule::LimitData { bytes, .. } if bytes.0 >= MESSAGE => {}
            LinkRule::Down { .. } | LinkRule::Reset { .. } | LinkRule::LimitData { .. } => return Bent::Broken,
            LinkRule::Timeout { .. } => return Bent::Held,
        }
    }
    Bent::Late(late)
}
