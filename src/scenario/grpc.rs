//! Calls by gRPC, as probes and the ledger name them, and the files in which their methods are looked up.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::Scenario;
use super::bundle::beside;
use super::ledger::{LedgerRead, LedgerWrite};
use super::reference::references;
use crate::model::grpc::{Descriptors, Method};

/// Largest descriptor set that is read. That of all of Google's public interfaces has about 10 MiB.
const MAX_BYTES: u64 = 64 << 20;

/// A unary call, whatever asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcCall {
    /// `http://host:port` for cleartext HTTP/2, `https://host:port` for TLS.
    pub url: String,
    /// The file of the descriptor set; none: the health check, which needs none.
    pub descriptors: Option<String>,
    /// `package.Service/Method`.
    pub method: String,
    /// The message, as JSON.
    pub message: String,
    /// Metadata, by name.
    pub metadata: BTreeMap<String, String>,
}

impl GrpcCall {
    /// Looks the method up in its file, or in what the program knows by itself.
    ///
    /// # Errors
    /// In words: the file cannot be read, is no descriptor set, or has no such unary method.
    pub fn method(&self) -> Result<Method, String> {
        let set = match &self.descriptors {
            Some(file) => read_descriptors(Path::new(file)).map_err(|why| format!("{file}: {why}"))?,
            None => Descriptors::health().map_err(|e| e.to_string())?,
        };
        set.method(&self.method).map_err(|e| e.to_string())
    }
}

/// Reads a descriptor set.
///
/// # Errors
/// In words, without the file's name.
pub fn read_descriptors(file: &Path) -> Result<Descriptors, String> {
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(|e| format!("it cannot be read: {e}"))?;
    opened.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| format!("it cannot be read: {e}"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("it is larger than {} MiB", MAX_BYTES >> 20));
    }
    Descriptors::read(&bytes).map_err(|e| e.to_string())
}

/// Descriptor sets by their names in the scenario; why, where one cannot be read.
pub type DescriptorSets = BTreeMap<String, Result<Descriptors, String>>;

/// Reads every descriptor set that a scenario in `file` names. One whose name is known only in a run is left out.
pub(super) fn descriptor_sets(scenario: &Scenario, file: &Path) -> DescriptorSets {
    let names = calls(scenario).into_iter().filter_map(|(_, call)| call.descriptors);
    let known = names.filter(|name| references(name).is_empty());
    known.map(|name| (name.clone(), read_descriptors(&beside(file, &name)))).collect()
}

/// Makes the names of descriptor sets absolute; they are given relative to the scenario in `file`.
pub(super) fn anchor(scenario: &mut Scenario, file: &Path) {
    let probes = scenario.probes.iter_mut().filter_map(|p| p.grpc.as_mut()?.descriptors.as_mut());
    let (write, read) = match scenario.ledger.as_mut() {
        Some(ledger) => (
            if let LedgerWrite::Grpc(write) = &mut ledger.write { Some(&mut write.descriptors) } else { None },
            if let LedgerRead::Grpc(read) = &mut ledger.read { Some(&mut read.descriptors) } else { None },
        ),
        None => (None, None),
    };
    for name in probes.chain(write).chain(read) {
        let path = beside(file, name);
        *name = std::path::absolute(&path).unwrap_or(path).to_string_lossy().into_owned();
    }
}

/// Every call of a scenario, with its place.
pub(super) fn calls(scenario: &Scenario) -> Vec<(String, GrpcCall)> {
    let mut calls = Vec::new();
    for (i, probe) in scenario.probes.iter().enumerate() {
        calls.extend(probe.grpc.as_ref().map(|grpc| (format!("probes[{i}].grpc"), grpc.call())));
    }
    if let Some(ledger) = &scenario.ledger {
        if let LedgerWrite::Grpc(write) = &ledger.write {
            calls.push(("ledger.write.grpc".into(), write.call()));
        }
        if let LedgerRead::Grpc(read) = &ledger.read {
            calls.push(("ledger.read.grpc".into(), read.call()));
        }
    }
    calls
}

/// What a dotted path leads to in a message: the values at its end, each with the object that holds it. A list on the
/// way means each of its elements, so that `items.id` finds the `id` of every item.
///
/// # Errors
/// In words, when the path leads nowhere.
pub fn at_path<'v>(message: &'v Value, path: &str) -> Result<Vec<(&'v Value, Option<&'v Value>)>, String> {
    let mut found = vec![(message, None)];
    for name in path.split('.') {
        let mut next = Vec::new();
        for (value, _) in found {
            let inner = value.get(name).ok_or_else(|| format!("there is no `{name}` of `{path}`"))?;
            match inner {
                Value::Array(items) => next.extend(items.iter().map(|item| (item, None))),
                one => next.push((one, Some(value))),
            }
        }
        found = next;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_goes_through_lists() {
        let message = json!({ "page": { "items": [{ "id": "a", "n": 1 }, { "id": "b" }], "ids": [4, 5], "none": [] } });
        let ids = |path: &str| at_path(&message, path).map(|found| found.into_iter().map(|(v, _)| v.clone()).collect());
        assert_eq!(ids("page.items.id"), Ok(vec![json!("a"), json!("b")]));
        assert_eq!(ids("page.ids"), Ok(vec![json!(4), json!(5)]));
        assert_eq!(ids("page.none.id"), Ok(vec![]));
        assert!(ids("page.item.id").unwrap_err().contains("`item`"));
        let rows = at_path(&message, "page.items.id").unwrap();
        assert_eq!(rows[0].1, Some(&json!({ "id": "a", "n": 1 })));
        assert_eq!(at_path(&message, "page.ids").unwrap()[0].1, None);
    }
}
