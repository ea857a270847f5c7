//! How parts of a verdict are put together.

use crate::model::{Delta, Offset};
use crate::result::{Bounds, Objective, Outcome, Part};

/// A part that says nothing yet.
pub(super) fn part(objective: Objective, subject: impl Into<String>, asked: impl Into<String>) -> Part {
    Part {
        objective,
        subject: subject.into(),
        asked: asked.into(),
        measured: String::new(),
        value: None,
        bounds: None,
        outcome: Outcome::Inconclusive,
        why: String::new(),
        evidence: Vec::new(),
    }
}

/// How parts are finished.
pub(super) trait Rule: Sized {
    /// The outcome, and why.
    fn rule(self, outcome: Outcome, why: impl Into<String>) -> Part;
    /// A time that was measured, with its bounds.
    fn time(self, bounds: Bounds<Delta>) -> Self;
    /// Where to look.
    fn at(self, evidence: impl IntoIterator<Item = Offset>) -> Self;
}

impl Rule for Part {
    fn rule(mut self, outcome: Outcome, why: impl Into<String>) -> Part {
        self.outcome = outcome;
        self.why = why.into();
        self
    }

    fn time(mut self, bounds: Bounds<Delta>) -> Part {
        self.measured = bounds.display();
        // Without an upper bound no single reading is the best one.
        self.value = bounds.upper.map(|_| bounds.value.seconds());
        self.bounds = Some((bounds.lower.seconds(), bounds.upper.map(Delta::seconds)));
        self
    }

    fn at(mut self, evidence: impl IntoIterator<Item = Offset>) -> Part {
        self.evidence.extend(evidence);
        self
    }
}

/// A time that must not exceed `max`: pass when its upper bound does not, breach when its lower bound does.
pub(super) fn at_most(bounds: Bounds<Delta>, max: Delta) -> Outcome {
    match bounds.upper {
        _ if bounds.lower > max => Outcome::Breach,
        Some(upper) if upper <= max => Outcome::Pass,
        _ => Outcome::Inconclusive,
    }
}

/// The outcome when two readings of the same observations differ: it counts only where both say the same.
pub(super) fn agreed(one: Outcome, other: Outcome) -> Outcome {
    if one == other { one } else { Outcome::Inconclusive }
}

/// `n` of something, in words.
pub(super) fn number(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", crate::timeline::query::count(n), if n == 1 { one } else { many })
}
