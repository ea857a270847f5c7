//! One fault on one real container, driven as the engine drives it: prepared, armed, injected, looked at, taken back.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use simulacro::clock::Clock;
use simulacro::fault::{Fault as _, FaultContext};
use simulacro::model::{HumanDuration, ProcessId, RunId};
use simulacro::safety::{Header, Journal, Memory, Place, Reverted, Standing, Undo};
use simulacro::scenario::Scenario;
use simulacro::scenario::source::load;
use simulacro::world::docker::HostContainers;
use simulacro::world::machine::HostMachine;
use simulacro::world::sim::Sim;
use simulacro::world::{DriverError, World};

/// Longest wait for an effect.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Stage {
    pub world: World,
    scenario: Scenario,
    journal: Journal,
}

impl Stage {
    /// `target`: the selector as a scenario has it; `fault`: the kind and its fields, aimed at `box`.
    pub fn new(target: &str, fault: &str) -> Stage {
        let yaml =
            format!("name: stage\ntargets: {{ box: {{ container: {target} }} }}\nfaults: [{{ name: f, {fault} }}]\n");
        let (scenario, _) = load::<Scenario>(Path::new("stage.yaml"), &yaml, &[]).unwrap_or_else(|p| panic!("{p}"));
        let mut world = Sim::new(&scenario).world(Clock::start());
        world.containers = Arc::new(HostContainers::new());
        world.machine = Arc::new(HostMachine::new(crate::common::BINARY.into(), world.services.clone()));
        let header = Header {
            run: RunId("stage".into()),
            place: Place::here(),
            started: jiff::Timestamp::UNIX_EPOCH,
            runner: ProcessId { pid: 1, start: 1 },
            scenario: "stage.yaml".into(),
            report_dir: "/nowhere".into(),
            endpoints: Vec::new(),
            secrets: Vec::new(),
        };
        let journal = Journal::on(Memory::new(1 << 20), Path::new("stage"), &header).expect("a journal in memory");
        Stage { world, scenario, journal }
    }

    /// Aimed at a container by its name.
    pub fn at(container: &super::support::Container, fault: &str) -> Stage {
        Stage::new(&format!("{{ name: {} }}", container.name), fault)
    }

    pub async fn prepare(&self) -> Result<Vec<Undo>, DriverError> {
        let fault = &self.scenario.faults[0];
        let run = RunId("stage".into());
        let context = FaultContext {
            run: &run,
            name: &fault.name,
            scenario: &self.scenario,
            dir: Path::new("/nowhere"),
            seed: 1,
        };
        fault.spec.prepare(&self.world, context).await
    }

    /// Why it is refused.
    pub async fn refused(&self) -> String {
        self.prepare().await.expect_err("it cannot be prepared").to_string()
    }

    /// Injects what the records name.
    pub async fn inject(&self, undo: &[Undo]) -> Result<(), String> {
        let fault = &self.scenario.faults[0];
        let mut armed = self.journal.arm(&fault.name, undo.to_vec(), HumanDuration::from_secs(60)).expect("armed");
        let injected = armed.inject(async |licence| fault.spec.inject(&self.world, undo, licence).await).await;
        injected.map_err(|e| e.to_string())
    }

    /// Prepares and injects, and waits until the effect is seen.
    pub async fn hurt(&self) -> Vec<Undo> {
        let undo = self.prepare().await.expect("prepared");
        for record in &undo {
            assert_eq!(self.world.standing(record).await, Ok(Standing::Gone), "prepare changes nothing");
        }
        self.inject(&undo).await.expect("injected");
        for record in &undo {
            self.until_standing(record).await;
        }
        undo
    }

    pub async fn until_standing(&self, undo: &Undo) {
        let seen = async {
            while !matches!(self.world.standing(undo).await, Ok(Standing::InForce { touched: 1.. })) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let seen = tokio::time::timeout(PATIENCE, seen).await;
        assert!(seen.is_ok(), "the effect was never seen: {:?}", self.world.standing(undo).await);
    }

    /// Takes everything back, the last first.
    pub async fn heal(&self, undo: &[Undo]) -> Vec<Result<Reverted, DriverError>> {
        let mut answers = Vec::new();
        for record in undo.iter().rev() {
            answers.push(self.world.revert(record).await);
        }
        answers
    }
}
