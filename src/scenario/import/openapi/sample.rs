//! A value that a schema allows, as far as a small program can say: examples, defaults, choices, bounds, formats.

use serde_json::{Number, Value, json};

use super::document::Document;

/// How deep values go: deeper ones are left out, or null where they are required.
const DEEPEST: usize = 12;
/// The most values of one body.
const MOST_VALUES: usize = 2_000;
/// The most elements of a list, whatever its least number.
const MOST_ITEMS: u64 = 10;
/// The longest text that is made to reach a least length.
const LONGEST: u64 = 1_000;

/// Makes one body.
pub(super) struct Sampler<'a> {
    document: &'a Document,
    /// The references that lead here, against circles.
    trail: Vec<&'a str>,
    values: usize,
    ignored_patterns: bool,
}

impl<'a> Sampler<'a> {
    /// A sampler for one body.
    pub fn new(document: &'a Document) -> Self {
        Sampler { document, trail: Vec::new(), values: 0, ignored_patterns: false }
    }

    /// What to know about the values it made.
    pub fn remarks(&self) -> Option<String> {
        self.ignored_patterns.then(|| "Its texts do not follow the schema's `pattern`.".to_owned())
    }

    /// A value for `schema`.
    ///
    /// # Errors
    /// When a reference leads nowhere, or the value would be without end.
    pub fn value(&mut self, schema: &'a Value) -> Result<Value, String> {
        Ok(self.made(schema, 0)?.unwrap_or(Value::Null))
    }

    /// `None` where the value would hold itself again.
    fn made(&mut self, schema: &'a Value, depth: usize) -> Result<Option<Value>, String> {
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err(format!("its body would have more than {MOST_VALUES} values"));
        }
        if depth > DEEPEST {
            return Ok(None);
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            if self.trail.contains(&reference) {
                return Ok(None);
            }
            let target = self.document.target(reference)?;
            self.trail.push(reference);
            let made = self.made(target, depth);
            self.trail.pop();
            return made;
        }
        let documented = ["example", "const", "default"].into_iter().find_map(|key| schema.get(key));
        let first = |key: &str| schema.get(key).and_then(|list| list.get(0));
        if let Some(value) = documented.or_else(|| first("examples")).or_else(|| first("enum")) {
            return Ok(Some(value.clone()));
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            return self.all_of(schema, parts, depth);
        }
        for key in ["oneOf", "anyOf"] {
            let choices = schema.get(key).and_then(Value::as_array).into_iter().flatten();
            let useful = choices.clone().filter(|choice| choice.get("type") != Some(&json!("null")));
            for choice in useful {
                if let Some(made) = self.made(choice, depth + 1)? {
                    return Ok(Some(self.with_properties(made, schema, depth)?));
                }
            }
        }
        self.of_type(schema, depth)
    }

    fn of_type(&mut self, schema: &'a Value, depth: usize) -> Result<Option<Value>, String> {
        let kind = match schema.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
            Some(kind) => kind.as_str(),
            None if schema.get("properties").is_some() => Some("object"),
            None if schema.get("items").is_some() => Some("array"),
            None => None,
        };
        Ok(Some(match kind {
            Some("object") => self.with_properties(json!({}), schema, depth)?,
            Some("array") => self.array(schema, depth)?,
            Some("integer") => whole(schema),
            Some("number") => fraction(schema),
            Some("boolean") => json!(true),
            Some("string") => {
                self.ignored_patterns |= schema.get("pattern").is_some();
                json!(text(schema))
            }
            Some(_) => Value::Null,
            None => json!({}),
        }))
    }

    /// All parts in one: objects are merged, of other values the first counts.
    fn all_of(&mut self, schema: &'a Value, parts: &'a [Value], depth: usize) -> Result<Option<Value>, String> {
        let mut merged: Option<Value> = None;
        for part in parts {
            let Some(made) = self.made(part, depth + 1)? else { return Ok(None) };
            merged = Some(match (merged, made) {
                (Some(Value::Object(mut all)), Value::Object(more)) => {
                    all.extend(more);
                    Value::Object(all)
                }
                (Some(known), _) => known,
                (None, made) => made,
            });
        }
        Ok(Some(self.with_properties(merged.unwrap_or_else(|| json!({})), schema, depth)?))
    }

    /// Adds the schema's own properties to an object: the required ones; where nothing is required, all.
    fn with_properties(&mut self, value: Value, schema: &'a Value, depth: usize) -> Result<Value, String> {
        let (Value::Object(mut object), Some(properties)) = (value.clone(), schema.get("properties")) else {
            return Ok(value);
        };
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, property) in properties.as_object().into_iter().flatten() {
            let needed = required.contains(&name.as_str());
            let resolved = self.document.resolve(property)?;
            let own = resolved.get("readOnly") == Some(&Value::Bool(true));
            let shown = ["example", "default", "const"].iter().any(|key| resolved.get(*key).is_some());
            if own || !(needed || required.is_empty() || shown) {
                continue;
            }
            match self.made(property, depth + 1)? {
                Some(made) => {
                    object.insert(name.clone(), made);
                }
                None if needed => {
                    object.insert(name.clone(), Value::Null);
                }
                None => {}
            }
        }
        Ok(Value::Object(object))
    }

    fn array(&mut self, schema: &'a Value, depth: usize) -> Result<Value, String> {
        let most = schema.get("maxItems").and_then(Value::as_u64).unwrap_or(MOST_ITEMS);
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1);
        let Some(items) = schema.get("items").filter(|_| most > 0) else { return Ok(json!([])) };
        let mut list = Vec::new();
        for _ in 0..least.clamp(1, MOST_ITEMS).min(most) {
            list.extend(self.made(items, depth + 1)?);
        }
        Ok(Value::Array(list))
    }
}

/// The bounds of a whole number from 0 on, 1 and 1000 by default; `None` when a template cannot hold to them.
pub(super) fn whole_bounds(schema: &Value) -> Option<(u64, u64)> {
    let (low, high) = bounds(schema, 1.0);
    let step = schema.get("multipleOf").and_then(Value::as_f64).is_some_and(|step| step != 1.0);
    let low = low.unwrap_or_else(|| if high.is_some_and(|high| high < 1.0) { 0.0 } else { 1.0 });
    let high = high.unwrap_or_else(|| low.max(1.0) + 999.0);
    let fits = !step && low >= 0.0 && low <= high && high < u64::MAX as f64;
    fits.then_some((low.ceil() as u64, high.floor() as u64)).filter(|(low, high)| low <= high)
}

/// The least and the greatest value; `margin` is what an excluded bound is moved by. In 3.0 `exclusiveMinimum` is a
/// truth about `minimum`, in 3.1 a number of its own.
fn bounds(schema: &Value, margin: f64) -> (Option<f64>, Option<f64>) {
    let bound = |key: &str, exclusive: &str, margin: f64| {
        let plain = schema.get(key).and_then(Value::as_f64);
        match schema.get(exclusive) {
            Some(Value::Bool(true)) => plain.map(|bound| bound + margin),
            Some(Value::Number(number)) => number.as_f64().map(|bound| bound + margin),
            _ => plain,
        }
    };
    (bound("minimum", "exclusiveMinimum", margin), bound("maximum", "exclusiveMaximum", -margin))
}

/// The least allowed number, or 1, or the greatest when that is less; then the next multiple.
fn number(schema: &Value, margin: f64) -> f64 {
    let (low, high) = bounds(schema, margin);
    let start = low.unwrap_or_else(|| high.map_or(1.0, |high| high.min(1.0)));
    match schema.get("multipleOf").and_then(Value::as_f64).filter(|step| *step > 0.0) {
        Some(step) => (start / step).ceil() * step,
        None => start,
    }
}

fn whole(schema: &Value) -> Value {
    json!(number(schema, 1.0).ceil() as i64)
}

fn fraction(schema: &Value) -> Value {
    let value = number(schema, 0.5);
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return json!(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// A text of the schema's format and length.
fn text(schema: &Value) -> String {
    let of_format = match schema.get("format").and_then(Value::as_str).unwrap_or_default() {
        "date" => "2026-01-31",
        "date-time" => "2026-01-31T12:00:00Z",
        "time" => "12:00:00Z",
        "duration" => "PT1M",
        "uuid" => "00000000-0000-4000-8000-000000000001",
        "email" | "idn-email" => "user@example.com",
        "hostname" | "idn-hostname" => "example.com",
        "uri" | "url" | "iri" => "https://example.com/",
        "uri-reference" => "/example",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "byte" => "dGV4dA==",
        _ => "",
    };
    if !of_format.is_empty() {
        return of_format.to_owned();
    }
    let length = |key: &str| schema.get(key).and_then(Value::as_u64);
    let mut text = "text".repeat((length("minLength").unwrap_or(0).min(LONGEST) as usize).div_ceil(4).max(1));
    text.truncate(length("maxLength").unwrap_or(u64::MAX).min(text.len() as u64) as usize);
    text
}
