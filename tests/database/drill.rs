//! One fault at a time, by the very calls that the engine makes.

use std::path::PathBuf;
use std::sync::Arc;

use simulacro::backup::HostBackups;
use simulacro::clock::Clock;
use simulacro::engine::simulate::journal;
use simulacro::fault::{Fault as _, FaultContext};
use simulacro::model::{Name, RunId};
use simulacro::safety::{Journal, Memory, Reverted, Standing, Undo};
use simulacro::scenario::plan::Plan;
use simulacro::scenario::{Fault, Scenario};
use simulacro::world::operator::Terminal;
use simulacro::world::{DriverError, World, host};

/// A scenario with one fault, and the real world.
pub struct Drill {
    pub world: World,
    pub scenario: Scenario,
    journal: Journal,
    run: RunId,
}

/// The real world, as another process would connect it.
pub fn world() -> World {
    let clock = Clock::start();
    host::connect(clock, Arc::new(HostBackups::new(clock, None)), Arc::new(Terminal))
}

impl Drill {
    /// `targets` and `fault` in the words of a scenario.
    pub fn new(targets: &str, fault: &str) -> Drill {
        Drill::held_for(targets, fault, "1m")
    }

    pub fn held_for(targets: &str, fault: &str, max_hold: &str) -> Drill {
        let yaml = format!(
            "name: drill\ntargets: {{ {targets} }}\nfaults: [{{ name: f, {fault} }}]\n\
             guard: {{ allow_irreversible: true, max_hold: {max_hold} }}\n"
        );
        let (scenario, _) = simulacro::scenario::source::load::<Scenario>("drill.yaml".as_ref(), &yaml, &[])
            .unwrap_or_else(|problems| panic!("{problems}"));
        let run = RunId(format!("test-{}-{:08x}", std::process::id(), rand::random::<u32>()));
        let plan = Plan {
            version: 1,
            run: run.clone(),
            file: "drill.yaml".into(),
            digest: String::new(),
            objectives_digest: String::new(),
            seed: 1,
            scenario: scenario.clone(),
            profiles: Default::default(),
            dir: PathBuf::from("/"),
            simulated: false,
            allow_commands: false,
            host: String::new(),
            load: None,
            retry_of: None,
            consent: Default::default(),
            machine: None,
        };
        let journal = journal(&plan, Memory::new(1 << 18)).unwrap();
        Drill { world: world(), scenario, journal, run }
    }

    fn fault(&self) -> &Fault {
        &self.scenario.faults[0]
    }

    pub async fn prepare(&self) -> Result<Vec<Undo>, DriverError> {
        let name: &Name = &self.fault().name;
        let context = FaultContext { run: &self.run, name, scenario: &self.scenario, dir: "/".as_ref(), seed: 1 };
        self.fault().spec.prepare(&self.world, context).await
    }

    /// Prepares, arms and injects; the undo record as another process reads it from a journal.
    pub async fn inject(&self) -> Result<Undo, String> {
        let undo = self.prepare().await.map_err(|e| e.to_string())?;
        let hold = self.scenario.guard.max_hold;
        let mut armed = self.journal.arm(&self.fault().name, undo.clone(), hold).unwrap();
        let spec = &self.fault().spec;
        let injected = armed.inject(async |licence| spec.inject(&self.world, &undo, licence).await).await;
        injected.map_err(|e| e.to_string())?;
        let record = serde_json::to_string(&undo[0]).unwrap();
        Ok(serde_json::from_str(&record).unwrap())
    }

    pub async fn touched(&self, undo: &Undo) -> u64 {
        match self.world.standing(undo).await.unwrap() {
            Standing::InForce { touched } => touched,
            other => panic!("{other:?}"),
        }
    }

    /// Reverts twice, and sees the effect gone each time.
    pub async fn revert(&self, undo: &Undo) {
        assert_eq!(self.world.revert(undo).await, Ok(Reverted::Restored));
        assert_eq!(self.world.standing(undo).await, Ok(Standing::Gone));
        assert_eq!(self.world.revert(undo).await, Ok(Reverted::AlreadyBack));
        assert_eq!(self.world.standing(undo).await, Ok(Standing::Gone));
    }
}
