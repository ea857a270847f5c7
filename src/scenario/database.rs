//! PostgreSQL and Redis as the ledger's stores, reached by their own protocols; names and addresses of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Scalar;
use super::clickhouse::{is_identifier, row_of};

/// A write of one row of a PostgreSQL table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresWrite {
    /// `postgres://user:${env:PGPASSWORD}@host:5432/database`.
    pub url: String,
    /// The table, as `orders` or `shop.orders`.
    pub table: String,
    /// The row, by column; `${id}` in the column of the id, at least.
    pub columns: BTreeMap<String, Scalar>,
}

impl PostgresWrite {
    /// The row as JSON, with `${id}` still in it.
    pub fn row(&self) -> String {
        row_of(&self.columns)
    }
}

/// A read of a whole PostgreSQL table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresRead {
    /// The server that is read: after a failover, the promoted one.
    pub url: String,
    /// The table, as `orders` or `shop.orders`.
    pub table: String,
    /// The column of the id.
    #[serde(default = "id")]
    pub id: String,
    /// Columns whose content is compared with what was written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}

fn id() -> String {
    "id".into()
}

/// A write of one Redis key, with `SET`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisWrite {
    /// `redis://:${env:REDIS_PASSWORD}@host:6379/0`; `rediss://` for TLS.
    pub url: String,
    /// The key, with `${id}`: `ledger:${id}`.
    pub key: String,
    /// The value; may hold `${id}`.
    #[serde(default = "value")]
    pub value: String,
    /// How many replicas must have it before it counts as acknowledged (`WAIT`).
    #[serde(default)]
    pub replicas: u32,
}

fn value() -> String {
    r#"{"n": ${id}}"#.into()
}

/// A read of Redis keys, with `SCAN`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisRead {
    /// The server that is read.
    pub url: String,
    /// Which keys, as a pattern of `SCAN`: `ledger:*`.
    pub keys: String,
    /// Whether the values are read and compared, too. They are compared field by field where they are JSON objects.
    #[serde(default)]
    pub values: bool,
}

/// Whether a word is the name of a table: `table`, or `schema.table`.
pub fn is_table(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    parts.len() <= 2 && parts.iter().all(|part| is_identifier(part))
}

/// Host and port of a database's address, without user and password, which may be references with `/` and `@` in them.
pub fn node(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, rest)| rest);
    let after = after.rsplit_once('@').map_or(after, |(_, rest)| rest);
    after.split(['/', '?', '#']).next().unwrap_or(after)
}

/// What is wrong with the address of a database, and what to write instead.
pub fn address_problem(url: &str, schemes: &[&str]) -> Option<(String, String)> {
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| schemes.contains(scheme)) else {
        let forms: Vec<String> = schemes.iter().map(|scheme| format!("{scheme}://")).collect();
        return Some((
            format!("`{}` is no address of a database here", shown(url)),
            format!("begin with {}", forms.join(" or ")),
        ));
    };
    if node(url).is_empty() || node(url).starts_with(':') {
        let hint = format!("write `{scheme}://user@host:port/database`");
        return Some((format!("`{}` names no host", shown(url)), hint));
    }
    let user = rest.rsplit_once('@').map_or("", |(user, _)| user);
    let password = user.split_once(':').map_or("", |(_, password)| password);
    if !password.is_empty() && !password.contains("${") {
        let hint = "write `${env:NAME}` or `${file:PATH}` in its place".to_owned();
        return Some(("a password stands in the scenario itself".into(), hint));
    }
    None
}

/// An address without its password, for messages.
fn shown(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_is_found_behind_references_that_look_like_paths() {
        for url in
            ["postgres://u:${file:/run/a@b}@h:1/d?x=y", "redis://h:1/0", "postgres://u@h:1", "redis://:${env:X}@h:1"]
        {
            assert_eq!(node(url), "h:1", "{url}");
        }
    }

    #[test]
    fn addresses_name_a_host_and_hide_their_password() {
        let problem = |url: &str| address_problem(url, &["postgres", "postgresql"]).map(|(what, _)| what);
        assert_eq!(problem("postgres://u:${env:P}@h:1/d"), None);
        assert_eq!(problem("postgresql://h/d"), None);
        assert!(problem("postgres://u:hunter2@h/d").unwrap().contains("password"));
        assert!(!problem("mysql://u:hunter2@h/d").unwrap().contains("hunter2"));
        assert!(problem("postgres:///d").unwrap().contains("names no host"));
    }

    #[test]
    fn tables_may_have_a_schema() {
        assert!(is_table("orders") && is_table("shop.orders"));
        assert!(!is_table("a.b.c") && !is_table("a b") && !is_table("") && !is_table("1a") && !is_table("a;"));
    }
}
