//! After the load: the ledger is read back, backups are restored and checked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::inbox::{Inbox, Input};
use crate::model::Name;
use crate::observe::ledger::read_back;
use crate::scenario::plan::Plan;
use crate::timeline::event::{BackupMark, EventKind};
use crate::timeline::ledger::Entry;
use crate::world::World;
use crate::world::backups::{ProofRequest, Taken};

/// Backups taken so far, by name.
pub(super) type TakenSoFar = Arc<Mutex<BTreeMap<Name, Taken>>>;

/// Reads the ledger back and proves the restores, as far as asked; tells the engine when it is done.
pub(super) async fn verify(
    plan: Arc<Plan>,
    world: World,
    taken: TakenSoFar,
    entries: Vec<Entry>,
    restores: bool,
    inbox: Inbox,
) {
    if let Some(ledger) = &plan.scenario.ledger {
        let event = read_back(&plan, ledger, &world).await;
        let _ = inbox.send(Input::Event(event)).await;
    }
    if restores {
        let taken = taken.lock().unwrap_or_else(PoisonError::into_inner).clone();
        prove_all(&plan, &world, &taken, &entries, &inbox).await;
    }
    let _ = inbox.send(Input::Verified).await;
}

async fn prove_all(plan: &Plan, world: &World, taken: &BTreeMap<Name, Taken>, ledger: &[Entry], inbox: &Inbox) {
    for (name, backup) in &plan.scenario.backups {
        let request =
            ProofRequest { name, backup, taken: taken.get(name), ledger, dir: &plan.dir, within: backup.within.get() };
        let proof = world.backups.prove(request).await;
        let event = EventKind::Restore { backup: name.clone(), proof: Box::new(proof) };
        let _ = inbox.send(Input::Event(event)).await;
    }
}

/// Takes a backup under load and tells how it went.
pub(super) async fn take_backup(plan: Arc<Plan>, world: World, name: Name, taken: TakenSoFar, inbox: Inbox) {
    let tell = async |mark| {
        let _ = inbox.send(Input::Event(EventKind::Backup { backup: name.clone(), mark })).await;
    };
    tell(BackupMark::Began { when: world.clock.now() }).await;
    let mark = match world.backups.take(&name, &plan.scenario.backups[&name], &plan.dir).await {
        Ok(done) => {
            let mark = BackupMark::Taken { when: done.completed, bytes: done.bytes };
            taken.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), done);
            mark
        }
        Err(e) => BackupMark::Failed { when: world.clock.now(), why: e.to_string() },
    };
    tell(mark).await;
}
