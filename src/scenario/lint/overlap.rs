//! Two faults on one resource at one time: nobody could say which of them did what, and their undos would disturb each
//! other. Only times known beforehand are compared; where they are not, it is a warning.

use std::time::Duration;

use super::Lint;
use super::timing::Item;
use crate::model::{HumanDuration, Name};
use crate::scenario::fault::ResourceKey;
use crate::scenario::timing::{Hold, Moment};
use crate::scenario::{After, Fault, Milestone};

/// What is known beforehand of the time a fault stands, counted from the start of the fault phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    /// It begins no earlier.
    from: Duration,
    /// It begins exactly then.
    exact: bool,
    /// It ends exactly so long after its beginning, or at most.
    length: Duration,
    fixed: bool,
}

pub(super) fn check(lint: &mut Lint<'_>) {
    let faults = &lint.scenario.faults;
    for (j, later) in faults.iter().enumerate() {
        for (i, earlier) in faults.iter().enumerate().take(j) {
            let Some(resource) = shared(lint, earlier, later) else { continue };
            if comes_after_end(lint, Item::Fault(i), Item::Fault(j), 0)
                || comes_after_end(lint, Item::Fault(j), Item::Fault(i), 0)
            {
                continue;
            }
            let (a, b) = (span(lint, Item::Fault(i), 0), span(lint, Item::Fault(j), 0));
            let path = format!("faults[{j}].{}", later.spec.kind());
            let line = lint.line(&format!("faults[{i}]"));
            let other = format!("`{}` (line {line})", earlier.name);
            match overlap(a, b) {
                Some(true) => {
                    let message = format!("is on {resource} at the same time as {other}");
                    let hint = format!("begin it `after: {{ fault: {}, is: undone }}`, or move `at`", earlier.name);
                    lint.key_error(path, message, &hint);
                }
                None => {
                    let message = format!("may be on {resource} at the same time as {other}");
                    let hint = format!("`after: {{ fault: {}, is: undone }}` rules it out", earlier.name);
                    lint.key_warn(path, message, &hint);
                }
                Some(false) => {}
            }
        }
    }
}

/// The longest time, from the start of the fault phase, that the faults take by plan; `None` when it depends on the
/// run.
pub(super) fn planned_length(lint: &Lint<'_>) -> Option<Duration> {
    let spans = (0..lint.scenario.faults.len()).map(|i| span(lint, Item::Fault(i), 0));
    spans
        .map(|s| (s.exact && s.fixed).then_some(s.from + s.length))
        .try_fold(Duration::ZERO, |m, d| d.map(|d| m.max(d)))
}

/// A resource that both change. Targets are compared by what they mean, not by name.
fn shared(lint: &Lint<'_>, a: &Fault, b: &Fault) -> Option<String> {
    let resolved = |key: ResourceKey| match &key {
        ResourceKey::Target(name) => {
            lint.service_of(name).map_or(key.clone(), |s: &Name| ResourceKey::Target(s.clone()))
        }
        ResourceKey::Network(name) => {
            lint.service_of(name).map_or(key.clone(), |s: &Name| ResourceKey::Network(s.clone()))
        }
        _ => key,
    };
    let theirs: Vec<ResourceKey> = b.spec.touches().into_iter().map(resolved).collect();
    a.spec.touches().into_iter().find(|key| theirs.contains(&resolved(key.clone()))).map(|key| key.to_string())
}

/// `Some(true)`: certainly; `Some(false)`: certainly not; `None`: it depends on the run.
fn overlap(a: Span, b: Span) -> Option<bool> {
    let (first, second) = if a.from <= b.from { (a, b) } else { (b, a) };
    if !first.exact {
        return None;
    }
    // An act is a moment: it collides with what stands then, or with another act of the same moment.
    let latest_end = first.from + first.length;
    let same_moment = first.from == second.from;
    if second.from >= latest_end && !same_moment {
        return Some(false);
    }
    (second.exact && (first.fixed || same_moment)).then_some(true)
}

fn span(lint: &Lint<'_>, item: Item, depth: usize) -> Span {
    let scenario = lint.scenario;
    let (moment, length, fixed) = match item {
        Item::Fault(i) => {
            let fault = &scenario.faults[i];
            let hold = fault.hold().unwrap_or(Hold::Act);
            (fault.moment().ok(), hold.at_most(), !matches!(hold, Hold::Until(_)))
        }
        Item::Step(i) => (scenario.playbook[i].moment().ok(), scenario.playbook[i].within, false),
    };
    let (from, exact) = match moment {
        Some(Moment::At(at)) => (at.get(), true),
        Some(Moment::After(after)) => from_after(lint, after, depth),
        Some(Moment::When(when)) => (when.steady.get(), false),
        None => (Duration::ZERO, false),
    };
    Span { from, exact, length: HumanDuration::get(length), fixed }
}

fn from_after(lint: &Lint<'_>, after: &After, depth: usize) -> (Duration, bool) {
    let delay = after.delay.get();
    // Circles are reported elsewhere; here they only must not go on for ever.
    let Some(item) = Item::of(lint, after).filter(|_| depth < 64) else { return (delay, false) };
    let before = span(lint, item, depth + 1);
    match (item, after.is) {
        (Item::Fault(_), Milestone::Injected) => (before.from + delay, before.exact),
        (Item::Fault(_), Milestone::Undone | Milestone::Done) if before.fixed => {
            (before.from + before.length + delay, before.exact)
        }
        _ => (before.from + delay, false),
    }
}

/// Whether `later` begins only once nothing of `earlier` is left, however long that takes.
fn comes_after_end(lint: &Lint<'_>, earlier: Item, later: Item, depth: usize) -> bool {
    let Some(after) = later.after(lint).filter(|_| depth < 64) else { return false };
    let Some(item) = Item::of(lint, after) else { return false };
    if item != earlier {
        return comes_after_end(lint, earlier, item, depth + 1);
    }
    match earlier {
        Item::Step(_) => true,
        Item::Fault(i) => {
            let held = lint.scenario.faults[i].spec.is_held();
            !held || matches!(after.is, Milestone::Undone | Milestone::Done)
        }
    }
}
