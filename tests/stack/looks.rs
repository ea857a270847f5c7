//! What must be true of a drill beside its exit code.

use simulacro::result::RecoveredBy;

use crate::stack::{Drill, Stack};

/// Clients saw the fault, and were served again once it had gone; nothing was lost.
pub fn outage_ends_with_the_undo(_: &Stack, drill: &Drill) {
    let outage = drill.result.outages.first().expect("an outage");
    assert_eq!(outage.recovered_by, Some(RecoveredBy::Undo), "{outage:?}");
    nothing_lost(drill);
}

/// The ledger was read back and is whole.
pub fn nothing_lost(drill: &Drill) {
    let ledger = drill.result.ledger.as_ref().expect("a ledger");
    let words = format!("{ledger:?}");
    assert_eq!((ledger.lost, ledger.unexpected, ledger.altered), (Some(0), Some(0), Some(0)), "{words}");
    assert!(ledger.acked > 50, "{words}");
}
