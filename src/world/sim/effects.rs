//! Effects on what the simulated world does not draw in detail: containers, networks, hosts, databases. Each stands or
//! not, by the record that takes it back; the drivers of these families differ in nothing else here.

use std::time::Duration;

use super::{Driver, Sim};
use crate::clock::Clock;
use crate::safety::{Reverted, Standing, Undo};

fn key(undo: &Undo) -> String {
    format!("{undo:?}")
}

impl Driver {
    /// The effect that `undo` would take back is there from now on. `heals_after`: the system itself ends it then, as a
    /// restart policy does.
    pub(super) async fn harm(&self, undo: &Undo, heals_after: Option<Duration>) {
        self.sim.crash().pass(&format!("{}, before", undo.subject())).await;
        self.sim.set_effect(self.clock, key(undo), true);
        if let Some(after) = heals_after {
            let (sim, clock, key) = (self.sim.clone(), self.clock, key(undo));
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                sim.set_effect(clock, key, false);
            });
        }
        self.sim.crash().pass(&format!("{}, after", undo.subject())).await;
    }

    /// Takes the effect back.
    pub(super) async fn heal(&self, undo: &Undo) -> Reverted {
        self.sim.crash().pass(&format!("revert of {}, before", undo.subject())).await;
        let was = self.sim.set_effect(self.clock, key(undo), false);
        self.sim.crash().pass(&format!("revert of {}, after", undo.subject())).await;
        if was { Reverted::Restored } else { Reverted::AlreadyBack }
    }

    /// Whether the effect stands.
    pub(super) fn effect(&self, undo: &Undo) -> Standing {
        let stands = self.sim.state().effects.contains(&key(undo));
        if stands { Standing::InForce { touched: 1 } } else { Standing::Gone }
    }
}

impl Sim {
    /// Sets or ends an effect; whether it stood before.
    fn set_effect(&self, clock: Clock, key: String, stands: bool) -> bool {
        self.change(|state| {
            let was = state.effects.contains(&key);
            match stands {
                true => state.effects.insert(key),
                false => state.effects.remove(&key),
            };
            state.effects_history.push((clock.now(), state.effects.len()));
            was
        })
    }
}
