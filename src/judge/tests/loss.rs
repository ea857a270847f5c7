//! Data loss.

use super::*;
use crate::timeline::event::{EventKind, Fate, LedgerReading};
use Outcome::{Breach, Inconclusive, Pass};

/// A ledger with a write every 100 ms; the service is killed at 2 s and holds what it has.
const LEDGER: &str = "
name: ledger
probes: [{name: checkout, tcp: {address: 'a:1'}, every: 10ms}]
recovery_signal: {streams: [checkout]}
ledger: {every: 100ms, write: {http: {url: 'u/${id}'}}, read: {http: {url: u}}}
phases: {baseline: 2s, recovery: {deadline: 10s, hold: 1s}, after: 1s}
faults: [{name: crash, process-kill: {target: app}, impact: tolerated}]
objectives: {rpo: {max: 0s, fault: crash}}
";

/// 100 writes; acknowledged unless `fate` says otherwise.
fn writes(fate: impl Fn(i64) -> Option<Fate>) -> Script {
    let mut script = kill(&[]);
    script.writes(100, 10_000, fate);
    script
}

fn rpo(max: &str, script: &Script) -> (Outcome, String) {
    ruled(&LEDGER.replace("max: 0s", &format!("max: {max}")), script, Objective::Rpo, "crash")
}

#[test]
fn nothing_lost_passes() {
    let mut script = writes(|_| None);
    script.read(14_500, 0..100);
    assert_eq!(rpo("0s", &script), (Pass, "0 of 100 acknowledged writes lost".into()));
}

#[test]
fn an_rpo_of_zero_is_breached_by_any_lost_write() {
    let mut script = writes(|_| None);
    script.read(14_500, (0..100).filter(|n| *n != 3));
    assert_eq!(rpo("0s", &script).0, Breach);
}

#[test]
fn rpa_has_bounds_from_the_oldest_loss_to_the_newest_survivor_before_it() {
    // Writes 15 to 19 are gone: acknowledged from 1.503 s on, the survivor before at 1.403 s; act at 2 s, effect 5 ms
    // later.
    let mut script = writes(|_| None);
    script.read(14_500, (0..100).filter(|n| !(15..20).contains(n)));
    let (_, _, verdict) = judged(LEDGER, &script);
    assert_eq!(part_on(&verdict, Objective::Rpo, "crash").measured, "497 ms [497 ms, 602 ms]");
    assert_eq!(
        [rpo("602ms", &script).0, rpo("601ms", &script).0, rpo("496ms", &script).0],
        [Pass, Inconclusive, Breach]
    );
}

#[test]
fn late_losses_breach_an_rpo_of_zero() {
    let mut script = writes(|_| None);
    script.read(14_500, (0..100).filter(|n| *n != 40));
    let (outcome, why) = rpo("0s", &script);
    assert_eq!((outcome, why.contains("1 of them acknowledged after the fault")), (Breach, true), "{why}");
    assert_eq!(rpo("1s", &script).0, Pass);
}

#[test]
fn writes_of_unknown_fate_are_no_losses() {
    let mut script = writes(|t| within(t, &[(2_000, 3_000)]).then(|| Fate::Unknown { why: "timeout".into() }));
    script.read(14_500, (0..100).filter(|n| !(20..25).contains(n)));
    assert_eq!(rpo("0s", &script).0, Pass);
}

#[test]
fn a_ledger_that_had_stalled_before_the_fault_proves_nothing() {
    let stalled = |from: i64| {
        let mut script = writes(|t| within(t, &[(from, 4_000)]).then(|| Fate::Refused { why: "503".into() }));
        script.read(14_500, (0..100).filter(|n| !within(n * 100, &[(from, 4_000)])).map(|n| n as u64));
        rpo("0s", &script)
    };
    let (outcome, why) = stalled(900);
    assert_eq!((outcome, why.contains("the ledger had stalled")), (Inconclusive, true), "{why}");
    assert!(why.contains("the newest was at +0.803 s"), "{why}");
    assert_eq!(stalled(1_500).0, Pass);
}

#[test]
fn what_a_stalled_ledger_lost_counts_all_the_same() {
    let mut script = writes(|t| within(t, &[(900, 4_000)]).then(|| Fate::Refused { why: "503".into() }));
    script.read(14_500, [5]);
    assert_eq!(rpo("0s", &script).0, Breach);
}

#[test]
fn a_ledger_that_cannot_be_read_back_is_inconclusive_and_never_zero() {
    let mut script = writes(|_| None);
    let outcome = LedgerReading::Failed { why: "connection refused".into() };
    script.at(14_500, EventKind::LedgerRead { node: "orders".into(), outcome });
    let (outcome, why) = rpo("0s", &script);
    assert_eq!((outcome, why.contains("connection refused")), (Inconclusive, true));
    assert_eq!(ruled(LEDGER, &script, Objective::Rpo, "ledger content").0, Inconclusive);
    let (plan, timeline, _) = judged(LEDGER, &script);
    assert_eq!(crate::judge::conclude(&plan, &timeline).ledger.unwrap().lost, None);
    assert_eq!(rpo("0s", &writes(|_| None)).0, Inconclusive);
}

#[test]
fn unexpected_and_altered_data_are_limited_to_none_unless_the_scenario_says_otherwise() {
    let found = |unexpected: &[&str], altered: &[u64]| {
        let mut script = writes(|_| None);
        let unexpected = unexpected.iter().map(|id| (*id).to_owned()).collect();
        let outcome =
            LedgerReading::Read { present: (0..100).collect(), unexpected, altered: altered.to_vec(), reads: 2 };
        script.at(14_500, EventKind::LedgerRead { node: "orders".into(), outcome });
        script
    };
    let content = |yaml: &str, script: &Script| ruled(yaml, script, Objective::Rpo, "ledger content").0;
    assert_eq!(content(LEDGER, &found(&[], &[])), Pass);
    assert_eq!(content(LEDGER, &found(&["x"], &[])), Breach);
    assert_eq!(content(LEDGER, &found(&[], &[7])), Breach);
    let lenient = LEDGER.replace("ledger: {", "ledger: {max_unexpected: 1, max_altered: 1, ");
    assert_eq!(content(&lenient, &found(&["x"], &[7])), Pass);
}

#[test]
fn without_a_ledger_or_a_fault_nothing_is_known_of_the_data() {
    let mut script = writes(|_| None);
    script.read(14_500, 0..100);
    let none = LEDGER.replace("ledger: {every: 100ms, write: {http: {url: 'u/${id}'}}, read: {http: {url: u}}}", "");
    assert_eq!(ruled(&none, &script, Objective::Rpo, "crash").0, Inconclusive);
    script.events.retain(|(_, what)| !matches!(what, EventKind::Fault { .. }));
    assert_eq!(rpo("0s", &script).0, Inconclusive);
}
