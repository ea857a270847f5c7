//! The record of a proof while it grows: timed steps, timed checks, and the outcome that follows from them.

use super::checks::Finding;
use super::{BackupError, Leash};
use crate::clock::Clock;
use crate::model::Delta;
use crate::timeline::restore::{CheckOutcome, Layer, ProofCheck, ProofOutcome, ProofStep};

/// Collects what a proof does and finds.
pub struct Recorder<'a> {
    /// The time limit of the work.
    pub leash: &'a Leash,
    clock: Clock,
    steps: Vec<ProofStep>,
    checks: Vec<ProofCheck>,
}

impl<'a> Recorder<'a> {
    /// An empty record.
    pub fn new(clock: Clock, leash: &'a Leash) -> Recorder<'a> {
        Recorder { leash, clock, steps: Vec::new(), checks: Vec::new() }
    }

    /// Does a step of the restore and records how long it took, and what it said: its own words, or its error.
    ///
    /// # Errors
    /// The step's own.
    pub fn step<T>(
        &mut self,
        name: &str,
        work: impl FnOnce(&Leash) -> Result<(T, String), BackupError>,
    ) -> Result<T, BackupError> {
        let began = self.clock.now();
        let done = self.leash.check().and_then(|()| work(self.leash));
        let took = self.clock.now().since(began);
        let (ok, detail) = match &done {
            Ok((_, detail)) => (true, detail.clone()),
            Err(error) => (false, error.to_string()),
        };
        self.steps.push(ProofStep { name: name.into(), took, ok, detail });
        done.map(|(value, _)| value)
    }

    /// Makes a required check and records its finding.
    pub fn check(&mut self, layer: Layer, name: &str, look: impl FnOnce(&Leash) -> Finding) -> CheckOutcome {
        self.look(layer, name, true, look)
    }

    /// Makes a check that the outcome does not wait for; it fails the proof all the same if it finds damage.
    pub fn extra(&mut self, layer: Layer, name: &str, look: impl FnOnce(&Leash) -> Finding) -> CheckOutcome {
        self.look(layer, name, false, look)
    }

    fn look(&mut self, layer: Layer, name: &str, required: bool, look: impl FnOnce(&Leash) -> Finding) -> CheckOutcome {
        let began = self.clock.now();
        let finding = match self.leash.check() {
            Ok(()) => look(self.leash),
            Err(error) => Finding::error("to be looked at", &error),
        };
        let took = self.clock.now().since(began);
        let Finding { expected, observed, outcome } = finding;
        self.checks.push(ProofCheck { name: name.into(), layer, required, expected, observed, outcome, took });
        outcome
    }

    /// Records a required check that could not be made.
    pub fn not_run(&mut self, layer: Layer, name: &str, why: &str) {
        self.look(layer, name, true, |_| Finding::unclear("to be looked at", format!("did not run: {why}")));
    }

    /// Ends the record.
    pub(super) fn finish(mut self) -> Recorded {
        self.checks.sort_by_key(|check| check.layer);
        let (outcome, why) = outcome(&self.checks);
        let reached = self.steps.last().is_some_and(|step| step.name == FIRST_WRITE && step.ok);
        let total = |parts: &mut dyn Iterator<Item = Delta>| Delta(parts.map(Delta::nanos).sum());
        let restore_time = reached.then(|| total(&mut self.steps.iter().map(|step| step.took)));
        let verify_time = total(&mut self.checks.iter().map(|check| check.took));
        Recorded { steps: self.steps, checks: self.checks, restore_time, verify_time, outcome, why }
    }
}

/// The step that ends a restore.
pub(super) const FIRST_WRITE: &str = "first write";

/// A finished record; the fields are those of the proof.
#[derive(Debug)]
pub(super) struct Recorded {
    pub steps: Vec<ProofStep>,
    pub checks: Vec<ProofCheck>,
    pub restore_time: Option<Delta>,
    pub verify_time: Delta,
    pub outcome: ProofOutcome,
    pub why: String,
}

/// Failed when any check found damage, named by the outermost layer that did; inconclusive when a required check did
/// not pass, or none was required; verified otherwise.
pub(super) fn outcome(checks: &[ProofCheck]) -> (ProofOutcome, String) {
    let first = |wanted: CheckOutcome| {
        checks
            .iter()
            .filter(|c| c.outcome == wanted && (wanted == CheckOutcome::Fail || c.required))
            .min_by_key(|c| c.layer)
    };
    if let Some(check) = first(CheckOutcome::Fail) {
        let why = format!(
            "{} (layer {}): expected {}, found {}",
            check.name,
            number(check.layer),
            check.expected,
            check.observed
        );
        return (ProofOutcome::Failed, why);
    }
    if let Some(check) = first(CheckOutcome::Inconclusive) {
        let why = format!("{} (layer {}) could not be told: {}", check.name, number(check.layer), check.observed);
        return (ProofOutcome::Inconclusive, why);
    }
    match checks.iter().filter(|c| c.required).count() {
        0 => (ProofOutcome::Inconclusive, "nothing was checked".into()),
        passed => (ProofOutcome::Verified, format!("{passed} checks passed")),
    }
}

/// The number of a layer, as the documentation counts them.
fn number(layer: Layer) -> u8 {
    match layer {
        Layer::Presence => 0,
        Layer::Digest => 1,
        Layer::Structure => 2,
        Layer::Restore => 3,
        Layer::Integrity => 4,
        Layer::Content => 5,
        Layer::Use => 6,
        Layer::Ledger => 7,
        Layer::Chain => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(layer: Layer, required: bool, outcome: CheckOutcome) -> ProofCheck {
        let (expected, observed) = ("this".into(), "that".into());
        ProofCheck { name: format!("{layer:?}"), layer, required, expected, observed, outcome, took: Delta::ZERO }
    }

    #[test]
    fn the_outermost_layer_that_found_damage_is_named() {
        let checks = [
            check(Layer::Ledger, true, CheckOutcome::Fail),
            check(Layer::Presence, true, CheckOutcome::Pass),
            check(Layer::Digest, true, CheckOutcome::Inconclusive),
            check(Layer::Content, false, CheckOutcome::Fail),
        ];
        let (outcome, why) = outcome(&checks);
        assert_eq!(outcome, ProofOutcome::Failed);
        assert_eq!(why, "Content (layer 5): expected this, found that");
    }

    #[test]
    fn a_required_check_that_did_not_run_prevents_verified() {
        let pass = check(Layer::Presence, true, CheckOutcome::Pass);
        let unclear = |required| check(Layer::Content, required, CheckOutcome::Inconclusive);
        assert_eq!(outcome(&[pass.clone(), unclear(true)]).0, ProofOutcome::Inconclusive);
        assert_eq!(outcome(&[pass.clone(), unclear(false)]).0, ProofOutcome::Verified);
        assert_eq!(outcome(&[pass]).0, ProofOutcome::Verified);
        assert_eq!(outcome(&[]).0, ProofOutcome::Inconclusive);
        assert_eq!(outcome(&[unclear(false)]).0, ProofOutcome::Inconclusive);
    }
}
