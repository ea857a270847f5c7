//! The ledger: entries that can be told apart, and `${id}` where it has a value.

use super::Lint;
use crate::scenario::ledger::LedgerWrite;
use crate::scenario::reference::{Reference, references};
use crate::scenario::yaml::{Node, Value};

pub(super) fn check(lint: &mut Lint<'_>) {
    if let Some(ledger) = &lint.scenario.ledger {
        let LedgerWrite::Http(write) = &ledger.write;
        let numbered = |text: &str| references(text).contains(&Reference::Id);
        if !numbered(&write.url) && !write.body.as_deref().is_some_and(numbered) {
            let message = "every entry would be the same: neither `url` nor `body` holds `${id}`";
            lint.key_error("ledger.write.http", message, "put `${id}` where the entry's number belongs");
        }
        if ledger.every.get().is_zero() {
            lint.error("ledger.every", "the ledger needs a time between two writes", "write `every: 20ms`");
        }
        if ledger.timeout.get().is_zero() {
            lint.error("ledger.timeout", "a write that waits for no time is never acknowledged", "write `timeout: 2s`");
        }
    }
    let mut strays = Vec::new();
    stray_ids(&lint.source.root, "", &mut strays);
    for path in strays {
        lint.error(
            path,
            "`${id}` is the number of a ledger entry and has no value here",
            "for the characters write `$${id}`",
        );
    }
}

/// Paths of texts with `${id}` outside of `ledger.write`.
fn stray_ids(node: &Node, path: &str, found: &mut Vec<String>) {
    if path == "ledger.write" {
        return;
    }
    match &node.value {
        Value::Text(text) if references(text).contains(&Reference::Id) => found.push(path.to_owned()),
        Value::List(items) => {
            for (i, item) in items.iter().enumerate() {
                stray_ids(item, &format!("{path}[{i}]"), found);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
                // A variable may hold it for the ledger; where it is put elsewhere is reported there.
                if path != "vars" {
                    stray_ids(&entry.value, &path, found);
                }
            }
        }
        _ => {}
    }
}
