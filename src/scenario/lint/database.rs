//! PostgreSQL and Redis: addresses that hide their secrets, names that go into statements, and who takes over.

use super::Lint;
use crate::scenario::Target;
use crate::scenario::clickhouse::is_identifier;
use crate::scenario::database::{address_problem, is_table};
use crate::scenario::fault::FieldProblem;
use crate::scenario::ledger::{LedgerRead, LedgerWrite};
use crate::scenario::reference::{Reference, references};

const POSTGRES: [&str; 2] = ["postgres", "postgresql"];
const REDIS: [&str; 2] = ["redis", "rediss"];
const TABLE: &str = "`table` or `schema.table`, each of letters, digits and `_`, not beginning with a digit";
const COLUMN: &str = "letters, digits and `_`, not beginning with a digit";

pub(super) fn check(lint: &mut Lint<'_>) {
    targets(lint);
    writer(lint);
    reader(lint);
    for (i, step) in lint.scenario.playbook.iter().enumerate() {
        let Some(postgres) = &step.postgres else { continue };
        let path = format!("playbook[{i}].postgres");
        lint.must_exist(format!("{path}.target"), "target", &postgres.target, lint.scenario.targets.keys());
        if let Some(target) = lint.scenario.targets.get(&postgres.target)
            && !matches!(target, Target::Postgres(_))
        {
            let message = format!("`{}` is a {}", postgres.target, target.sort());
            lint.error(format!("{path}.target"), message, "name a target that is a postgres");
        }
        if let Some(FieldProblem { field, message, hint }) = step.irreversible()
            && !lint.scenario.guard.allow_irreversible
        {
            lint.error(format!("{path}.{field}"), message, &hint);
        }
    }
}

fn targets(lint: &mut Lint<'_>) {
    for (name, target) in &lint.scenario.targets {
        match target {
            Target::Postgres(postgres) => {
                let path = format!("targets.{name}.postgres");
                address(lint, &path, &postgres.url, &POSTGRES);
                if let Some(container) = &postgres.container {
                    lint.must_exist(format!("{path}.container"), "target", container, lint.scenario.targets.keys());
                }
                let Some(peer) = &postgres.peer else {
                    if postgres.after_failover.is_some() {
                        let message = "what becomes of it after a failover, and no peer that could take over";
                        lint.error(format!("{path}.after_failover"), message, "name the `peer`");
                    }
                    continue;
                };
                lint.must_exist(format!("{path}.peer"), "target", peer, lint.scenario.targets.keys());
                let sort = lint.scenario.targets.get(peer).map(Target::sort);
                if peer == name || sort.is_some_and(|sort| sort != "postgres") {
                    let message = format!("`{peer}` cannot take over from `{name}`");
                    lint.error(format!("{path}.peer"), message, "name another target that is a postgres");
                }
            }
            Target::Redis(redis) => address(lint, &format!("targets.{name}.redis"), &redis.url, &REDIS),
            Target::Process(_) | Target::Container(_) | Target::Host(_) => {}
        }
    }
}

fn writer(lint: &mut Lint<'_>) {
    match lint.scenario.ledger.as_ref().map(|ledger| &ledger.write) {
        Some(LedgerWrite::Postgres(write)) => {
            let path = "ledger.write.postgres";
            address(lint, path, &write.url, &POSTGRES);
            table(lint, path, &write.table);
            for (name, value) in &write.columns {
                if !is_identifier(name) {
                    let message = format!("`{name}` is no name of a column");
                    lint.key_error(format!("{path}.columns.{name}"), message, COLUMN);
                }
                if references(&value.to_string()).into_iter().any(Reference::is_secret) {
                    let message = "a secret in a row is stored, and the server repeats rows in its errors";
                    lint.error(format!("{path}.columns.{name}"), message, "put credentials into `url`");
                }
            }
        }
        Some(LedgerWrite::Redis(write)) => {
            let path = "ledger.write.redis";
            address(lint, path, &write.url, &REDIS);
            for (field, text) in [("key", &write.key), ("value", &write.value)] {
                if references(text).into_iter().any(Reference::is_secret) {
                    lint.error(format!("{path}.{field}"), "a secret here is stored", "put credentials into `url`");
                }
            }
        }
        _ => {}
    }
}

fn reader(lint: &mut Lint<'_>) {
    match lint.scenario.ledger.as_ref().map(|ledger| &ledger.read) {
        Some(LedgerRead::Postgres(read)) => {
            let path = "ledger.read.postgres";
            address(lint, path, &read.url, &POSTGRES);
            table(lint, path, &read.table);
            let columns = read.columns.iter().enumerate().map(|(i, column)| (format!("columns[{i}]"), column));
            for (field, column) in columns.chain([("id".to_owned(), &read.id)]) {
                if !is_identifier(column) {
                    lint.error(format!("{path}.{field}"), format!("`{column}` is no name of a column"), COLUMN);
                }
            }
        }
        Some(LedgerRead::Redis(read)) => {
            address(lint, "ledger.read.redis", &read.url, &REDIS);
            if read.keys.is_empty() {
                lint.error("ledger.read.redis.keys", "an empty pattern matches no key", "write `ledger:*`");
            }
        }
        _ => {}
    }
}

fn address(lint: &mut Lint<'_>, path: &str, url: &str, schemes: &[&str]) {
    if let Some((message, hint)) = address_problem(url, schemes) {
        lint.error(format!("{path}.url"), message, &hint);
    }
}

fn table(lint: &mut Lint<'_>, path: &str, name: &str) {
    if !is_table(name) {
        lint.error(format!("{path}.table"), format!("`{name}` is no name of a table"), TABLE);
    }
}
