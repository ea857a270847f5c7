//! What every kind of fault tells of itself: all that the rest of the program knows of it.

use super::ResourceKey;
use crate::model::Name;
use crate::scenario::Scenario;

/// A kind of fault, as far as its specification goes.
pub trait Kind {
    /// Whether the example below is held (and so needs `for` or `until`), or is one act.
    const HELD: bool;

    /// An entry as a scenario has it, without name and time: `process-kill: { target: app }`. It is printed by
    /// `simulacro faults KIND` and simulated by the tests, in a world with the targets and links of `tests/sim.rs`.
    const EXAMPLE: &'static str;

    /// Whether it is held, where that depends on its fields.
    fn held(&self) -> bool {
        Self::HELD
    }

    /// What it changes: two faults on one resource at one time are an error; also the blast radius.
    fn touches(&self) -> Vec<ResourceKey> {
        self.uses().into_iter().map(Use::resource).collect()
    }

    /// The names of the scenario that it uses: each must exist, and be of a sort that fits.
    fn uses(&self) -> Vec<Use<'_>>;

    /// What else a report says of it in brackets; empty for nothing.
    fn detail(&self) -> String {
        String::new()
    }

    /// What is wrong with its own fields, beyond their types.
    fn problems(&self) -> Vec<FieldProblem> {
        Vec::new()
    }

    /// What is wrong with it in this scenario, beyond names that lead nowhere.
    fn problems_in(&self, scenario: &Scenario) -> Vec<FieldProblem> {
        let _ = scenario;
        Vec::new()
    }

    /// Why it cannot be taken back in this scenario, and how that is mended or consented to; none when it can.
    fn irreversible(&self, scenario: &Scenario) -> Option<FieldProblem> {
        let _ = scenario;
        None
    }

    /// Whether it runs a command of the scenario's own, which needs `--allow-commands`.
    fn runs_commands(&self) -> bool {
        false
    }
}

/// A name that a fault uses, and the key that says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use<'a> {
    /// A target, of one of these sorts (the keys of `targets.NAME`).
    Target {
        /// The key of the fault that names it.
        key: &'static str,
        /// The target.
        name: &'a Name,
        /// What it may be.
        sorts: &'static [&'static str],
    },
    /// A link.
    Link {
        /// The key of the fault that names it.
        key: &'static str,
        /// The link.
        name: &'a Name,
    },
}

impl<'a> Use<'a> {
    /// The target under the key `target`.
    pub fn target(name: &'a Name, sorts: &'static [&'static str]) -> Self {
        Use::Target { key: "target", name, sorts }
    }

    /// The link under the key `proxy`.
    pub fn proxy(name: &'a Name) -> Self {
        Use::Link { key: "proxy", name }
    }

    /// The name.
    pub fn name(self) -> &'a Name {
        match self {
            Use::Target { name, .. } | Use::Link { name, .. } => name,
        }
    }

    fn resource(self) -> ResourceKey {
        match self {
            Use::Target { name, .. } => ResourceKey::Target(name.clone()),
            Use::Link { name, .. } => ResourceKey::Link(name.clone()),
        }
    }
}

/// Something wrong with a field of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field, below the kind's own key.
    pub field: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}
