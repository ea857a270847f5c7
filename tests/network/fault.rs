//! One fault by hand: prepared, armed in a journal, injected, looked at, reverted.

use std::path::Path;
use std::sync::Arc;

use simulacro::clock::Clock;
use simulacro::fault::{Fault, FaultContext};
use simulacro::model::{HumanDuration, Name, ProcessId, RunId};
use simulacro::safety::{Header, Journal, Memory, Place, Reverted, Standing, Undo};
use simulacro::scenario::{FaultSpec, Scenario};
use simulacro::world::docker;
use simulacro::world::network::HostNetworks;
use simulacro::world::process::HostProcesses;
use simulacro::world::sim::Sim;
use simulacro::world::{DriverError, World};

use crate::bed::Bed;
use crate::common::BINARY;

/// The world with real processes and networks, and a scenario whose targets are `app` (the bed's) and `here`.
pub struct Stage {
    pub world: World,
    scenario: Scenario,
    run: RunId,
}

impl Stage {
    pub fn new(bed: &Bed) -> Stage {
        Stage::holding(bed, "60s")
    }

    pub fn holding(bed: &Bed, max_hold: &str) -> Stage {
        let targets = serde_json::json!({
            "app": { "process": { "pid_file": bed.pid_file() } },
            "here": { "host": {} },
            "consented": { "host": { "consent": true } },
        });
        Stage::aimed_at(targets, max_hold)
    }

    /// With targets of the test's own; containers are those of the machine's engine.
    pub fn aimed_at(targets: serde_json::Value, max_hold: &str) -> Stage {
        let scenario = serde_json::json!({ "name": "bed", "targets": targets, "guard": { "max_hold": max_hold } });
        let scenario: Scenario = serde_json::from_value(scenario).unwrap();
        let world = Sim::new(&scenario).world(Clock::start());
        let processes = Arc::new(HostProcesses::new(world.services.clone()));
        let networks = Arc::new(HostNetworks::new(BINARY.into()));
        let world = World { processes, networks, containers: docker::connect(), ..world };
        Stage { world, scenario, run: RunId(format!("run-{}", std::process::id())) }
    }

    fn context<'a>(&'a self, name: &'a Name) -> FaultContext<'a> {
        FaultContext { run: &self.run, name, scenario: &self.scenario, dir: Path::new("/"), seed: 1 }
    }

    /// What a fault says before it begins.
    pub async fn prepare(&self, fault: &str) -> Result<Vec<Undo>, DriverError> {
        let name: Name = "it".parse().unwrap();
        spec(fault).prepare(&self.world, self.context(&name)).await
    }

    /// Prepares, arms and injects.
    pub async fn inject(&self, fault: &str) -> Injected {
        let undo = self.prepare(fault).await.unwrap_or_else(|e| panic!("{fault}: {e}"));
        for record in &undo {
            assert_eq!(self.world.standing(record).await, Ok(Standing::Gone), "{fault}: prepare changes nothing");
            assert_eq!(self.world.revert(record).await, Ok(Reverted::AlreadyBack), "{fault}: inject never ran");
        }
        let name: Name = "it".parse().unwrap();
        let me = ProcessId { pid: 1, start: 1 };
        let header = Header {
            run: self.run.clone(),
            place: Place::here(),
            started: jiff::Timestamp::UNIX_EPOCH,
            runner: me,
            scenario: "/bed.yaml".into(),
            report_dir: "/".into(),
            endpoints: Vec::new(),
            secrets: Vec::new(),
        };
        let journal = Journal::on(Memory::new(1 << 18), Path::new("bed"), &header).unwrap();
        let mut armed = journal.arm(&name, undo.clone(), HumanDuration::from_secs(60)).unwrap();
        let spec = spec(fault);
        let injected = armed.inject(async |licence| spec.inject(&self.world, &undo, licence).await).await;
        if let Err(e) = injected {
            panic!("{fault}: {e}");
        }
        Injected { undo, fault: fault.to_owned() }
    }

    /// How many things the fault touched; none when it does not stand.
    pub async fn touched(&self, standing: &Injected) -> Option<u64> {
        let mut sum = 0;
        for record in &standing.undo {
            match self.world.standing(record).await {
                Ok(Standing::InForce { touched }) => sum += touched,
                Ok(Standing::Gone) => return None,
                other => panic!("{}: {other:?}", standing.fault),
            }
        }
        Some(sum)
    }

    /// Takes the fault back, twice.
    pub async fn revert(&self, standing: &Injected) {
        for record in &standing.undo {
            assert_eq!(self.world.revert(record).await, Ok(Reverted::Restored), "{}", standing.fault);
            assert_eq!(self.world.revert(record).await, Ok(Reverted::AlreadyBack), "{}", standing.fault);
        }
        assert_eq!(self.touched(standing).await, None, "{}", standing.fault);
    }
}

/// A fault that stands.
pub struct Injected {
    pub undo: Vec<Undo>,
    fault: String,
}

fn spec(fault: &str) -> FaultSpec {
    serde_saphyr::from_str(fault).unwrap_or_else(|e| panic!("{fault}: {e}"))
}
