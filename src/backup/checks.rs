//! What the findings on a backup mean: pure functions, shared by all engines.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::BackupError;
use super::manifest::{Facts, TableFacts};
use crate::model::{Delta, Offset};
use crate::timeline::ledger::{Account, Entry, Fate, FinalRead};
use crate::timeline::restore::CheckOutcome;

/// What a check expected, what it saw, and what that means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What should have been.
    pub expected: String,
    /// What was.
    pub observed: String,
    /// What it means.
    pub outcome: CheckOutcome,
}

/// How many differences a finding names before it only counts them.
const NAMED: usize = 5;

impl Finding {
    /// As it should be.
    pub fn pass(expected: impl Into<String>, observed: impl Into<String>) -> Finding {
        Finding { expected: expected.into(), observed: observed.into(), outcome: CheckOutcome::Pass }
    }

    /// The backup is bad.
    pub fn fail(expected: impl Into<String>, observed: impl Into<String>) -> Finding {
        Finding { outcome: CheckOutcome::Fail, ..Finding::pass(expected, observed) }
    }

    /// It could not be told.
    pub fn unclear(expected: impl Into<String>, observed: impl Into<String>) -> Finding {
        Finding { outcome: CheckOutcome::Inconclusive, ..Finding::pass(expected, observed) }
    }

    /// An error: a failure where it speaks of damage, otherwise unclear.
    pub fn error(expected: impl Into<String>, error: &BackupError) -> Finding {
        let make = if error.is_damage() { Finding::fail } else { Finding::unclear };
        make(expected.into(), error.to_string())
    }

    /// Passes when nothing differs; otherwise names the first differences.
    fn from_differences(expected: String, same: String, differences: &[String]) -> Finding {
        if differences.is_empty() {
            return Finding::pass(expected, same);
        }
        let more = differences.len().saturating_sub(NAMED);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        Finding::fail(expected, format!("{}{more}", differences[..differences.len().min(NAMED)].join("; ")))
    }
}

/// Layer 0: large enough to be a backup at all.
pub fn size(bytes: u64, floor: u64) -> Finding {
    let make = if bytes >= floor { Finding::pass } else { Finding::fail };
    make(format!("at least {floor} bytes"), format!("{bytes} bytes"))
}

/// Layer 0: young enough. An age that is not known is unclear; a file's own time is never asked.
pub fn age(age: Option<Delta>, max: Delta) -> Finding {
    let expected = format!("at most {max} old");
    match age {
        Some(age) if age <= max => Finding::pass(expected, format!("{age} old")),
        Some(age) => Finding::fail(expected, format!("{age} old")),
        None => Finding::unclear(expected, "no manifest says when it was taken"),
    }
}

/// Layer 1: the digest of the file against the one that was kept when it was made.
pub fn digest(kept: Result<Option<&str>, &str>, found: &str) -> Finding {
    match kept {
        Ok(Some(kept)) if kept == found => Finding::pass(format!("SHA-256 {kept}"), "the same"),
        Ok(Some(kept)) => Finding::fail(format!("SHA-256 {kept}"), format!("SHA-256 {found}")),
        Ok(None) => Finding::unclear("a digest kept beside the backup", format!("none; the file has {found}")),
        // A digest file that is damaged says nothing about the backup, but somebody changed something here.
        Err(why) => Finding::fail("a digest kept beside the backup", why),
    }
}

/// Layer 5: tables, indexes, triggers, views and settings as in the manifest.
pub fn schema(manifest: &Facts, found: &Facts) -> Finding {
    let mut differences =
        compare(&manifest.objects, &found.objects, |name, _, _| format!("{name} is defined differently"));
    differences
        .extend(compare(&manifest.settings, &found.settings, |name, was, is| format!("{name} was {was}, is {is}")));
    let count = manifest.objects.len();
    Finding::from_differences(format!("{count} tables, indexes, triggers and views"), "all there".into(), &differences)
}

/// Layer 5: rows by table as in the manifest.
pub fn row_counts(manifest: &Facts, found: &Facts) -> Finding {
    let rows = |facts: &Facts| facts.tables.iter().map(|(name, t)| (name.clone(), t.rows)).collect::<BTreeMap<_, _>>();
    let differences = compare(&rows(manifest), &rows(found), |name, was, is| format!("{name}: {was} rows became {is}"));
    let total: u64 = manifest.tables.values().map(|table| table.rows).sum();
    let expected = format!("{total} rows in {} tables", manifest.tables.len());
    if manifest.tables.is_empty() {
        return Finding::unclear("rows in at least one table", "the manifest names no table: nothing was compared");
    }
    Finding::from_differences(expected, "as many, table by table".into(), &differences)
}

/// Layer 5: the content of every table as in the manifest.
pub fn content(manifest: &Facts, found: &Facts) -> Finding {
    let differs = |name: &str, was: &TableFacts, is: &TableFacts| {
        format!(
            "{name}: the fingerprint of {} rows was {}, that of {} rows is {}",
            was.rows, was.fingerprint, is.rows, is.fingerprint
        )
    };
    if manifest.tables.is_empty() {
        return Finding::unclear("a fingerprint of at least one table", "the manifest names no table");
    }
    let differences = compare(&manifest.tables, &found.tables, differs);
    let expected = format!("the fingerprints of {} tables", manifest.tables.len());
    Finding::from_differences(expected, "equal".into(), &differences)
}

/// In words, every key that only one side has or whose values differ, in the order of the keys.
fn compare<V: PartialEq + Debug>(
    was: &BTreeMap<String, V>,
    is: &BTreeMap<String, V>,
    differs: impl Fn(&str, &V, &V) -> String,
) -> Vec<String> {
    let gone_or_changed = was.iter().filter_map(|(name, was)| match is.get(name) {
        None => Some(format!("{name} is missing")),
        Some(is) if is != was => Some(differs(name, was, is)),
        Some(_) => None,
    });
    let added = is.keys().filter(|name| !was.contains_key(*name)).map(|name| format!("{name} was not in the backup"));
    gone_or_changed.chain(added).collect()
}

/// Layer 4: the lines of an integrity check, which says `ok` or names its problems.
pub fn integrity(lines: &[String]) -> Finding {
    match lines {
        [only] if only == "ok" => Finding::pass("ok", "ok"),
        [] => Finding::unclear("ok", "the engine said nothing"),
        problems => Finding::from_differences("ok".into(), String::new(), problems),
    }
}

/// Layer 4: rows whose foreign key leads nowhere.
pub fn foreign_keys(violations: &[String]) -> Finding {
    Finding::from_differences("no dangling foreign key".into(), "none".into(), violations)
}

/// Layer 6: a query's answer.
pub fn smoke(query: &str, expect: &str, answer: Result<&str, &BackupError>) -> Finding {
    let expected = format!("`{expect}` from {query}");
    match answer {
        Ok(answer) if answer == expect => Finding::pass(expected, format!("`{answer}`")),
        Ok(answer) => Finding::fail(expected, format!("`{answer}`")),
        // The copy does not understand the question: that is its fault, unless time ran out.
        Err(error @ BackupError::Sql { .. }) => Finding::fail(expected, error.to_string()),
        Err(error) => Finding::error(expected, error),
    }
}

/// Layer 7: every write acknowledged before the backup's consistency point is on the copy, and nothing there is altered
/// or was never sent. What was acknowledged later is data loss (RPA), not damage.
///
/// `consistent_from` is the earliest reading of that point. `account` is the account at the disaster.
pub fn ledger(entries: &[Entry], read: &FinalRead, account: &Account, consistent_from: Option<Offset>) -> Finding {
    let Some(point) = consistent_from else {
        return Finding::unclear("the backup's consistency point", "not known: nothing says when it was taken");
    };
    let due: Vec<u64> =
        entries.iter().filter(|e| matches!(e.fate, Fate::Acked { when } if when < point)).map(|e| e.n).collect();
    let missing: Vec<u64> = due.iter().copied().filter(|n| !read.present.contains(*n)).collect();
    let expected = format!("the {} writes acknowledged before {point}", due.len());
    let mut problems = Vec::new();
    if let (Some(first), Some(last)) = (missing.iter().min(), missing.iter().max()) {
        problems.push(format!("{} of them are missing, between number {first} and {last}", missing.len()));
    }
    if account.altered > 0 {
        problems.push(format!("{} writes have other content than was sent", account.altered));
    }
    if account.unexpected > 0 {
        problems.push(format!("{} writes are there that were never sent", account.unexpected));
    }
    if problems.is_empty() && due.is_empty() {
        return Finding::unclear("writes acknowledged before the backup", "there were none: nothing was compared");
    }
    Finding::from_differences(expected, "all there".into(), &problems)
}

#[cfg(test)]
mod tests;
