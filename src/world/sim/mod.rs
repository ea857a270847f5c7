//! A simulated world: services, links, processes and commands as data, on the paused clock.
//!
//! It stands in for every driver, so that whole drills run without sockets, children or threads. It behaves like the
//! real one where a drill can tell: a killed service refuses until its supervisor has restarted it, a stopped process
//! hangs its clients, a rule delays or cuts what passes its link, and what belongs to the runner ends with it.

mod clients;
mod containers;
mod crash;
mod databases;
mod drivers;
mod effects;
mod machine;
mod networks;
mod state;
mod store;
mod workers;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::World;
use crate::clock::Clock;
use crate::model::Offset;
use crate::scenario::Scenario;

pub use crash::CrashPoint;
pub use state::Snapshot;

use state::State;

/// The simulated world. Clones are the same world.
#[derive(Clone)]
pub struct Sim {
    inner: Arc<Inner>,
}

struct Inner {
    scenario: Scenario,
    state: Mutex<State>,
    /// Something changed: whoever waits for the world looks again.
    changed: Notify,
    crash: crash::Crash,
}

impl Sim {
    /// A world in which everything the scenario names exists and is well.
    pub fn new(scenario: &Scenario) -> Self {
        Sim {
            inner: Arc::new(Inner {
                state: Mutex::new(State::new(scenario)),
                scenario: scenario.clone(),
                changed: Notify::new(),
                crash: crash::Crash::default(),
            }),
        }
    }

    /// The drivers of this world, telling time by `clock`.
    pub fn world(&self, clock: Clock) -> World {
        let driver = Arc::new(Driver { sim: self.clone(), clock });
        World {
            clock,
            processes: driver.clone(),
            services: driver.clone(),
            links: driver.clone(),
            containers: driver.clone(),
            networks: driver.clone(),
            databases: driver.clone(),
            commands: driver.clone(),
            machine: driver.clone(),
            http: driver.clone(),
            grpc: driver.clone(),
            workers: driver.clone(),
            backups: driver.clone(),
            operator: driver,
        }
    }

    /// What a drill must leave as it was.
    pub fn snapshot(&self) -> Snapshot {
        self.state().snapshot()
    }

    /// The runner is gone: what was its own (services, links) ends with it.
    pub fn runner_died(&self) {
        self.state().runner_died();
        self.inner.changed.notify_waiters();
    }

    /// Where in the drill the runner may be made to die.
    pub fn crash(&self) -> &crash::Crash {
        &self.inner.crash
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it held the lock has failed already.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the world and wakes whoever waits for it.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.inner.changed.notify_waiters();
        result
    }
}

/// One runner's view of the world.
struct Driver {
    sim: Sim,
    clock: Clock,
}

impl Driver {
    fn now(&self) -> Offset {
        self.clock.now()
    }
}
