//! The ledger: entries that can be told apart, and `${id}` where it has a value.

use super::Lint;
use crate::scenario::Ledger;
use crate::scenario::ledger::{ClickHouseWrite, LedgerWrite, PostgresWrite};
use crate::scenario::reference::{Reference, references};
use crate::scenario::yaml::{Node, Value};

pub(super) fn check(lint: &mut Lint<'_>) {
    if let Some(ledger) = &lint.scenario.ledger {
        numbered(lint, ledger);
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

/// An error unless the entries can be told apart.
fn numbered(lint: &mut Lint<'_>, ledger: &Ledger) {
    let numbered = |text: &str| references(text).contains(&Reference::Id);
    let (way, message) = match &ledger.write {
        LedgerWrite::Http(write) if numbered(&write.url) || write.body.as_deref().is_some_and(numbered) => return,
        LedgerWrite::Http(_) => ("http", "neither `url` nor `body` holds `${id}`".to_owned()),
        LedgerWrite::Grpc(write) if numbered(&write.message) => return,
        LedgerWrite::Grpc(_) => ("grpc", "`message` does not hold `${id}`".to_owned()),
        LedgerWrite::Redis(write) if numbered(&write.key) => return,
        LedgerWrite::Redis(_) => ("redis", "`key` does not hold `${id}`".to_owned()),
        LedgerWrite::ClickHouse(ClickHouseWrite { columns, .. })
        | LedgerWrite::Postgres(PostgresWrite { columns, .. }) => {
            let id = ledger.read.id_name();
            if columns.get(id).is_some_and(|value| numbered(&value.to_string())) {
                return;
            }
            let way = if matches!(ledger.write, LedgerWrite::Postgres(_)) { "postgres" } else { "clickhouse" };
            (way, format!("the column `{id}`, by which entries are read back, does not hold `${{id}}`"))
        }
    };
    let message = format!("every entry would be the same: {message}");
    lint.key_error(format!("ledger.write.{way}"), message, "put `${id}` where the entry's number belongs");
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
