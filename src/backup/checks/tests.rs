use super::*;
use crate::timeline::ledger::{Content, ReadBuilder, Reference, account};

fn facts(tables: &[(&str, u64, &str)], objects: &[&str]) -> Facts {
    let table = |(name, rows, print): &(&str, u64, &str)| {
        ((*name).to_owned(), TableFacts { rows: *rows, fingerprint: (*print).into() })
    };
    Facts {
        settings: BTreeMap::new(),
        objects: objects.iter().map(|name| ((*name).to_owned(), "definition".into())).collect(),
        tables: tables.iter().map(table).collect(),
    }
}

#[test]
fn an_empty_file_is_too_small() {
    assert_eq!(size(0, 512).outcome, CheckOutcome::Fail);
    assert_eq!(size(512, 512).outcome, CheckOutcome::Pass);
}

#[test]
fn an_unknown_age_is_unclear() {
    let hour = Delta::from_millis(3_600_000);
    assert_eq!(age(Some(hour), hour).outcome, CheckOutcome::Pass);
    assert_eq!(age(Some(Delta(hour.nanos() + 1)), hour).outcome, CheckOutcome::Fail);
    assert_eq!(age(None, hour).outcome, CheckOutcome::Inconclusive);
}

#[test]
fn a_digest_must_be_there_and_equal() {
    assert_eq!(digest(Ok(Some("ab")), "ab").outcome, CheckOutcome::Pass);
    assert_eq!(digest(Ok(Some("ab")), "ac").outcome, CheckOutcome::Fail);
    assert_eq!(digest(Ok(None), "ac").outcome, CheckOutcome::Inconclusive);
    assert_eq!(digest(Err("garbage"), "ac").outcome, CheckOutcome::Fail);
}

#[test]
fn a_missing_object_is_named() {
    let was = facts(&[], &["index by_customer", "table orders"]);
    let found = schema(&was, &facts(&[], &["table orders"]));
    assert_eq!((found.outcome, found.observed.as_str()), (CheckOutcome::Fail, "index by_customer is missing"));
    assert_eq!(schema(&was, &was).outcome, CheckOutcome::Pass);
}

#[test]
fn counts_and_content_are_told_apart() {
    let was = facts(&[("orders", 5, "aa"), ("customers", 2, "bb")], &[]);
    let altered = facts(&[("orders", 5, "ax"), ("customers", 2, "bb")], &[]);
    assert_eq!(row_counts(&was, &altered).outcome, CheckOutcome::Pass);
    assert_eq!(content(&was, &altered).outcome, CheckOutcome::Fail);
    let emptied = row_counts(&was, &facts(&[("orders", 0, "00"), ("customers", 2, "bb")], &[]));
    assert_eq!((emptied.outcome, emptied.observed.as_str()), (CheckOutcome::Fail, "orders: 5 rows became 0"));
}

#[test]
fn a_manifest_without_tables_proves_nothing() {
    let none = facts(&[], &[]);
    assert_eq!(row_counts(&none, &none).outcome, CheckOutcome::Inconclusive);
    assert_eq!(content(&none, &none).outcome, CheckOutcome::Inconclusive);
}

#[test]
fn many_differences_are_counted_after_the_first() {
    let names: Vec<String> = (0..9).map(|n| format!("row {n}")).collect();
    let found = foreign_keys(&names);
    assert_eq!(found.observed, "row 0; row 1; row 2; row 3; row 4; and 4 more");
}

#[test]
fn integrity_is_ok_or_not_and_silence_is_unclear() {
    assert_eq!(integrity(&["ok".into()]).outcome, CheckOutcome::Pass);
    assert_eq!(integrity(&["row 1 missing from index".into()]).outcome, CheckOutcome::Fail);
    assert_eq!(integrity(&[]).outcome, CheckOutcome::Inconclusive);
}

#[test]
fn a_query_that_the_copy_does_not_understand_fails_and_a_timeout_is_unclear() {
    let refused = BackupError::Sql { path: "copy".into(), reason: "no such table".into() };
    assert_eq!(smoke("q", "1", Err(&refused)).outcome, CheckOutcome::Fail);
    assert_eq!(smoke("q", "1", Err(&BackupError::TimedOut)).outcome, CheckOutcome::Inconclusive);
    assert_eq!(smoke("q", "1", Ok("2")).outcome, CheckOutcome::Fail);
    assert_eq!(smoke("q", "1", Ok("1")).outcome, CheckOutcome::Pass);
}

/// Writes 0 to 9 acknowledged at 10 ms, 20 ms, …; the consistency point lies at 65 ms, so 0 to 5 are due.
fn ledger_with(ids: impl IntoIterator<Item = u64>, altered: Option<u64>, point: Option<i64>) -> Finding {
    let entries: Vec<Entry> = (0..10)
        .map(|n| {
            let sent = Offset::from_millis(n as i64 * 10 + 5);
            let fate = Fate::Acked { when: Offset::from_millis(n as i64 * 10 + 10) };
            Entry { n, intended: sent, sent, fate }
        })
        .collect();
    let mut builder = ReadBuilder::default();
    for n in ids {
        builder.row(n, if altered == Some(n) { Content::Differs } else { Content::Same });
    }
    let read = builder.finish("copy".into());
    let account = account(&entries, &read, Reference::exact(Offset::from_millis(200)));
    ledger(&entries, &read, &account, point.map(Offset::from_millis))
}

#[test]
fn what_was_acknowledged_before_the_backup_must_be_there_and_what_came_later_need_not() {
    assert_eq!(ledger_with(0..6, None, Some(65)).outcome, CheckOutcome::Pass);
    assert_eq!(ledger_with(0..8, None, Some(65)).outcome, CheckOutcome::Pass);
    let hole = ledger_with([0, 1, 2, 4, 5], None, Some(65));
    assert_eq!(hole.outcome, CheckOutcome::Fail);
    assert!(hole.observed.starts_with("1 of them are missing, between number 3 and 3"), "{}", hole.observed);
}

#[test]
fn altered_and_unsent_rows_on_the_copy_are_damage() {
    assert_eq!(ledger_with(0..6, Some(2), Some(65)).outcome, CheckOutcome::Fail);
    assert_eq!(ledger_with((0..6).chain([77]), None, Some(65)).outcome, CheckOutcome::Fail);
}

#[test]
fn a_ledger_without_a_point_or_without_writes_proves_nothing() {
    assert_eq!(ledger_with(0..6, None, None).outcome, CheckOutcome::Inconclusive);
    assert_eq!(ledger_with(0..6, None, Some(5)).outcome, CheckOutcome::Inconclusive);
}
