//! The document: read from JSON or YAML, its references followed.

use serde_json::Value;

use super::super::url::decoded;
use super::super::{ImportError, size};

/// The largest document, in bytes. That of a large public API has 12 MB.
const MOST_BYTES: usize = 32 << 20;
/// How many references may lead from one to the next.
const MOST_HOPS: usize = 32;

/// An OpenAPI document.
pub(super) struct Document {
    pub root: Value,
}

impl Document {
    /// Reads a document of version 3.
    ///
    /// # Errors
    /// When it is too large, neither JSON nor YAML, or of another version.
    pub fn parse(text: &str) -> Result<Document, ImportError> {
        if text.len() > MOST_BYTES {
            let message = format!("the document has {}; {} is the most", size(text.len()), size(MOST_BYTES));
            return Err(ImportError::new(message, "take the paths out that are not to be sent"));
        }
        let root: Value = match text.trim_start().starts_with('{') {
            true => serde_json::from_str(text).map_err(|why| ImportError::of_json(&why, "it is not valid JSON"))?,
            false => yaml(text)?,
        };
        match root.get("openapi").and_then(Value::as_str) {
            Some(version) if version.starts_with("3.") => Ok(Document { root }),
            Some(version) => Err(ImportError::new(
                format!("OpenAPI {} is not read here", super::super::notes::plain(version)),
                "versions 3.0 and 3.1 are",
            )),
            None if root.get("swagger").is_some() => Err(ImportError::new(
                "this is a Swagger 2 document",
                "convert it to OpenAPI 3 first: the converters of swagger.io and `swagger2openapi` do",
            )),
            None => Err(ImportError::new(
                "the document has no `openapi`",
                "it begins with `openapi: 3.1.0`, in quotes or not",
            )),
        }
    }

    /// The value itself, or what its `$ref` leads to.
    ///
    /// # Errors
    /// Why the reference leads nowhere.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> Result<&'a Value, String> {
        let mut at = value;
        for _ in 0..MOST_HOPS {
            let Some(reference) = at.get("$ref").and_then(Value::as_str) else { return Ok(at) };
            at = self.target(reference)?;
        }
        Err("its references lead in a circle".into())
    }

    /// What a reference leads to.
    ///
    /// # Errors
    /// When that is nothing, or in another file.
    pub fn target(&self, reference: &str) -> Result<&Value, String> {
        let shown = super::super::notes::plain(reference);
        let Some(pointer) = reference.strip_prefix('#') else {
            return Err(format!("`{shown}` is in another file: bundle the document into one"));
        };
        // Percent-encoded inside a URL; a `+` is itself there.
        let pointer = decoded(&pointer.replace('+', "%2B"));
        self.root.pointer(&pointer).ok_or_else(|| format!("`{shown}` leads nowhere"))
    }
}

fn yaml(text: &str) -> Result<Value, ImportError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 96,
            max_nodes: 3_000_000,
            max_events: 8_000_000,
            max_documents: 1,
        },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|why| {
        let whole = why.to_string();
        let message = whole.split(" at line ").next().unwrap_or_default().to_owned();
        let error = ImportError::new(super::super::notes::plain(&message), "it is not valid YAML");
        match why.location() {
            Some(location) => error.at(location.line().max(1) as usize, location.column().max(1) as usize),
            None => error,
        }
    })
}
