//! ClickHouse: names that go into queries, and addresses without anything else in them.

use std::collections::BTreeMap;

use super::Lint;
use crate::scenario::Scalar;
use crate::scenario::clickhouse::is_identifier;
use crate::scenario::ledger::{LedgerRead, LedgerWrite};
use crate::scenario::reference::{Reference, references};

pub(super) fn check(lint: &mut Lint<'_>) {
    let Some(ledger) = &lint.scenario.ledger else { return };
    if let LedgerWrite::ClickHouse(write) = &ledger.write {
        let path = "ledger.write.clickhouse";
        place(lint, path, &write.url, &write.database, &write.table);
        for (column, value) in &write.columns {
            if !is_identifier(column) {
                let message = format!("`{column}` is no name of a column");
                lint.key_error(format!("{path}.columns.{column}"), message, NAMES);
            }
            if references(&value.to_string()).into_iter().any(Reference::is_secret) {
                let message = "a secret in a row is stored, and the server repeats rows in its errors";
                lint.error(format!("{path}.columns.{column}"), message, "put credentials into `user` and `password`");
            }
        }
        settings(lint, path, &write.settings);
        key(lint, path, write.user.as_deref(), write.password.as_deref());
    }
    if let LedgerRead::ClickHouse(read) = &ledger.read {
        let path = "ledger.read.clickhouse";
        place(lint, path, &read.url, &read.database, &read.table);
        name(lint, format!("{path}.id"), "column", &read.id);
        for (i, column) in read.columns.iter().enumerate() {
            name(lint, format!("{path}.columns[{i}]"), "column", column);
        }
        settings(lint, path, &read.settings);
        key(lint, path, read.user.as_deref(), read.password.as_deref());
    }
}

const NAMES: &str = "letters, digits and `_`, not beginning with a digit";

fn place(lint: &mut Lint<'_>, path: &str, url: &str, database: &str, table: &str) {
    name(lint, format!("{path}.database"), "database", database);
    name(lint, format!("{path}.table"), "table", table);
    if url.contains(['?', '#']) {
        let hint = "put what follows `?` under `settings`, and credentials under `user` and `password`";
        lint.error(format!("{path}.url"), "the address of the interface takes no parameters", hint);
    }
}

fn name(lint: &mut Lint<'_>, path: String, what: &str, name: &str) {
    if !is_identifier(name) {
        lint.error(path, format!("`{name}` is no name of a {what}"), NAMES);
    }
}

fn settings(lint: &mut Lint<'_>, path: &str, settings: &BTreeMap<String, Scalar>) {
    /// What the writer sets itself, or what would carry a secret in an address.
    const OURS: [&str; 6] = ["query", "wait_end_of_query", "user", "password", "default_format", "database"];
    for setting in settings.keys() {
        let message = if OURS.contains(&setting.as_str()) {
            format!("`{setting}` is not a setting of its own here")
        } else if !is_identifier(setting) {
            format!("`{setting}` is no name of a setting")
        } else {
            continue;
        };
        lint.key_error(format!("{path}.settings.{setting}"), message, "settings are those of `system.settings`");
    }
}

fn key(lint: &mut Lint<'_>, path: &str, user: Option<&str>, password: Option<&str>) {
    if password.is_some() && user.is_none() {
        lint.error(format!("{path}.password"), "a password without a user", "name the `user`");
    }
}
