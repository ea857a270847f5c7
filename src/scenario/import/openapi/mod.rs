//! OpenAPI 3.0 and 3.1 (<https://spec.openapis.org/oas/v3.1.1.html>): one request of the open model for each operation.
//!
//! Walked as plain values: what a profile needs of a document is little, and a document that breaks a rule elsewhere
//! is no reason to refuse it.

mod document;
mod operation;
mod parameters;
mod sample;
mod security;

use serde_json::Value;

use super::draft::{Draft, Found, Traffic};
use super::secrets::Hider;
use super::vegeta::left_out;
use super::{ImportError, Input, MOST_REQUESTS, Notes, Options, count, hosts};
use document::Document;

/// The methods of a path item, in the order in which people think of them.
const METHODS: [&str; 8] = ["get", "head", "post", "put", "patch", "delete", "options", "trace"];

/// What the parts of an import need all the time.
struct Context<'a> {
    document: &'a Document,
    hider: Hider,
    notes: &'a mut Notes,
}

/// Reads a document.
pub(super) fn read(input: &Input<'_>, options: &Options, notes: &mut Notes) -> Result<Found, ImportError> {
    let document = Document::parse(input.text)?;
    let mut context = Context { document: &document, hider: Hider::default(), notes };
    let mut drafts = operations(&mut context)?;
    let host = options.host.as_deref();
    let base_url = hosts::keep(&mut drafts, |draft| draft.origin.as_deref(), host, context.notes)?;
    let (mut awake, mut asleep): (Vec<Draft>, Vec<Draft>) =
        drafts.into_iter().partition(|draft| options.writes || !draft.writes());
    let room = MOST_REQUESTS.saturating_sub(awake.len());
    let beyond = awake.drain(MOST_REQUESTS.min(awake.len())..).chain(asleep.drain(room.min(asleep.len())..));
    for _ in beyond {
        context.notes.left_out(format!("operation beyond the first {MOST_REQUESTS}"));
    }
    let notes = context.notes;
    if !asleep.is_empty() {
        let writes = count(asleep.len(), "operation");
        notes.changed(format!(
            "{writes} that may change data: written as comments, not sent (`--include-writes` sends them)"
        ));
    }
    if awake.is_empty() {
        let hint = match asleep.is_empty() {
            true => left_out(notes),
            false => "all of them may change data: `--include-writes` takes them in".to_owned(),
        };
        return Err(ImportError::new("no operation of the document is left to be sent", hint));
    }
    hosts::warn_of_writes(awake.iter(), notes);
    let text = |pointer: &str| document.root.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let title = text("/info/title");
    let title = super::notes::plain(title.trim());
    Ok(Found {
        what: format!("an OpenAPI {} document, version {}", text("/openapi"), text("/info/version")),
        title: if title.is_empty() { "The operations of an API".into() } else { title },
        base_url,
        traffic: Traffic::Requests(awake),
        asleep,
    })
}

fn operations(context: &mut Context<'_>) -> Result<Vec<Draft>, ImportError> {
    let document = context.document;
    let Some(paths) = document.root.get("paths").and_then(Value::as_object) else {
        let hint = "a document with paths is needed; webhooks and components alone are nothing to be sent";
        return Err(ImportError::new("the document has no `paths`", hint));
    };
    let mut drafts = Vec::new();
    for (path, item) in paths.iter().filter(|(path, _)| !path.starts_with("x-")) {
        let item = match document.resolve(item) {
            Ok(item) => item,
            Err(why) => {
                context.notes.left_out(format!("path {path}: {why}"));
                continue;
            }
        };
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            let place = format!("{} {path}", method.to_ascii_uppercase());
            match operation::draft(context, path, item, method, operation) {
                Ok(draft) => drafts.push(draft),
                Err(why) => context.notes.left_out(format!("operation {place}: {why}")),
            }
        }
    }
    Ok(drafts)
}
