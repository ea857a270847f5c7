//! ClickHouse as the ledger's store, reached by its HTTP interface.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Scalar;

/// A write of one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClickHouseWrite {
    /// Address of the HTTP interface, as `http://127.0.0.1:8123`.
    pub url: String,
    /// Database.
    #[serde(default = "database")]
    pub database: String,
    /// Table.
    pub table: String,
    /// The row, by column; `${id}` in the column of the id, at least.
    pub columns: BTreeMap<String, Scalar>,
    /// User; the server's default user when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user's password: a reference such as `${env:CLICKHOUSE_PASSWORD}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Settings of the query, as `insert_quorum: 2`. One of no value (`async_insert: ""`) is not sent at all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, Scalar>,
}

/// A read of the whole table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClickHouseRead {
    /// Address of the HTTP interface of the node that is read.
    pub url: String,
    /// Database.
    #[serde(default = "database")]
    pub database: String,
    /// Table.
    pub table: String,
    /// The column of the id.
    #[serde(default = "id")]
    pub id: String,
    /// Columns whose content is compared with what was written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Whether rows are merged before they are read (`FINAL`). Without it, duplicates are seen.
    #[serde(default, rename = "final", skip_serializing_if = "std::ops::Not::not")]
    pub merged: bool,
    /// User; the server's default user when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user's password: a reference such as `${env:CLICKHOUSE_PASSWORD}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Settings of the query, as `select_sequential_consistency: 1`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, Scalar>,
}

fn database() -> String {
    "default".into()
}

fn id() -> String {
    "id".into()
}

/// Whether a word can stand in a query as a name: letters, digits and `_`, not beginning with a digit.
pub(super) fn is_identifier(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A row as JSON: texts stay texts, numbers numbers.
pub(super) fn row_of(columns: &BTreeMap<String, Scalar>) -> String {
    let value = |value: &Scalar| match value {
        Scalar::Bool(value) => Value::from(*value),
        Scalar::Int(value) => Value::from(*value),
        Scalar::Float(value) => Value::from(*value),
        Scalar::Text(value) => Value::from(value.as_str()),
    };
    let row: Map<String, Value> = columns.iter().map(|(name, v)| (name.clone(), value(v))).collect();
    Value::Object(row).to_string()
}

/// A name as a query has it. Names that are no identifiers are found by lint; should one get here all the same, its
/// quotes are escaped, so that it stays one name.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

fn list<'n>(names: impl Iterator<Item = &'n String>) -> String {
    names.map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

impl ClickHouseWrite {
    /// The row as JSON, with `${id}` still in it. Texts stay texts, numbers too: ClickHouse reads `"7"` as a number
    /// where the column is one.
    pub fn row(&self) -> String {
        row_of(&self.columns)
    }

    /// The query that takes the row.
    pub fn query(&self) -> String {
        let (database, table) = (quoted(&self.database), quoted(&self.table));
        format!("INSERT INTO {database}.{table} ({}) FORMAT JSONEachRow", list(self.columns.keys()))
    }

    /// Where the row is sent. An acknowledgement must mean that the row is written: `async_insert=0` keeps it out of
    /// the server's queue, and `wait_end_of_query=1` holds the answer back until the insert, views included, is
    /// through.
    pub fn address(&self) -> String {
        address(&self.url, &self.query(), &[("async_insert", "0")], &self.settings)
    }

    /// Who writes, as headers.
    pub fn headers(&self) -> Vec<(String, String)> {
        headers(self.user.as_deref(), self.password.as_deref())
    }
}

impl ClickHouseRead {
    /// The query that lists all entries.
    pub fn query(&self) -> String {
        let columns = list(std::iter::once(&self.id).chain(self.columns.iter().filter(|name| **name != self.id)));
        let (database, table) = (quoted(&self.database), quoted(&self.table));
        let merged = if self.merged { " FINAL" } else { "" };
        format!("SELECT {columns} FROM {database}.{table}{merged} FORMAT JSONEachRow")
    }

    /// Where it is sent. `wait_end_of_query=1` holds the answer back until it is whole, so that an error in the middle
    /// is an error and not a shorter list.
    pub fn address(&self) -> String {
        address(&self.url, &self.query(), &[], &self.settings)
    }

    /// Who reads, as headers.
    pub fn headers(&self) -> Vec<(String, String)> {
        headers(self.user.as_deref(), self.password.as_deref())
    }
}

fn address(url: &str, query: &str, ours: &[(&str, &str)], theirs: &BTreeMap<String, Scalar>) -> String {
    let mut address = format!("{}/?wait_end_of_query=1&query={}", url.trim_end_matches('/'), encoded(query));
    let defaults = ours.iter().filter(|(name, _)| !theirs.contains_key(*name));
    let defaults = defaults.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let asked = theirs.iter().map(|(name, value)| (name.clone(), value.to_string()));
    for (name, value) in defaults.chain(asked).filter(|(_, value)| !value.is_empty()) {
        address.push_str(&format!("&{}={}", encoded(&name), encoded(&value)));
    }
    address
}

/// Text as a part of a query string.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Credentials go into headers: addresses end up in logs.
fn headers(user: Option<&str>, password: Option<&str>) -> Vec<(String, String)> {
    let header = |name: &str, value: Option<&str>| value.map(|value| (name.to_owned(), value.to_owned()));
    [header("X-ClickHouse-User", user), header("X-ClickHouse-Key", password)].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn write(columns: Value, settings: Value) -> ClickHouseWrite {
        let write =
            serde_json::json!({ "url": "http://a:8123/", "table": "t", "columns": columns, "settings": settings });
        serde_json::from_value(write).unwrap()
    }

    #[test]
    fn a_row_is_sent_to_a_query_that_waits() {
        let write = write(serde_json::json!({ "id": "${id}", "n": 5, "x": true }), serde_json::json!({}));
        assert_eq!(write.row(), r#"{"id":"${id}","n":5,"x":true}"#);
        assert_eq!(write.query(), "INSERT INTO `default`.`t` (`id`, `n`, `x`) FORMAT JSONEachRow");
        assert!(write.address().starts_with("http://a:8123/?wait_end_of_query=1&query=INSERT%20INTO%20%60default"));
        assert!(write.address().ends_with("&async_insert=0"));
        assert_eq!(write.headers(), []);
    }

    #[test]
    fn settings_are_added_replaced_and_taken_out() {
        let address = |settings| write(serde_json::json!({ "id": "${id}" }), settings).address();
        assert!(address(serde_json::json!({ "insert_quorum": 2 })).ends_with("&async_insert=0&insert_quorum=2"));
        assert!(address(serde_json::json!({ "async_insert": 1 })).ends_with("&async_insert=1"));
        assert!(!address(serde_json::json!({ "async_insert": "" })).contains("async_insert"));
    }

    #[test]
    fn a_read_lists_the_id_once_and_keeps_duplicates_unless_told() {
        let mut read: ClickHouseRead = serde_json::from_value(serde_json::json!({
            "url": "http://a:8123", "table": "t", "columns": ["n", "id"], "user": "u", "password": "${env:P}",
        }))
        .unwrap();
        assert_eq!(read.query(), "SELECT `id`, `n` FROM `default`.`t` FORMAT JSONEachRow");
        read.merged = true;
        assert!(read.query().contains("`t` FINAL FORMAT"));
        let headers = [("X-ClickHouse-User".into(), "u".into()), ("X-ClickHouse-Key".into(), "${env:P}".into())];
        assert_eq!(read.headers(), headers);
        assert!(!read.address().contains("env"));
    }

    proptest! {
        #[test]
        fn a_name_stays_one_name(name in r"[`\\a'; \PC]{0,20}") {
            let quoted = quoted(&name);
            let mut inner = quoted[1..quoted.len() - 1].chars();
            let mut back = String::new();
            while let Some(c) = inner.next() {
                prop_assert_ne!(c, '`', "the name ends too early");
                back.push(if c == '\\' { inner.next().unwrap() } else { c });
            }
            prop_assert_eq!(back, name);
        }

        #[test]
        fn a_query_survives_its_address(text in r"[%&=+# \PC]{0,30}") {
            let mut bytes = Vec::new();
            let encoded = encoded(&text);
            let mut rest = encoded.as_str();
            while let Some(first) = rest.chars().next() {
                prop_assert!(first.is_ascii() && !"&=+# ".contains(first));
                let length = if first == '%' { 3 } else { 1 };
                let byte = if first == '%' { u8::from_str_radix(&rest[1..3], 16).unwrap() } else { first as u8 };
                bytes.push(byte);
                rest = &rest[length..];
            }
            prop_assert_eq!(String::from_utf8(bytes).unwrap(), text);
        }
    }
}
