//! What the simulated service stores and answers: it takes the ledger's writes, and lists them for its read.

use serde_json::{Value, json};

use super::Sim;
use crate::model::grpc::{Code, HEALTH_CHECK};
use crate::scenario::grpc::GrpcCall;
use crate::scenario::ledger::{ClickHouseRead, LedgerRead, LedgerWrite};
use crate::world::http::HttpRequest;

/// Where the numbers of a ledger begin; smaller ones are something else.
const LEAST_NUMBER: u64 = 1 << 24;

impl Sim {
    /// What the service does with a request that arrived: stores writes, lists them for the ledger's read.
    pub(super) fn serve(&self, request: &HttpRequest) -> Vec<u8> {
        let ledger = self.inner.scenario.ledger.as_ref();
        match ledger.map(|ledger| &ledger.read) {
            Some(LedgerRead::Http(read)) if request.method == "GET" && request.url.starts_with(read.url.as_str()) => {
                return Value::Array(self.rows("id")).to_string().into_bytes();
            }
            Some(LedgerRead::ClickHouse(read)) if is_of(request, &read.url, "SELECT") => return self.lines(read),
            _ => {}
        }
        let body = request.body.clone().unwrap_or_default();
        match ledger.map(|ledger| &ledger.write) {
            Some(LedgerWrite::ClickHouse(write)) if is_of(request, &write.url, "INSERT") => self.store(&body),
            _ if matches!(request.method.as_str(), "PUT" | "POST") => {
                let path = request.url.split('?').next().unwrap_or_default();
                let id = path.rsplit('/').next().unwrap_or_default().to_owned();
                self.change(|state| state.store.insert(id, body));
            }
            _ => {}
        }
        Vec::new()
    }

    /// What the service does with a call that arrived; to what no ledger asks it answers as the probes want it.
    pub(super) fn serve_call(&self, call: &GrpcCall) -> (Code, Value) {
        if let Some(ledger) = &self.inner.scenario.ledger {
            if matches!(&ledger.write, LedgerWrite::Grpc(write) if write.method == call.method) {
                self.store(&call.message);
                return (Code::Ok, json!({}));
            }
            if let LedgerRead::Grpc(read) = &ledger.read
                && read.method == call.method
            {
                let rows = self.rows(ledger.read.id_name());
                return (Code::Ok, nested(&read.ids, rows));
            }
        }
        let probes = self.inner.scenario.probes.iter().filter_map(|probe| probe.grpc.as_ref());
        match probes.into_iter().find(|grpc| grpc.call() == *call) {
            Some(grpc) if grpc.contains.is_some() => (grpc.status, json!({ "says": grpc.contains })),
            Some(grpc) if !grpc.is_health_check() => (grpc.status, json!({})),
            _ if call.method == HEALTH_CHECK => (Code::Ok, json!({ "status": "SERVING" })),
            _ => (Code::Ok, json!({})),
        }
    }

    /// Stores what a ledger wrote as JSON, under its id.
    pub(super) fn store(&self, body: &str) {
        let Some(ledger) = &self.inner.scenario.ledger else { return };
        let Ok(value) = serde_json::from_str(body) else { return };
        if let Some(id) = named(&value, ledger.read.id_name()).or_else(|| numbered(&value)) {
            self.change(|state| state.store.insert(id, body.to_owned()));
        }
    }

    /// The stored entries: each one's fields, and its id under `name`.
    pub(super) fn rows(&self, name: &str) -> Vec<Value> {
        let row = |(id, body): (&String, &String)| {
            let mut value = serde_json::from_str(body).unwrap_or_else(|_| json!({}));
            if let Some(fields) = value.as_object_mut() {
                fields.insert(name.to_owned(), id.as_str().into());
            }
            value
        };
        self.state().store.iter().map(row).collect()
    }

    /// The stored entries, one JSON object on each line.
    fn lines(&self, read: &ClickHouseRead) -> Vec<u8> {
        self.rows(&read.id).iter().map(|row| format!("{row}\n")).collect::<String>().into_bytes()
    }
}

fn is_of(request: &HttpRequest, url: &str, verb: &str) -> bool {
    request.url.starts_with(url.trim_end_matches('/')) && request.url.contains(&format!("query={verb}"))
}

/// The text of the first field of a name, wherever it is.
fn named(value: &Value, name: &str) -> Option<String> {
    let fields = value.as_object()?;
    let own = fields.get(name).and_then(text);
    own.or_else(|| fields.values().find_map(|inner| named(inner, name)))
}

/// The first number that a ledger may have given out.
fn numbered(value: &Value) -> Option<String> {
    match value {
        Value::Object(fields) => fields.values().find_map(numbered),
        Value::Array(items) => items.iter().find_map(numbered),
        one => text(one).filter(|text| text.parse().is_ok_and(|number: u64| number >= LEAST_NUMBER)),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// An answer in which `path` leads to the ids of the rows.
fn nested(path: &str, rows: Vec<Value>) -> Value {
    let (around, last) = path.rsplit_once('.').unwrap_or(("", path));
    if around.is_empty() {
        let ids: Vec<Value> = rows.into_iter().filter_map(|mut row| Some(row.get_mut(last)?.take())).collect();
        return json!({ last: ids });
    }
    around.rsplit('.').fold(Value::Array(rows), |inner, name| json!({ name: inner }))
}
