//! The life of one proof, the same for every engine: locate, inspect, provision, restore, verify, ledger, first write,
//! clean up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::checks::{self, Finding};
use super::leash::leashed;
use super::provider::{Inspected, Located, Provider, Taken, Wanted};
use super::record::{FIRST_WRITE, Recorded, Recorder};
use super::{BackupError, Leash};
use crate::clock::Clock;
use crate::model::{Delta, HumanDuration, Offset};
use crate::scenario::backup::{BackupCheck, SmokeQuery};
use crate::timeline::ledger::{Entry, Reference, Shape, account, at_disaster};
use crate::timeline::restore::{
    CheckOutcome, Layer, ProofBackup, ProofLedger, ProofOutcome, ProofSource, RestoreProof,
};

/// What is to be proven.
#[derive(Debug, Clone)]
pub struct ProofOrder {
    /// The backup file.
    pub file: PathBuf,
    /// What this run knows of it, when it took it.
    pub taken: Option<Taken>,
    /// The file to restore into: must not exist, nor be the source.
    pub target: PathBuf,
    /// The checks that the scenario asks for.
    pub checks: Vec<BackupCheck>,
    /// The smoke query, if any.
    pub smoke: Option<SmokeQuery>,
    /// How old the backup may be at most, if that matters.
    pub max_age: Option<HumanDuration>,
    /// The ledger of this run, if there is one.
    pub ledger: Option<LedgerOrder>,
    /// Longest time for the whole proof.
    pub within: Duration,
    /// Whether the copy stays for people to look at.
    pub keep: bool,
}

/// The ledger that the copy is held against.
#[derive(Debug, Clone)]
pub struct LedgerOrder {
    /// How its entries look.
    pub shape: Shape,
    /// Every write and its fate.
    pub entries: Vec<Entry>,
    /// The moment the source is taken to be lost: RPA counts from here.
    pub disaster: Reference,
}

/// Takes a backup under load.
///
/// # Errors
/// When it cannot be taken, or not within the limit; nothing of it is left then.
pub async fn take(
    provider: Arc<dyn Provider>,
    into: PathBuf,
    ledger: Option<Shape>,
    clock: Clock,
    within: Duration,
) -> Result<Taken, BackupError> {
    let work = move |leash: &Leash| {
        provider.preflight(&into)?;
        provider.take(&into, ledger.as_ref(), clock, leash)
    };
    leashed(within, work).await?
}

/// Proves a backup. Never an error: what goes wrong is part of the record.
pub async fn prove(provider: Arc<dyn Provider>, order: ProofOrder, clock: Clock) -> RestoreProof {
    let (source, target, within) = (provider.source(), order.target.clone(), order.within);
    let work = move |leash: &Leash| Proof { provider: &*provider, order: &order, clock }.run(leash);
    leashed(within, work).await.unwrap_or_else(|error| abandoned(source, target, &error))
}

/// The record of a proof whose work never came back.
fn abandoned(source: ProofSource, target: PathBuf, error: &BackupError) -> RestoreProof {
    RestoreProof {
        source,
        backup: None,
        scratch: target.display().to_string(),
        steps: Vec::new(),
        restore_time: None,
        verify_time: Delta::ZERO,
        checks: Vec::new(),
        ledger: None,
        outcome: ProofOutcome::Inconclusive,
        why: error.to_string(),
        leftovers: vec![format!("perhaps {}: the proof was abandoned", target.display())],
    }
}

struct Proof<'a> {
    provider: &'a dyn Provider,
    order: &'a ProofOrder,
    clock: Clock,
}

impl Proof<'_> {
    fn run(&self, leash: &Leash) -> RestoreProof {
        let mut record = Recorder::new(self.clock, leash);
        let located = record.step("locate", |_| {
            let located = self.provider.locate(&self.order.file)?;
            let said = format!("{} bytes at {}", located.bytes, located.file.display());
            Ok((located, said))
        });
        let located = match located {
            Ok(located) => located,
            Err(error) => {
                record.check(Layer::Presence, "presence", |_| Finding::error("a backup", &error));
                self.skip(&mut record, "there is no backup to look at");
                return self.finish(record.finish(), None, None, Vec::new());
            }
        };
        record.check(Layer::Presence, "presence", |_| Finding::pass("a backup", located.file.display().to_string()));
        if let Some(max) = self.order.max_age {
            record.check(Layer::Presence, "age", |_| checks::age(self.age(&located), max.into()));
        }
        let inspected = self.provider.inspect(&located, self.order.taken.as_ref(), &mut record);
        let mut ledger = None;
        let mut leftovers = Vec::new();
        if inspected.usable {
            (ledger, leftovers) = self.on_a_copy(&located, &mut record);
        } else {
            self.skip(&mut record, "there is nothing to restore");
        }
        let backup = self.describe(&located, &inspected);
        self.finish(record.finish(), Some(backup), ledger, leftovers)
    }

    /// Everything that needs a scratch copy, which is removed again whatever happens.
    fn on_a_copy(&self, located: &Located, record: &mut Recorder<'_>) -> (Option<ProofLedger>, Vec<String>) {
        let target = &self.order.target;
        let provisioned = record
            .step("provision", |_| Ok((self.provider.provision(located, target)?, "new and large enough".into())));
        if let Err(error) = provisioned {
            record.check(Layer::Restore, "restore", |_| Finding::error("a restored copy", &error));
            self.skip(record, "there is no copy");
            return (None, Vec::new());
        }
        let restored = self.provider.restore(located, target, record);
        record.check(Layer::Restore, "restore", |_| match &restored {
            Ok(()) => Finding::pass("a restored copy", target.display().to_string()),
            Err(error) => Finding::error("a restored copy", error),
        });
        let mut ledger = None;
        if restored.is_ok() {
            let wanted = Wanted { checks: &self.order.checks, smoke: self.order.smoke.as_ref() };
            self.provider.verify(target, located, wanted, record);
            ledger = self.ledger(located, record);
            // Last, because it changes the copy.
            let written =
                record.step(FIRST_WRITE, |leash| Ok((self.provider.first_write(target, leash)?, "committed".into())));
            record.check(Layer::Use, "write", |_| match &written {
                Ok(()) => Finding::pass("a committed write", "committed"),
                Err(error @ BackupError::Sql { .. }) => Finding::fail("a committed write", error.to_string()),
                Err(error) => Finding::error("a committed write", error),
            });
        } else {
            self.skip(record, "the restore failed");
        }
        let leftovers = if self.order.keep { Vec::new() } else { self.provider.cleanup(target) };
        (ledger, leftovers)
    }

    fn ledger(&self, located: &Located, record: &mut Recorder<'_>) -> Option<ProofLedger> {
        let asked = self.order.checks.contains(&BackupCheck::Ledger);
        let Some(order) = &self.order.ledger else {
            if asked {
                record.not_run(Layer::Ledger, "ledger", "the drill has no ledger");
            }
            return None;
        };
        let mut summary = None;
        let look = |leash: &Leash| {
            let read = match self.provider.ledger(&self.order.target, &order.shape, leash) {
                Ok(read) => read,
                Err(error) => return Finding::error("the ledger's entries", &error),
            };
            let whole = account(&order.entries, &read, order.disaster);
            let then = account(&at_disaster(&order.entries, order.disaster.at), &read, order.disaster);
            summary = Some(ProofLedger {
                acked: then.acked,
                lost: then.lost.len(),
                survived: then.unknown_present,
                surplus: whole.unexpected,
                altered: whole.altered,
                rpa: (then.rpa.value, then.rpa.upper.map(|upper| Delta(upper.nanos() + then.rpa.error.nanos()))),
            });
            checks::ledger(&order.entries, &read, &whole, self.consistent_from(located))
        };
        if asked {
            record.check(Layer::Ledger, "ledger", look);
        } else {
            record.extra(Layer::Ledger, "ledger", look);
        }
        summary
    }

    /// Before which moment everything acknowledged must be in the backup.
    fn consistent_from(&self, located: &Located) -> Option<Offset> {
        if let Some(taken) = &self.order.taken {
            return Some(taken.consistent_at.0);
        }
        let at = located.manifest.as_ref().ok()?.consistent_from;
        let since_start = at.duration_since(self.clock.started());
        Some(Offset::from_nanos(i64::try_from(since_start.as_nanos()).ok()?))
    }

    fn age(&self, located: &Located) -> Option<Delta> {
        self.consistent_from(located).map(|at| self.clock.now().since(at))
    }

    /// Names every required check of a copy that does not exist.
    fn skip(&self, record: &mut Recorder<'_>, why: &str) {
        for check in &self.order.checks {
            let (layer, name) = match check {
                BackupCheck::Ledger => (Layer::Ledger, "ledger"),
                BackupCheck::Integrity => (Layer::Integrity, "integrity"),
                BackupCheck::RowCounts => (Layer::Content, "row-counts"),
                BackupCheck::Content => (Layer::Content, "content"),
            };
            record.not_run(layer, name, why);
        }
        if self.order.smoke.is_some() {
            record.not_run(Layer::Use, "smoke", why);
        }
        record.not_run(Layer::Use, "write", why);
    }

    fn describe(&self, located: &Located, inspected: &Inspected) -> ProofBackup {
        let taken = self.order.taken.as_ref();
        let (method, kind) = self.provider.method();
        ProofBackup {
            id: located.file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            method: method.into(),
            kind: kind.into(),
            started: taken.map(|t| t.started),
            completed: taken.map(|t| t.completed),
            consistent_at: taken.map(|t| t.consistent_at),
            location: located.file.display().to_string(),
            bytes: located.bytes,
            digest: inspected.digest.clone().unwrap_or_default(),
        }
    }

    fn finish(
        &self,
        recorded: Recorded,
        backup: Option<ProofBackup>,
        ledger: Option<ProofLedger>,
        leftovers: Vec<String>,
    ) -> RestoreProof {
        debug_assert!(
            recorded.outcome != ProofOutcome::Verified
                || recorded.checks.iter().all(|c| c.outcome != CheckOutcome::Fail)
        );
        RestoreProof {
            source: self.provider.source(),
            backup,
            scratch: self.order.target.display().to_string(),
            steps: recorded.steps,
            restore_time: recorded.restore_time,
            verify_time: recorded.verify_time,
            checks: recorded.checks,
            ledger,
            outcome: recorded.outcome,
            why: recorded.why,
            leftovers,
        }
    }
}
