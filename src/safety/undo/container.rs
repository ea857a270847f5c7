//! Undo of what was done to a container of an engine.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Failover, Family, Home, MachineUndo};
use crate::model::{ContainerId, ContainerLimits, Endpoint, HumanDuration, ProcessId};

/// Time of one call to an engine: of a request that its caller did not survive, too.
const CALL: Duration = Duration::from_secs(5);

/// Undo for a container. It means the container by the engine's id: one that took its name later is never touched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerUndo {
    /// The container.
    pub container: ContainerId,
    /// What the engine calls itself, so that another one at the same address does not count as proof that the container
    /// is gone. Empty where an engine has no lasting id (Podman).
    #[serde(default)]
    pub engine_id: String,
    /// How long after its caller vanished the act can still take effect.
    pub flight: HumanDuration,
    /// What was done.
    pub effect: ContainerEffect,
    /// Who may have taken over meanwhile: it is asked before this container is started again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<Failover>,
}

/// What was done to a container, and so what takes it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerEffect {
    /// It was paused: unpause it, if it is still the same incarnation.
    Paused {
        /// When the incarnation that was paused had started, as the engine says it.
        started: String,
    },
    /// It was stopped or killed and stays down: start it.
    Down {
        /// When the incarnation that was ended had started.
        started: String,
    },
    /// One incarnation of it was ended, and something starts the next: make sure that it runs.
    Ended {
        /// When that incarnation had started.
        started: String,
        /// Its first process, where this host sees it.
        #[serde(default)]
        process: Option<ProcessId>,
        /// The restart policy that heals it; none: nothing does but the undo.
        #[serde(default)]
        policy: Option<String>,
        /// How long the policy gets before the undo starts it.
        patience: HumanDuration,
        /// The first process was offered to the out-of-memory killer: this is what it was worth before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        oom_score_adj: Option<i32>,
        /// The worker that takes its memory meanwhile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        worker: Option<Box<MachineUndo>>,
    },
    /// It was taken out of a network: connect it again as it was.
    Disconnected {
        /// Its place there.
        endpoint: Endpoint,
        /// Another address than before is no undo.
        keep_address: bool,
    },
    /// Its limits were changed: set them back.
    Limited {
        /// What sets them back. Limits that were unset before have a value here that limits nothing.
        before: ContainerLimits,
        /// What they were set to.
        during: ContainerLimits,
    },
}

impl ContainerUndo {
    /// When the incarnation that was ended had started; none where nothing was ended.
    pub fn ended(&self) -> Option<&str> {
        match &self.effect {
            ContainerEffect::Down { started } | ContainerEffect::Ended { started, .. } => Some(started),
            _ => None,
        }
    }

    /// The worker that has to be ended before anything else is taken back.
    pub fn worker(&self) -> Option<&MachineUndo> {
        match &self.effect {
            ContainerEffect::Ended { worker, .. } => worker.as_deref(),
            _ => None,
        }
    }
}

impl Family for ContainerUndo {
    fn by_hand(&self) -> String {
        let id: String = self.container.id.chars().take(12).collect();
        let engine = if self.container.engine.is_empty() { "" } else { &format!(" -H {}", self.container.engine) };
        let docker = format!("docker{engine}");
        match &self.effect {
            ContainerEffect::Paused { .. } => format!("{docker} unpause {id}"),
            ContainerEffect::Down { .. } => format!("{docker} start {id}"),
            ContainerEffect::Ended { process, oom_score_adj: Some(worth), .. } => {
                let pid = process.map_or_else(|| "PID".into(), |p| p.pid.to_string());
                let end = self.worker().map_or_else(String::new, |worker| format!("{}; ", worker.by_hand()));
                format!("{end}{docker} start {id}; if it never ended: echo {worth} > /proc/{pid}/oom_score_adj")
            }
            ContainerEffect::Ended { .. } => format!("{docker} start {id}"),
            ContainerEffect::Disconnected { endpoint, .. } => {
                let aliases = endpoint.aliases.iter().map(|alias| format!(" --alias {alias}"));
                let fixed = (!endpoint.fixed.is_empty()).then(|| format!(" --ip {}", endpoint.fixed));
                let links = endpoint.links.iter().map(|link| format!(" --link {link}"));
                let options: String = aliases.chain(fixed).chain(links).collect();
                format!("{docker} network connect{options} {} {id}", endpoint.network)
            }
            ContainerEffect::Limited { before, .. } => {
                let set = before.fields().into_iter().filter_map(|(name, value)| Some((name, value?)));
                let options: String = set
                    .map(|(name, value)| match name {
                        "nano-cpus" => format!(" --cpus {}", value as f64 / 1e9),
                        name => format!(" --{name} {value}"),
                    })
                    .collect();
                format!("{docker} update{options} {id}")
            }
        }
    }

    fn subject(&self) -> String {
        self.container.to_string()
    }

    fn longest(&self) -> Duration {
        match &self.effect {
            ContainerEffect::Paused { .. } | ContainerEffect::Limited { .. } => 4 * CALL,
            ContainerEffect::Down { .. } | ContainerEffect::Disconnected { .. } => 6 * CALL,
            ContainerEffect::Ended { patience, .. } => patience.get() + 6 * CALL,
        }
    }

    fn flight(&self) -> Duration {
        self.flight.get()
    }

    /// What was hurt was one incarnation, and the next one runs in its place when `revert` answers: there is nothing
    /// else to look at.
    fn answer_is_proof(&self) -> bool {
        matches!(self.effect, ContainerEffect::Ended { .. })
    }

    /// An engine on this machine keeps what was done to its containers over a reboot; one behind an address is the same
    /// from everywhere.
    fn home(&self) -> Home {
        if self.container.engine.starts_with("tcp://") { Home::Anywhere } else { Home::Machine }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undo(effect: ContainerEffect) -> ContainerUndo {
        let container = ContainerId {
            id: "0123456789abcdef".repeat(4),
            name: "db".into(),
            engine: "unix:///var/run/docker.sock".into(),
        };
        ContainerUndo { container, engine_id: "E".into(), flight: HumanDuration::from_secs(5), effect, failover: None }
    }

    #[test]
    fn every_undo_can_be_pasted_into_a_shell() {
        let by_hand = |effect| undo(effect).by_hand();
        let docker = "docker -H unix:///var/run/docker.sock";
        let started = || "2026-01-01T00:00:00Z".to_owned();
        assert_eq!(by_hand(ContainerEffect::Paused { started: started() }), format!("{docker} unpause 0123456789ab"));
        assert_eq!(by_hand(ContainerEffect::Down { started: started() }), format!("{docker} start 0123456789ab"));
        let endpoint = Endpoint {
            network: "shop_default".into(),
            aliases: vec!["db".into(), "primary".into()],
            fixed: "10.1.0.9".into(),
            ..Endpoint::default()
        };
        assert_eq!(
            by_hand(ContainerEffect::Disconnected { endpoint, keep_address: true }),
            format!("{docker} network connect --alias db --alias primary --ip 10.1.0.9 shop_default 0123456789ab")
        );
        let before = ContainerLimits { nano_cpus: Some(1_500_000_000), pids: Some(-1), ..ContainerLimits::default() };
        assert_eq!(
            by_hand(ContainerEffect::Limited { before, during: ContainerLimits::default() }),
            format!("{docker} update --cpus 1.5 --pids-limit -1 0123456789ab")
        );
    }

    #[test]
    fn an_engine_behind_an_address_is_the_same_from_everywhere() {
        let mut undo = undo(ContainerEffect::Down { started: String::new() });
        assert_eq!(undo.home(), Home::Machine);
        undo.container.engine = "tcp://10.0.0.1:2375".into();
        assert_eq!(undo.home(), Home::Anywhere);
    }
}
