//! When faults and steps begin and end: circles, holds without an end, waits that nothing can satisfy.

use std::time::Duration;

use super::Lint;
use crate::model::{HumanDuration, Name};
use crate::scenario::{After, Fault, Milestone};

/// A fault or a step, by its place in the scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    Fault(usize),
    Step(usize),
}

impl Item {
    /// What a waits for names, if it exists.
    pub(super) fn of(lint: &Lint<'_>, after: &After) -> Option<Item> {
        let fault = |name: &Name| lint.scenario.faults.iter().position(|f| f.name == *name).map(Item::Fault);
        let step = |name: &Name| lint.scenario.playbook.iter().position(|s| s.name == *name).map(Item::Step);
        after.fault.as_ref().and_then(fault).or_else(|| after.step.as_ref().and_then(step))
    }

    pub(super) fn after<'a>(self, lint: &Lint<'a>) -> Option<&'a After> {
        match self {
            Item::Fault(i) => lint.scenario.faults[i].after.as_ref(),
            Item::Step(i) => lint.scenario.playbook[i].after.as_ref(),
        }
    }

    fn name<'a>(self, lint: &Lint<'a>) -> &'a Name {
        match self {
            Item::Fault(i) => &lint.scenario.faults[i].name,
            Item::Step(i) => &lint.scenario.playbook[i].name,
        }
    }

    fn path(self) -> String {
        match self {
            Item::Fault(i) => format!("faults[{i}]"),
            Item::Step(i) => format!("playbook[{i}]"),
        }
    }
}

pub(super) fn check(lint: &mut Lint<'_>) {
    let faults = (0..lint.scenario.faults.len()).map(Item::Fault);
    let items: Vec<Item> = faults.chain((0..lint.scenario.playbook.len()).map(Item::Step)).collect();
    circles(lint, &items);
    for item in items {
        signal_needed(lint, item);
    }
    check_ends(lint);
}

/// How long faults and manual steps last.
pub(super) fn check_ends(lint: &mut Lint<'_>) {
    for (i, fault) in lint.scenario.faults.iter().enumerate() {
        end(lint, &format!("faults[{i}]"), fault);
    }
    let max_hold = lint.scenario.guard.max_hold;
    for (i, step) in lint.scenario.playbook.iter().enumerate() {
        let path = format!("playbook[{i}].within");
        if step.manual.is_some() && step.within > max_hold {
            let message = format!("a person would get {}, the guard's max_hold is {max_hold}", step.within);
            lint.error(path, message, "shorten `within`, or raise `guard.max_hold`");
        } else if step.within.get().is_zero() {
            lint.error(path, "the step gets no time", "");
        }
    }
}

fn circles(lint: &mut Lint<'_>, items: &[Item]) {
    let mut told: Vec<Item> = Vec::new();
    for &first in items {
        let mut way = vec![first];
        while let Some(next) = way[way.len() - 1].after(lint).and_then(|a| Item::of(lint, a)) {
            if let Some(at) = way.iter().position(|w| *w == next) {
                let circle = &way[at..];
                if !circle.iter().any(|c| told.contains(c)) {
                    let names: Vec<_> = circle.iter().chain([&next]).map(|c| c.name(lint).as_str()).collect();
                    let message = format!("each waits for the other: {}", names.join(" -> "));
                    told.extend(circle);
                    lint.key_error(format!("{}.after", circle[0].path()), message, "give one of them an `at`");
                }
                break;
            }
            way.push(next);
        }
    }
}

fn signal_needed(lint: &mut Lint<'_>, item: Item) {
    if lint.scenario.recovery_signal.is_some() {
        return;
    }
    let path = item.path();
    let hint = "say what good means under `recovery_signal:`";
    let (after, when) = match item {
        Item::Fault(i) => (&lint.scenario.faults[i].after, &lint.scenario.faults[i].when),
        Item::Step(i) => (&lint.scenario.playbook[i].after, &lint.scenario.playbook[i].when),
    };
    if after.as_ref().is_some_and(|a| a.is == Milestone::Recovered) {
        lint.error(format!("{path}.after.is"), "without a recovery signal nothing is ever `recovered`", hint);
    }
    if when.is_some() {
        lint.key_error(format!("{path}.when"), "without a recovery signal nothing is ever steady", hint);
    }
    if let Item::Fault(i) = item
        && lint.scenario.faults[i].until.as_ref().is_some_and(|u| u.recovered)
    {
        lint.key_error(format!("{path}.until.recovered"), "without a recovery signal nothing ever recovers", hint);
    }
}

fn end(lint: &mut Lint<'_>, path: &str, fault: &Fault) {
    let kind = fault.spec.kind();
    let max_hold = lint.scenario.guard.max_hold;
    if !fault.spec.is_held() {
        let given = [("for", fault.hold_for.is_some()), ("until", fault.until.is_some())];
        for (key, _) in given.into_iter().filter(|(_, given)| *given) {
            lint.key_error(format!("{path}.{key}"), format!("{kind} is one act and is not held"), "leave it out");
        }
        return;
    }
    let limit = "shorten it, or raise `guard.max_hold`";
    match (fault.hold_for, &fault.until) {
        (None, None) => {
            let message = format!("{kind} is held and has no end");
            lint.key_error(
                format!("{path}.{kind}"),
                message,
                "add `for: 10s`, or `until: { recovered: true, at_most: 1m }`",
            );
        }
        (Some(hold), _) => {
            too_long(lint, format!("{path}.for"), hold, max_hold, limit);
        }
        (None, Some(until)) => {
            too_long(lint, format!("{path}.until.at_most"), until.at_most, max_hold, limit);
            if !until.recovered && until.probe.is_none() && until.step.is_none() {
                let hint = "add `recovered: true`, `probe` or `step`; for a fixed time write `for`";
                lint.key_error(format!("{path}.until"), "nothing to wait for", hint);
            }
            waits_for_itself(lint, format!("{path}.until.step"), fault);
        }
    }
}

fn too_long(lint: &mut Lint<'_>, path: String, hold: HumanDuration, most: HumanDuration, hint: &str) {
    if hold.get() == Duration::ZERO {
        lint.error(path, "a fault that is held for no time does nothing", "");
    } else if hold > most {
        lint.error(path, format!("held for {hold}, the guard's max_hold is {most}"), hint);
    }
}

/// A hold until a step that itself waits for the end of the hold lasts for `at_most`, always.
fn waits_for_itself(lint: &mut Lint<'_>, path: String, fault: &Fault) {
    let Some(step) = fault.until.as_ref().and_then(|u| u.step.as_ref()) else { return };
    let Some(after) = lint.scenario.playbook.iter().find(|s| s.name == *step).and_then(|s| s.after.as_ref()) else {
        return;
    };
    let for_the_end = matches!(after.is, Milestone::Undone | Milestone::Done);
    if for_the_end && after.fault.as_ref() == Some(&fault.name) {
        let message = format!("the step `{step}` waits for the end of this fault, which waits for the step");
        lint.error(path, message, "let the step begin `after: { fault: …, is: injected }`");
    }
}
