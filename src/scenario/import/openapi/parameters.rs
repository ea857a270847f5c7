//! Parameters of an operation: those of its path and the required ones, with values from examples, defaults and bounds.

use serde_json::Value;

use super::super::draft::{is_header, literal};
use super::super::secrets::is_sensitive;
use super::super::url::component;
use super::Context;
use super::sample::{Sampler, whole_bounds};

/// What the parameters say about a request; all texts are templates.
#[derive(Default)]
pub(super) struct Parameters {
    pub path: String,
    /// `key=value`.
    pub query: Vec<String>,
    pub headers: Vec<(String, String)>,
    pub remarks: Vec<String>,
}

/// Where a parameter's value comes from, which decides how far it can be trusted.
enum Source {
    Documented(String),
    /// A template within the schema's bounds.
    MadeUp(String),
}

/// Reads the parameters of an operation and its path item.
pub(super) fn read(
    context: &mut Context<'_>,
    path: &str,
    item: &Value,
    operation: &Value,
) -> Result<Parameters, String> {
    let document = context.document;
    let mut all: Vec<(&str, &str, &Value)> = Vec::new();
    // Those of the operation replace those of its path with the same name and place.
    let lists = [operation, item].into_iter().filter_map(|of| of.get("parameters")?.as_array());
    for parameter in lists.flatten() {
        let parameter = document.resolve(parameter)?;
        let text = |key: &str| parameter.get(key).and_then(Value::as_str).unwrap_or_default();
        let (name, place) = (text("name"), text("in"));
        if !all.iter().any(|(n, p, _)| *n == name && *p == place) {
            all.push((name, place, parameter));
        }
    }
    let mut found = Parameters { path: String::new(), ..Parameters::default() };
    found.path = fill_path(context, path, &all, &mut found.remarks)?;
    for (name, place, parameter) in all {
        if place == "path" || parameter.get("required") != Some(&Value::Bool(true)) {
            continue;
        }
        match place {
            "query" => {
                let value = match is_sensitive(name) {
                    true => context.hider.hide(name, "", &format!("query parameter {name}"), context.notes),
                    false => value(context, name, parameter, &mut found.remarks)?,
                };
                found.query.push(format!("{}={value}", component(name)));
            }
            // These three are no parameters, says the specification: content and security decide about them.
            "header" if ["accept", "content-type", "authorization"].contains(&name.to_lowercase().as_str()) => {}
            "header" => {
                let value = match is_sensitive(name) {
                    true => context.hider.hide(name, "", &format!("header {name}"), context.notes),
                    false => plain_value(context, name, parameter)?,
                };
                if !is_header(name, &value) {
                    return Err(format!("`{}` is not a header", super::super::notes::plain(name)));
                }
                found.headers.push((name.to_owned(), value));
            }
            "cookie" => {
                if !is_header(name, "") {
                    return Err(format!("`{}` is not the name of a cookie", super::super::notes::plain(name)));
                }
                let value = context.hider.hide(name, "", &format!("cookie {name}"), context.notes);
                found.headers.push(("Cookie".to_owned(), format!("{name}={value}")));
            }
            other => return Err(format!("a parameter in `{}`", super::super::notes::plain(other))),
        }
    }
    Ok(found)
}

/// The path with a value for each `{parameter}`.
fn fill_path(
    context: &mut Context<'_>,
    path: &str,
    all: &[(&str, &str, &Value)],
    remarks: &mut Vec<String>,
) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("a `{` in the path is never closed")?;
        filled.push_str(&segment_text(before));
        let parameter = all.iter().find(|(known, place, _)| *place == "path" && *known == name);
        let nothing = Value::Null;
        let parameter = parameter.map_or(&nothing, |(_, _, parameter)| *parameter);
        filled.push_str(&value(context, name, parameter, remarks)?);
        rest = after;
    }
    filled.push_str(&segment_text(rest));
    if filled.starts_with('/') { Ok(filled) } else { Err("its path does not begin with `/`".into()) }
}

/// The fixed parts of a path: what may not stand in one is encoded, and `$`, lest a value that follows be escaped.
fn segment_text(text: &str) -> String {
    text.split('/').map(component).collect::<Vec<_>>().join("/")
}

/// A value for a path or a query, percent-encoded where it is text.
fn value(context: &Context<'_>, name: &str, parameter: &Value, remarks: &mut Vec<String>) -> Result<String, String> {
    match source(context, parameter)? {
        Source::Documented(text) => Ok(component(&text)),
        Source::MadeUp(template) => {
            let name = super::super::notes::plain(name);
            remarks.push(format!("`{name}` is made up: put in values that the service knows."));
            Ok(if template.starts_with("${") { template } else { component(&template) })
        }
    }
}

fn plain_value(context: &Context<'_>, name: &str, parameter: &Value) -> Result<String, String> {
    match source(context, parameter)? {
        Source::Documented(text) => Ok(literal(&text)),
        Source::MadeUp(template) if template.starts_with("${") => Ok(template),
        Source::MadeUp(text) if text.is_empty() => Ok(name.to_owned()),
        Source::MadeUp(text) => Ok(literal(&text)),
    }
}

fn source(context: &Context<'_>, parameter: &Value) -> Result<Source, String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        // The first of a list stands for it, in every style of writing lists.
        Value::Array(items) => items
            .first()
            .map_or_else(String::new, |first| first.as_str().map_or_else(|| first.to_string(), str::to_owned)),
        other => other.to_string(),
    };
    if let Some(example) = example(context, parameter)? {
        return Ok(Source::Documented(text(&example)));
    }
    if let Some(media) = parameter.get("content").and_then(Value::as_object).and_then(|content| content.values().next())
    {
        let schema = media.get("schema").unwrap_or(&Value::Null);
        let made = match example(context, media)? {
            Some(example) => return Ok(Source::Documented(example.to_string())),
            None => Sampler::new(context.document).value(schema)?,
        };
        return Ok(Source::MadeUp(made.to_string()));
    }
    let schema = context.document.resolve(parameter.get("schema").unwrap_or(&Value::Null))?;
    let whole = schema.get("type").is_some_and(|kind| kind == "integer");
    let text_without_form = schema.get("type").is_none_or(|kind| kind == "string")
        && ["format", "enum", "const", "pattern", "allOf", "oneOf", "anyOf", "$ref", "minLength"]
            .iter()
            .all(|key| schema.get(*key).is_none());
    if whole && let Some((low, high)) = whole_bounds(schema) {
        return Ok(Source::MadeUp(format!("${{random:{low}-{high}}}")));
    }
    if text_without_form {
        return Ok(Source::MadeUp("${random:1-1000}".into()));
    }
    let chosen = ["const", "enum"].iter().any(|key| schema.get(*key).is_some());
    let value = Sampler::new(context.document).value(schema)?;
    Ok(if chosen { Source::Documented(text(&value)) } else { Source::MadeUp(text(&value)) })
}

/// The documented value of a parameter, a media type or its schema: example, examples, default.
pub(super) fn example(context: &Context<'_>, of: &Value) -> Result<Option<Value>, String> {
    if let Some(example) = of.get("example") {
        return Ok(Some(example.clone()));
    }
    if let Some(first) = of.get("examples").and_then(Value::as_object).and_then(|all| all.values().next())
        && let Some(value) = context.document.resolve(first)?.get("value")
    {
        return Ok(Some(value.clone()));
    }
    let Some(schema) = of.get("schema") else { return Ok(None) };
    let schema = context.document.resolve(schema)?;
    let documented = schema.get("example").or_else(|| schema.get("examples")?.get(0)).or_else(|| schema.get("default"));
    Ok(documented.cloned())
}
