//! When faults and steps begin.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fault::Exclusive;
use crate::model::{HumanDuration, Name};

/// What a fault or a step waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// A fault. Exactly one of `fault` and `step`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Name>,
    /// A playbook step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Name>,
    /// What must have become of it.
    #[serde(default)]
    pub is: Milestone,
    /// Time to wait after that.
    #[serde(default)]
    pub delay: HumanDuration,
}

/// What became of a fault or a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Milestone {
    /// The fault is observed in effect.
    Injected,
    /// The fault is removed and its absence observed.
    Undone,
    /// After that fault's impact the recovery signal is good again and has held.
    Recovered,
    /// The step is done.
    #[default]
    Done,
}

/// A condition of the system to wait for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The recovery signal (or, without one, every steady-state condition) has been good for this long.
    pub steady: HumanDuration,
}

/// When something begins: exactly one of `at`, `after`, `when`.
#[derive(Debug, Clone, PartialEq)]
pub enum Moment<'a> {
    /// This long after the start of the fault phase.
    At(HumanDuration),
    /// After something else.
    After(&'a After),
    /// When the system is in a state.
    When(&'a When),
}

impl<'a> Moment<'a> {
    /// The one moment that is given; the start of the fault phase when none is.
    ///
    /// # Errors
    /// When several are given.
    pub fn of(
        at: Option<HumanDuration>,
        after: Option<&'a After>,
        when: Option<&'a When>,
    ) -> Result<Moment<'a>, Exclusive> {
        let moments = [at.map(Moment::At), after.map(Moment::After), when.map(Moment::When)];
        if moments.iter().all(Option::is_none) {
            return Ok(Moment::At(HumanDuration::default()));
        }
        Exclusive::pick(moments, "at, after, when")
    }
}

/// How long a fault is held: until something happens, at most so long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Until {
    /// The recovery signal is good again, fault still on, and has held.
    #[serde(default, skip_serializing_if = "is_false")]
    pub recovered: bool,
    /// This probe's last look was good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Name>,
    /// This playbook step is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Name>,
    /// Longest hold.
    pub at_most: HumanDuration,
}

fn is_false(b: &bool) -> bool {
    !b
}

/// When a fault ends: exactly one of `for` and `until`; none for faults that are one act, such as a kill.
#[derive(Debug, Clone, PartialEq)]
pub enum Hold<'a> {
    /// The fault is one act; it is not held.
    Act,
    /// So long.
    For(HumanDuration),
    /// Until something happens.
    Until(&'a Until),
}

impl Hold<'_> {
    /// The longest time the fault is held.
    pub fn at_most(&self) -> HumanDuration {
        match self {
            Hold::Act => HumanDuration::default(),
            Hold::For(d) => *d,
            Hold::Until(until) => until.at_most,
        }
    }
}
