//! `simulacro faults`: the catalogue, from the types and their documentation.

use std::io::{self, Write};

use serde_json::Value;

use crate::scenario::FaultSpec;
use crate::scenario::yaml::advice;

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum FaultsError {
    /// No such kind.
    #[error("there is no fault `{kind}`{hint}")]
    Unknown {
        /// What was asked for.
        kind: String,
        /// What may have been meant.
        hint: String,
    },
    /// The output cannot be written.
    #[error("the catalogue cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// A key of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    name: String,
    about: String,
    kind: String,
    default: Option<String>,
}

/// Lists all kinds, or shows one: what it does, its keys, and how it is written.
///
/// # Errors
/// When there is no such kind, or `out` cannot be written to.
pub fn faults(kind: Option<&str>, out: &mut dyn Write) -> Result<(), FaultsError> {
    let Some(kind) = kind else {
        for kind in FaultSpec::KINDS {
            writeln!(out, "{kind:<16} {}", about(&schema(kind)))?;
        }
        writeln!(out, "\n`simulacro faults KIND` shows one of them.")?;
        return Ok(());
    };
    if !FaultSpec::KINDS.contains(&kind) {
        let hint = advice(kind, FaultSpec::KINDS.iter().copied()).map(|h| format!(": {h}")).unwrap_or_default();
        return Err(FaultsError::Unknown { kind: kind.to_owned(), hint });
    }
    show(kind, out)?;
    Ok(())
}

fn show(kind: &str, out: &mut dyn Write) -> io::Result<()> {
    let schema = schema(kind);
    let fields = fields(&schema);
    writeln!(out, "{kind}\n\n{}\n", about(&schema))?;
    let width = fields.iter().map(|f| f.name.len()).max().unwrap_or(0);
    for field in &fields {
        let default = match &field.default {
            Some(default) => format!(" Default: {default}."),
            None => " Required.".to_owned(),
        };
        writeln!(out, "  {:<width$}  {}{default} ({})", field.name, field.about, field.kind)?;
    }
    let (example, held) = FaultSpec::example_of(kind).unwrap_or_default();
    writeln!(out, "\nfaults:\n  - name: example\n    at: 0s")?;
    if held {
        writeln!(out, "    for: 10s                   # or until: {{ recovered: true, at_most: 1m }}")?;
    }
    writeln!(out, "    {example}\n    impact: expected           # or tolerated, or none")
}

fn schema(kind: &str) -> Value {
    FaultSpec::schema_of(kind).map(|s| s.to_value()).unwrap_or_default()
}

fn about(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn fields(schema: &Value) -> Vec<Field> {
    let Some(properties) = schema["properties"].as_object() else { return Vec::new() };
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut fields: Vec<Field> = properties
        .iter()
        .map(|(name, property)| {
            let kind = type_of(property);
            let default = (!required.contains(&name.as_str())).then(|| match &property["default"] {
                Value::Null => "none".to_owned(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            Field { name: name.clone(), about: about(property), kind, default }
        })
        .collect();
    fields.sort_by_key(|f| f.default.is_some());
    fields
}

/// A type in a word.
fn type_of(property: &Value) -> String {
    if let Some(name) = property["$ref"].as_str().and_then(|r| r.rsplit('/').next()) {
        return name.to_lowercase();
    }
    match property["type"].as_str() {
        Some("array") => "list of text".into(),
        Some("integer") => "whole number".into(),
        Some("number") => "number".into(),
        Some("boolean") => "true or false".into(),
        Some("string") => "text".into(),
        _ => match property["anyOf"].as_array().and_then(|any| any.first()) {
            Some(first) => type_of(first),
            None => "value".into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(kind: Option<&str>) -> String {
        let mut out = Vec::new();
        faults(kind, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_kind_is_listed_and_its_example_is_read() {
        let list = shown(None);
        for kind in FaultSpec::KINDS {
            assert!(list.contains(&format!("\n{kind} ")) || list.starts_with(kind), "{list}");
            let page = shown(Some(kind));
            let example = &page[page.find("faults:").unwrap()..];
            let text = format!("name: x\n{example}");
            let read = crate::scenario::source::load::<crate::scenario::Scenario>("x".as_ref(), &text, &[]);
            let (scenario, _) = read.map_err(|e| e.to_string()).unwrap_or_else(|e| panic!("{e}\n{page}"));
            let fault = &scenario.faults[0];
            assert_eq!(fault.spec.kind(), *kind);
            assert_eq!(fault.spec.is_held(), fault.hold_for.is_some(), "{page}");
        }
    }

    #[test]
    fn a_page_names_the_keys_and_their_defaults() {
        let page = shown(Some("proxy-latency"));
        assert!(page.contains("Delay of each chunk, in each direction. Required. (duration)"), "{page}");
        assert!(page.contains("Default: 0s."), "{page}");
        let unknown = faults(Some("proxy-latancy"), &mut Vec::new()).unwrap_err().to_string();
        assert_eq!(unknown, "there is no fault `proxy-latancy`: did you mean `proxy-latency`?");
    }
}
