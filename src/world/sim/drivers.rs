//! The drivers that harm and heal, simulated.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::state::{START_UP, Serving, SimLink, SimService};
use super::{Driver, Sim};
use crate::clock::Clock;
use crate::model::{LinkAddress, LinkRule, Member, Name, ProcessId, Readiness, RuleId, Signal};
use crate::safety::{CommandUndo, Licence, LinkUndo, ProcessUndo, Reverted, Standing};
use crate::scenario::target::ProcessSelector;
use crate::world::DriverError;
use crate::world::command::{CommandLine, CommandOutput, Commands};
use crate::world::links::Links;
use crate::world::process::{ProcessState, Processes};
use crate::world::services::{ServiceChange, ServiceLaunch, ServiceNotice, Services};

/// The control address of every simulated link.
const CONTROL: &str = "simulated";

#[async_trait]
impl Processes for Driver {
    async fn resolve(&self, selector: &ProcessSelector) -> Result<Vec<ProcessId>, DriverError> {
        let state = self.sim.state();
        let found = match selector {
            ProcessSelector::Service(name) => state.services.get(name).and_then(|s| s.process),
            ProcessSelector::Foreign(foreign) => {
                state.foreign.iter().find(|f| f.selector == *foreign).and_then(|f| f.process)
            }
        };
        found.map(|p| vec![p]).ok_or_else(|| DriverError::NotFound("no such process in the simulated world".into()))
    }

    async fn look(&self, selector: &ProcessSelector) -> Result<Vec<Member>, DriverError> {
        let own = matches!(selector, ProcessSelector::Service(_));
        let found = self.resolve(selector).await?;
        let member = |process: ProcessId| Member {
            identity: format!("{}@{}", process.pid, process.start),
            shown: process.to_string(),
            name: "simulated".into(),
            owner: if own { "this drill".into() } else { String::new() },
            labels: Default::default(),
            readiness: match self.sim.process_state(self.clock, process) {
                ProcessState::Running => Readiness::Ready,
                state => Readiness::NotReady(format!("{state:?}").to_lowercase()),
            },
            own,
        };
        Ok(found.into_iter().map(member).collect())
    }

    async fn signal(&self, process: ProcessId, signal: Signal, licence: Licence<'_>) -> Result<(), DriverError> {
        let _ = licence;
        self.sim.crash().pass("signal, before").await;
        self.sim.clone().signal(self.clock, process, signal);
        self.sim.crash().pass("signal, after").await;
        Ok(())
    }

    async fn state(&self, process: ProcessId) -> Result<ProcessState, DriverError> {
        Ok(self.sim.process_state(self.clock, process))
    }

    async fn revert(&self, undo: &ProcessUndo) -> Result<Reverted, DriverError> {
        self.sim.crash().pass("revert of a process, before").await;
        let reverted = match undo {
            ProcessUndo::Killed { process, .. } => match self.sim.process_state(self.clock, *process) {
                ProcessState::Gone => Reverted::TargetGone,
                _ => Reverted::AlreadyBack,
            },
            ProcessUndo::Continue { process } => match self.sim.process_state(self.clock, *process) {
                ProcessState::Gone => Reverted::TargetGone,
                ProcessState::Running => Reverted::AlreadyBack,
                ProcessState::Stopped => {
                    self.sim.clone().signal(self.clock, *process, Signal::CONT);
                    Reverted::Restored
                }
            },
        };
        self.sim.crash().pass("revert of a process, after").await;
        Ok(reverted)
    }

    async fn standing(&self, undo: &ProcessUndo) -> Result<Standing, DriverError> {
        Ok(match undo {
            ProcessUndo::Continue { process } => match self.sim.process_state(self.clock, *process) {
                ProcessState::Stopped => Standing::InForce { touched: 1 },
                _ => Standing::Gone,
            },
            ProcessUndo::Killed { process, .. } => match self.sim.process_state(self.clock, *process) {
                ProcessState::Gone => Standing::InForce { touched: 1 },
                _ => Standing::Gone,
            },
        })
    }
}

impl Sim {
    fn process_state(&self, clock: Clock, process: ProcessId) -> ProcessState {
        let state = self.state();
        if let Some(service) = state.services.values().find(|s| s.process == Some(process)) {
            let _ = clock;
            return match service.history.last() {
                Some((_, Serving::Stopped)) => ProcessState::Stopped,
                _ => ProcessState::Running,
            };
        }
        match state.foreign.iter().find(|f| f.process == Some(process)) {
            Some(f) if f.stopped => ProcessState::Stopped,
            Some(_) => ProcessState::Running,
            None => ProcessState::Gone,
        }
    }

    fn signal(self, clock: Clock, process: ProcessId, signal: Signal) {
        let now = clock.now();
        let killed = self.change(|state| {
            if let Some(f) = state.foreign.iter_mut().find(|f| f.process == Some(process)) {
                match signal {
                    Signal::STOP => f.stopped = true,
                    Signal::CONT => f.stopped = false,
                    _ => f.process = None,
                }
                return None;
            }
            let (name, service) = state.services.iter_mut().find(|(_, s)| s.process == Some(process))?;
            match signal {
                Signal::STOP => service.becomes(now, Serving::Stopped),
                Signal::CONT => service.becomes(now, Serving::Up),
                _ => {
                    service.becomes(now, Serving::Down);
                    service.process = None;
                    let change = ServiceChange::Exited { process, code: None, signal: Some(signal.number()) };
                    let _ = service.notices.try_send(ServiceNotice { service: name.clone(), at: now, change });
                    return service.restart_after.map(|after| (name.clone(), after));
                }
            }
            None
        });
        if let Some((name, after)) = killed {
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                self.start_service(clock, &name).await;
            });
        }
    }

    /// Starts the process of a service; it serves a little later.
    async fn start_service(&self, clock: Clock, name: &Name) {
        let started = self.change(|state| {
            let process = state.new_process();
            let service = state.services.get_mut(name)?;
            service.process = Some(process);
            let change = ServiceChange::Started(process);
            let _ = service.notices.try_send(ServiceNotice { service: name.clone(), at: clock.now(), change });
            Some(process)
        });
        let Some(process) = started else { return };
        tokio::time::sleep(START_UP).await;
        self.change(|state| {
            let still = state.services.get_mut(name).filter(|s| s.process == Some(process));
            if let Some(service) = still {
                service.becomes(clock.now(), Serving::Up);
            }
        });
    }
}

#[async_trait]
impl Services for Driver {
    async fn start(&self, launch: ServiceLaunch, notices: mpsc::Sender<ServiceNotice>) -> Result<(), DriverError> {
        let service = SimService { process: None, restart_after: launch.restart_after, notices, history: Vec::new() };
        self.sim.change(|state| state.services.insert(launch.name.clone(), service));
        self.sim.start_service(self.clock, &launch.name).await;
        Ok(())
    }

    fn current(&self, service: &Name) -> Option<ProcessId> {
        self.sim.state().services.get(service)?.process
    }

    async fn stop_all(&self, grace: Duration) {
        let _ = grace;
        self.sim.change(|state| state.services.clear());
    }
}

#[async_trait]
impl Links for Driver {
    async fn open(&self, links: &[LinkAddress], seed: u64) -> Result<(), DriverError> {
        let _ = seed;
        self.sim.change(|state| {
            for link in links {
                let sim = SimLink { upstream: link.upstream.clone(), rules: Default::default(), history: Vec::new() };
                state.listeners.insert(link.listen.clone(), link.name.clone());
                state.links.insert(link.name.clone(), sim);
            }
        });
        Ok(())
    }

    fn control(&self, link: &Name) -> Result<String, DriverError> {
        let known = self.sim.state().links.contains_key(link);
        if known { Ok(CONTROL.into()) } else { Err(DriverError::NotFound(format!("no link {link}"))) }
    }

    async fn set_rule(
        &self,
        link: &Name,
        id: &RuleId,
        rule: &LinkRule,
        licence: Licence<'_>,
    ) -> Result<(), DriverError> {
        let _ = licence;
        self.sim.crash().pass("set_rule, before").await;
        let now = self.now();
        let set = self.sim.change(|state| {
            let link = state.links.get_mut(link)?;
            link.rules.insert(id.clone(), (rule.clone(), 0));
            link.note_rules(now);
            Some(())
        });
        self.sim.crash().pass("set_rule, after").await;
        set.ok_or_else(|| DriverError::NotFound(format!("no link {link}")))
    }

    async fn revert(&self, undo: &LinkUndo) -> Result<Reverted, DriverError> {
        self.sim.crash().pass("remove_rule, before").await;
        let now = self.now();
        let reverted = self.sim.change(|state| {
            let Some(link) = state.links.get_mut(&undo.link) else { return Reverted::TargetGone };
            let removed = link.rules.remove(&undo.rule).is_some();
            link.note_rules(now);
            if removed { Reverted::Restored } else { Reverted::AlreadyBack }
        });
        self.sim.crash().pass("remove_rule, after").await;
        Ok(reverted)
    }

    async fn standing(&self, undo: &LinkUndo) -> Result<Standing, DriverError> {
        let state = self.sim.state();
        let rule = state.links.get(&undo.link).and_then(|link| link.rules.get(&undo.rule));
        Ok(rule.map_or(Standing::Gone, |(_, touched)| Standing::InForce { touched: *touched }))
    }

    async fn close(&self) {
        self.sim.change(|state| {
            state.links.clear();
            state.listeners.clear();
        });
    }
}

#[async_trait]
impl Commands for Driver {
    async fn run(&self, command: &CommandLine) -> Result<CommandOutput, DriverError> {
        let _ = command;
        Ok(CommandOutput { code: Some(0), tail: "simulated".into() })
    }

    async fn inject(&self, command: &CommandLine, licence: Licence<'_>) -> Result<CommandOutput, DriverError> {
        let _ = licence;
        self.sim.crash().pass("command, before").await;
        let inverse = self.sim.inverse_of(&command.argv);
        self.sim.change(|state| state.commands.insert(inverse));
        self.sim.crash().pass("command, after").await;
        Ok(CommandOutput { code: Some(0), tail: "simulated".into() })
    }

    async fn revert(&self, undo: &CommandUndo) -> Result<Reverted, DriverError> {
        self.sim.crash().pass("inverse command, before").await;
        self.sim.change(|state| state.commands.remove(&undo.argv.join(" ")));
        self.sim.crash().pass("inverse command, after").await;
        // A command cannot be asked whether there was anything to do.
        Ok(Reverted::Restored)
    }

    async fn standing(&self, undo: &CommandUndo) -> Result<Standing, DriverError> {
        let stands = self.sim.state().commands.contains(&undo.argv.join(" "));
        Ok(if stands { Standing::InForce { touched: 1 } } else { Standing::Gone })
    }
}

impl Sim {
    /// The inverse that the scenario gives for an inject command.
    fn inverse_of(&self, argv: &[String]) -> String {
        let faults = self.inner.scenario.faults.iter();
        let mut inverse = faults.filter_map(|f| match &f.spec {
            crate::scenario::FaultSpec::CommandFault(c) if c.inject == argv => Some(c.undo.join(" ")),
            _ => None,
        });
        inverse.next_back().unwrap_or_default()
    }
}
