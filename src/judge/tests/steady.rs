//! The steady state.

use super::*;
use crate::timeline::event::EventKind;
use Outcome::{Breach, Inconclusive, Pass};

const STEADY: &str = "
name: steady
probes: [{name: checkout, tcp: {address: 'a:1'}, every: 10ms}]
steady_state: ['error_rate < 1%', 'checkout.ok']
phases: {baseline: 2s, after: 1s}
";

fn gate(held: Option<bool>, down: &[(i64, i64)]) -> Vec<(String, Outcome)> {
    let mut script = kill(down);
    script.events.retain(|(_, what)| !matches!(what, EventKind::Fault { .. }));
    for condition in ["error_rate < 1%", "checkout.ok"] {
        let what = EventKind::SteadyState { condition: condition.into(), held, measured: "0 %".into() };
        script.at(2_000, what);
    }
    let verdict = judged(STEADY, &script).2;
    let steady = verdict.parts.into_iter().filter(|p| p.objective == Objective::SteadyState);
    steady.map(|p| (format!("{} {}", p.subject, p.asked), p.outcome)).collect()
}

#[test]
fn a_steady_state_that_held_passes_and_is_judged_again_afterwards() {
    let all = gate(Some(true), &[]);
    assert_eq!(
        all.iter().map(|(s, _)| s.as_str()).collect::<Vec<_>>(),
        ["baseline error_rate < 1%", "baseline checkout.ok", "after error_rate < 1%", "after checkout.ok",]
    );
    assert!(all.iter().all(|(_, outcome)| *outcome == Pass));
    let broken = gate(Some(true), &[(14_000, 15_000)]);
    assert_eq!(broken.iter().map(|(_, o)| *o).collect::<Vec<_>>(), [Pass, Pass, Breach, Breach]);
}

#[test]
fn a_steady_state_that_did_not_hold_or_was_not_seen_is_inconclusive() {
    assert_eq!(gate(Some(false), &[])[0].1, Inconclusive);
    assert_eq!(gate(None, &[])[0].1, Inconclusive);
    assert_eq!(ruled(STEADY, &kill(&[]), Objective::SteadyState, "baseline").0, Inconclusive);
}
