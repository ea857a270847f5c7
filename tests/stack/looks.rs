//! What must be true of a drill beside its exit code.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use simulacro::result::{OutageInfo, RecoveredBy};

use crate::stack::{Drill, Stack};

/// Nothing was lost; whether clients saw it is the judge's part.
pub fn no_loss(_: &Stack, drill: &Drill) {
    nothing_lost(drill);
}

/// Clients saw the fault, and were served again once it had gone; nothing was lost.
pub fn outage_ends_with_the_undo(_: &Stack, drill: &Drill) {
    assert_eq!(outage(drill).recovered_by, Some(RecoveredBy::Undo), "{:?}", drill.result.outages);
    nothing_lost(drill);
}

/// Clients saw the fault, and the stack recovered from it by itself; nothing was lost.
pub fn outage_ends_by_itself(_: &Stack, drill: &Drill) {
    assert_eq!(outage(drill).recovered_by, Some(RecoveredBy::System), "{:?}", drill.result.outages);
    nothing_lost(drill);
}

/// The services counted requests that got no connection.
pub fn pools_ran_dry(stack: &Stack, drill: &Drill) {
    outage_ends_with_the_undo(stack, drill);
    let exhausted = stack.figure("orders_1", "orders_database_exhausted_total")
        + stack.figure("orders_2", "orders_database_exhausted_total");
    assert!(exhausted > 0.0, "no request ever waited for a connection in vain");
}

/// The loss that the drill reports is the one that the database itself shows: those acknowledged orders that the new
/// primary does not have, counted by SQL, and the age of the oldest of them when the old one was killed.
pub fn asynchronous_loss_is_the_truth(stack: &Stack, drill: &Drill) {
    let ledger = drill.result.ledger.as_ref().expect("a ledger");
    let (acked, lost) = (acknowledged(drill), lost_by_sql(stack, drill));
    let oldest = lost.iter().map(|id| acked[id]).min().expect("asynchronous replication lost nothing");
    let kill = drill.result.faults.iter().find(|fault| fault.name.as_str() == "kill").expect("the kill");
    let age = kill.t_act.expect("an act").0 - oldest;
    let found = ledger.rpa.values().next().expect("an RPA").value.0;
    println!("  {} of {} acknowledged orders lost, RPA {found} ns, by SQL {age} ns", lost.len(), acked.len());
    assert_eq!((ledger.acked, ledger.lost), (acked.len() as u64, Some(lost.len() as u64)), "{ledger:?}");
    assert_eq!(found, age, "{ledger:?}");
    assert!(found > 0, "{ledger:?}");
    assert_eq!((ledger.unexpected, ledger.altered), (Some(0), Some(0)), "{ledger:?}");
    assert_eq!(outage(drill).recovered_by, Some(RecoveredBy::Playbook), "{:?}", drill.result.outages);
}

/// Nothing that was acknowledged is missing in the new primary, counted by SQL.
pub fn synchronous_loss_is_none(stack: &Stack, drill: &Drill) {
    assert_eq!(lost_by_sql(stack, drill), BTreeSet::new());
    nothing_lost(drill);
}

/// What the drill's journal says was acknowledged: ids, and when. Read as it is written, without the code that the
/// drill itself judges by.
fn acknowledged(drill: &Drill) -> BTreeMap<String, i64> {
    let journal = std::fs::read_to_string(drill.folder.join("ledger.jsonl")).unwrap();
    let lines: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let id = |line: &Value| Some((line["n"].as_u64()?, line["id"].as_str()?.to_owned()));
    let ids: BTreeMap<u64, String> = lines.iter().filter_map(id).collect();
    let acked = lines.iter().filter(|line| line["fate"] == "acked");
    acked.map(|line| (ids[&line["n"].as_u64().unwrap()].clone(), line["when"].as_i64().unwrap())).collect()
}

fn lost_by_sql(stack: &Stack, drill: &Drill) -> BTreeSet<String> {
    let there: BTreeSet<_> =
        stack.sql("postgres-replica", "SELECT id FROM orders").lines().map(str::to_owned).collect();
    acknowledged(drill).into_keys().filter(|id| !there.contains(id)).collect()
}

fn outage(drill: &Drill) -> &OutageInfo {
    drill.result.outages.last().unwrap_or_else(|| panic!("no outage\n{}", drill.output))
}

fn nothing_lost(drill: &Drill) {
    let ledger = drill.result.ledger.as_ref().expect("a ledger");
    let words = format!("{ledger:?}");
    assert_eq!((ledger.lost, ledger.unexpected, ledger.altered), (Some(0), Some(0), Some(0)), "{words}");
    assert!(ledger.acked > 50, "{words}");
}
