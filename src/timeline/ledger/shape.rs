//! How the entries of a run look where they are stored: their ids, and the content that was sent.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Content, spelling};
use crate::model::RunId;
use crate::scenario::Ledger;
use crate::scenario::ledger::{LedgerRead, LedgerWrite};
use crate::scenario::reference::{Reference, put_in};

/// The placeholder for an entry's number in a write's address and body.
const PLACEHOLDER: &str = "${id}";

/// Numbers that one run may use: 16.7 million, four and a half hours with a write each millisecond.
pub const SPAN: u64 = 1 << 24;

/// Spans to choose from, so that all numbers stay below 2^53, which JSON readers keep exact.
const SPANS: u64 = 1 << 29;

/// How entry `n` is written and recognised. `${id}` stands for `first + n`, and each run has its own `first`, so that
/// runs that share a table cannot be mistaken for each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    first: u64,
    collection: Option<String>,
    before: String,
    after: String,
    /// The name under which rows hold their ids.
    id: String,
    body: Option<String>,
    /// Where in the body the fields of the row are: the names that lead to them.
    within: Vec<String>,
    /// Whether what is stored may come back in another spelling: `7` as `"7"`, `unitPrice` as `unit_price`.
    respelt: bool,
    /// Whether a row that carries none of the content still has its fields, each at its default.
    sparse: bool,
}

/// Whose row it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// This run's, with its number.
    Ours(u64),
    /// It looks like a ledger's, and no run writes such an id.
    Unexpected,
    /// Another writer's, or an earlier run's.
    Foreign,
}

impl Shape {
    /// The shape of a scenario's ledger in one run: `first` follows from the run's id.
    pub fn of(ledger: &Ledger, run: &RunId) -> Shape {
        let digest = Sha256::digest(run.0.as_bytes());
        let mut low = [0; 8];
        low.copy_from_slice(&digest[..8]);
        let first = (u64::from_le_bytes(low) % (SPANS - 1) + 1) * SPAN;
        let id = ledger.read.id_name();
        let shape = match &ledger.write {
            LedgerWrite::Http(write) => Shape::new(&write.url, write.body.as_deref(), first),
            LedgerWrite::Grpc(write) => Shape::of_fields(&write.message, id, None, first),
            LedgerWrite::ClickHouse(write) => Shape::of_fields(&write.row(), id, Some(&write.table), first),
            LedgerWrite::Postgres(write) => Shape::of_fields(&write.row(), id, Some(&write.table), first),
            LedgerWrite::Redis(write) => Shape::of_key(&write.key, &write.value, first),
        };
        let plain = matches!((&ledger.write, &ledger.read), (LedgerWrite::Http(_), LedgerRead::Http(_)));
        let sparse = matches!(ledger.read, LedgerRead::Grpc(_));
        Shape { id: id.to_owned(), respelt: !plain, sparse, ..shape }
    }

    /// The shape of entries that are written to `url` with `body`. An id is the path segment that holds `${id}`, text
    /// around the placeholder included; when only the body holds it, the id is the bare number.
    pub fn new(url: &str, body: Option<&str>, first: u64) -> Shape {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let mut segments = path.rsplit('/').skip_while(|segment| !segment.contains(PLACEHOLDER));
        let segment = segments.next().unwrap_or(PLACEHOLDER);
        let collection = segments.next().or(path.rsplit('/').next()).filter(|name| !name.is_empty());
        let (before, after) = segment.split_once(PLACEHOLDER).unwrap_or_default();
        Shape {
            first,
            collection: collection.map(str::to_owned),
            before: before.into(),
            after: after.into(),
            id: "id".into(),
            body: body.map(str::to_owned),
            within: Vec::new(),
            respelt: false,
            sparse: false,
        }
    }

    /// The shape of entries that are written under `key`: the id is the whole key, text around `${id}` included.
    pub fn of_key(key: &str, value: &str, first: u64) -> Shape {
        let (before, after) = key.split_once(PLACEHOLDER).unwrap_or_default();
        Shape { before: before.into(), after: after.into(), collection: None, ..Shape::new("", Some(value), first) }
    }

    /// The shape of entries that are written as the JSON object `body`. The id is the field of the name `id`, wherever
    /// in the body it is, text around `${id}` included; when no such field holds `${id}`, the id is the bare number.
    pub fn of_fields(body: &str, id: &str, collection: Option<&str>, first: u64) -> Shape {
        let mut shape = Shape {
            first,
            collection: collection.map(str::to_owned),
            before: String::new(),
            after: String::new(),
            id: id.to_owned(),
            body: Some(body.to_owned()),
            within: Vec::new(),
            respelt: true,
            sparse: false,
        };
        let number = shape.number(0).to_string();
        let sent = serde_json::from_str(&shape.fill(body, 0)).unwrap_or_default();
        if let Some((within, text)) = holder(&sent, id, &number)
            && let Some((before, after)) = text.split_once(&number)
        {
            (shape.before, shape.after) = (before.to_owned(), after.to_owned());
            shape.within = within;
        }
        shape
    }

    /// What `${id}` stands for in entry `n`.
    pub fn number(&self, n: u64) -> u64 {
        self.first.saturating_add(n)
    }

    /// The id of entry `n`, as the application stores it.
    pub fn id(&self, n: u64) -> String {
        format!("{}{}{}", self.before, self.number(n), self.after)
    }

    /// The path segment before the id, which usually is the name of the table too: `orders` of `/orders/${id}`.
    pub fn collection(&self) -> Option<&str> {
        self.collection.as_deref()
    }

    /// `template` with the number of entry `n` in place of every `${id}`.
    pub fn fill(&self, template: &str, n: u64) -> String {
        put_in(template, |reference| (*reference == Reference::Id).then(|| self.number(n).to_string()))
    }

    /// Whose row has the id `id`. A number of this run's span is this run's, whether it was given out or not.
    pub fn place(&self, id: &str) -> Place {
        let inner = id.strip_prefix(self.before.as_str()).and_then(|rest| rest.strip_suffix(self.after.as_str()));
        let Some(inner) = inner else { return Place::Foreign };
        // `007` and `+7` are other ids than `7`.
        let number = inner.parse::<u64>().ok().filter(|number| number.to_string() == inner);
        match number.map(|number| number.checked_sub(self.first)) {
            Some(Some(n)) if n < SPAN => Place::Ours(n),
            Some(_) => Place::Foreign,
            // With text of its own around the number an id can be told to be a damaged one of the ledger's.
            None if self.before.is_empty() && self.after.is_empty() => Place::Foreign,
            None => Place::Unexpected,
        }
    }

    /// Compares a row's fields with the JSON object that was sent as entry `n`: every field that both have, but the id.
    pub fn compare(&self, n: u64, row: &Map<String, Value>) -> Content {
        let Some(body) = &self.body else { return Content::NotRead };
        let Ok(sent) = serde_json::from_str::<Value>(&self.fill(body, n)) else { return Content::NotRead };
        let sent = self.within.iter().try_fold(&sent, |value, name| value.get(name));
        let Some(Value::Object(sent)) = sent else { return Content::NotRead };
        let fields = sent.iter().filter(|(key, _)| **key != self.id);
        let pairs: Vec<(&Value, &Value)> =
            fields.filter_map(|(key, value)| Some((value, spelling::field(row, key, self.respelt)?))).collect();
        // A service that lists less than it stores leaves the rest of its messages at their defaults.
        let left_out = |(sent, found): &(&Value, &Value)| spelling::is_default(found) && !spelling::is_default(sent);
        if pairs.is_empty() || (self.sparse && pairs.iter().all(left_out)) {
            return Content::NotRead;
        }
        let same = |(sent, found): &(&Value, &Value)| match self.respelt {
            true => spelling::alike(sent, found),
            false => sent == found,
        };
        if pairs.iter().all(same) { Content::Same } else { Content::Differs }
    }
}

/// Where in a value a field of the name `id` holds `number`: the names that lead to its object, and its text.
fn holder(value: &Value, id: &str, number: &str) -> Option<(Vec<String>, String)> {
    let fields = value.as_object()?;
    let own = spelling::field(fields, id, true).and_then(spelling::text).filter(|text| text.contains(number));
    if let Some(text) = own {
        return Some((Vec::new(), text));
    }
    fields.iter().find_map(|(name, inner)| {
        let (mut within, text) = holder(inner, id, number)?;
        within.insert(0, name.clone());
        Some((within, text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(row: Value) -> Map<String, Value> {
        row.as_object().unwrap().clone()
    }

    #[test]
    fn the_number_counts_from_the_runs_first() {
        let shape = Shape::new("http://host/orders/ledger-${id}?x=1", Some(r#"{"n": ${id}}"#), 5_000);
        assert_eq!(shape.fill("http://host/orders/ledger-${id}", 7), "http://host/orders/ledger-5007");
        assert_eq!(shape.collection(), Some("orders"));
        assert_eq!(shape.place("ledger-5007"), Place::Ours(7));
        assert_eq!(shape.id(7), "ledger-5007");
        assert_eq!(shape.place("ledger-4999"), Place::Foreign);
        assert_eq!(shape.place(&shape.id(SPAN)), Place::Foreign);
        assert_eq!(shape.place("shop-5007"), Place::Foreign);
        for damaged in ["ledger-05007", "ledger-50x7", "ledger-", "ledger-+5007"] {
            assert_eq!(shape.place(damaged), Place::Unexpected, "{damaged}");
        }
    }

    #[test]
    fn a_key_is_its_own_id_whatever_is_in_it() {
        let shape = Shape::of_key("a/b?x:${id}:y", r#"{"n": ${id}}"#, 5_000);
        assert_eq!(shape.id(7), "a/b?x:5007:y");
        assert_eq!(shape.place("a/b?x:5007:y"), Place::Ours(7));
        assert_eq!(shape.compare(7, &fields(json!({ "n": 5007 }))), Content::Same);
        assert_eq!(shape.compare(7, &fields(json!({ "n": 5008 }))), Content::Differs);
    }

    #[test]
    fn runs_do_not_share_numbers_and_all_stay_exact_in_json() {
        let ledger: Ledger = serde_json::from_value(json!({
            "every": "20ms",
            "write": { "http": { "url": "http://host/orders/${id}" } },
            "read": { "http": { "url": "http://host/orders" } },
        }))
        .unwrap();
        let shapes: Vec<_> = (0..200).map(|n| Shape::of(&ledger, &RunId(format!("run-{n}")))).collect();
        for (index, shape) in shapes.iter().enumerate() {
            assert!(shape.number(0) >= SPAN && shape.number(SPAN - 1) < 1 << 53);
            assert!(shapes[..index].iter().all(|other| other.place(&shape.id(0)) == Place::Foreign));
        }
        assert_eq!(shapes[7], Shape::of(&ledger, &RunId("run-7".into())));
    }

    #[test]
    fn secrets_and_escapes_stay_for_the_driver() {
        let shape = Shape::new("http://host/${id}", None, 5);
        assert_eq!(shape.fill("http://host/${id}?key=${env:KEY}&x=$${id}", 1), "http://host/6?key=${env:KEY}&x=$${id}");
    }

    #[test]
    fn bare_numbers_are_ours_and_words_are_not() {
        for shape in [Shape::new("http://host/orders/${id}", None, 1), Shape::new("http://host/orders", None, 1)] {
            assert_eq!(shape.collection(), Some("orders"));
            assert_eq!(shape.place("1"), Place::Ours(0));
            assert_eq!(shape.place("cart-1"), Place::Foreign);
        }
    }

    #[test]
    fn content_is_compared_by_the_fields_that_both_have() {
        let shape = Shape::new("http://host/${id}", Some(r#"{"n": ${id}, "kind": "drill"}"#), 10);
        assert_eq!(shape.compare(2, &fields(json!({ "id": "12", "n": 12, "created": 99 }))), Content::Same);
        assert_eq!(shape.compare(2, &fields(json!({ "id": "12", "n": 13 }))), Content::Differs);
        assert_eq!(shape.compare(2, &fields(json!({ "n": 12, "kind": "drull" }))), Content::Differs);
        assert_eq!(shape.compare(2, &fields(json!({ "id": "12" }))), Content::NotRead);
        assert_eq!(Shape::new("u", None, 0).compare(2, &fields(json!({ "n": 5 }))), Content::NotRead);
        assert_eq!(Shape::new("u", Some("n=${id}"), 0).compare(2, &fields(json!({ "n": 5 }))), Content::NotRead);
        assert_eq!(shape.compare(2, &fields(json!({ "n": "12" }))), Content::Differs);
    }

    #[test]
    fn an_id_is_found_in_the_fields_of_a_message() {
        let body = r#"{"order": {"order_id": "ledger-${id}", "unitPrice": ${id}, "kind": "drill"}, "token": "t${id}"}"#;
        let shape = Shape { sparse: true, ..Shape::of_fields(body, "order_id", None, 5_000) };
        assert_eq!(shape.id(7), "ledger-5007");
        assert_eq!(shape.place("ledger-5007"), Place::Ours(7));
        assert_eq!(shape.place("ledger-x"), Place::Unexpected);
        let compare = |row| shape.compare(7, &fields(row));
        assert_eq!(compare(json!({ "order_id": "ledger-5007", "unit_price": 5007, "kind": "drill" })), Content::Same);
        assert_eq!(compare(json!({ "unit_price": "5007" })), Content::Same);
        assert_eq!(compare(json!({ "unit_price": 5007.5, "kind": "drill" })), Content::Differs);
        assert_eq!(compare(json!({ "unit_price": 0, "kind": "drill" })), Content::Differs);
        let only_ids = json!({ "order_id": "ledger-5007", "unit_price": 0, "kind": "" });
        assert_eq!(compare(only_ids.clone()), Content::NotRead);
        let table = Shape { sparse: false, ..shape.clone() };
        assert_eq!(table.compare(7, &fields(only_ids)), Content::Differs);
        assert_eq!(compare(json!({ "other": 1 })), Content::NotRead);
        // A field of another name: the number itself is what comes back.
        assert_eq!(Shape::of_fields(r#"{"key": ${id}}"#, "id", None, 5).id(1), "6");
        assert_eq!(Shape::of_fields(r#"{"id": "${id}"}"#, "id", Some("orders"), 5).collection(), Some("orders"));
    }
}
