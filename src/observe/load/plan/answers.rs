//! What counts as a good answer, and what is taken from it, made ready once.

use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName};
use regex::Regex;
use regex::bytes::Regex as BytesRegex;
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::observe::load::answer::{Answer, Wants};
use crate::observe::load::reason::{Check, Reason};
use crate::scenario::profile::{Expect, Extract};

/// What counts as a good answer, but for its status.
#[derive(Debug, Default)]
pub struct Checks {
    headers: Vec<(HeaderName, Regex)>,
    /// Of the body: the text that it contains, and the pattern.
    body: Vec<BytesRegex>,
    json: Vec<(JsonPath, Value)>,
    latency: Option<Duration>,
}

/// Where a value comes from.
#[derive(Debug)]
pub enum Source {
    /// The first value at a path.
    Json(JsonPath),
    /// A header, or a part of it.
    Header(HeaderName, Option<Regex>),
    /// A part of the body.
    Body(BytesRegex),
}

impl Checks {
    /// Makes them ready.
    ///
    /// # Errors
    ///
    /// A header's name, an expression or a path that is none.
    pub fn new(expect: &Expect) -> Result<Checks, String> {
        let header = |(name, pattern): (&String, &String)| Ok((header_name(name)?, regex(pattern)?));
        let json = |(path, value): (&String, &Value)| Ok((json_path(path)?, value.clone()));
        // The expressions' engine searches for plain text as fast as anything.
        let contains = expect.contains.iter().map(|text| regex::escape(text));
        Ok(Checks {
            headers: expect.headers.iter().map(header).collect::<Result<_, String>>()?,
            body: contains.chain(expect.matches.clone()).map(|p| bytes_regex(&p)).collect::<Result<_, _>>()?,
            json: expect.json.iter().map(json).collect::<Result<_, String>>()?,
            latency: expect.latency.map(|latency| latency.get()),
        })
    }

    /// What they look at.
    pub fn wants(&self) -> Wants {
        let body = !self.body.is_empty() || !self.json.is_empty();
        Wants { headers: !self.headers.is_empty(), body, trailers: false }
    }

    /// Whether they look into JSON.
    pub fn reads_json(&self) -> bool {
        !self.json.is_empty()
    }

    /// Whether an answer passes. `json` is its body as JSON, when that was asked for and is JSON.
    ///
    /// # Errors
    ///
    /// The first check that it does not pass.
    pub fn pass(&self, answer: &Answer, json: Option<&Value>, took: Duration) -> Result<(), Reason> {
        let check = |good: bool, check: Check| if good { Ok(()) } else { Err(Reason::Check(check)) };
        for (name, pattern) in &self.headers {
            let mut values = answer.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
            check(values.any(|value| pattern.is_match(value)), Check::Header)?;
        }
        for pattern in &self.body {
            check(pattern.is_match(&answer.body), Check::Body)?;
        }
        for (path, wanted) in &self.json {
            let found = json.and_then(|json| path.query(json).first());
            check(found.is_some_and(|found| same(found, wanted)), Check::Json)?;
        }
        check(self.latency.is_none_or(|most| took <= most), Check::Latency)
    }
}

impl Source {
    /// Makes it ready.
    ///
    /// # Errors
    ///
    /// As [`Checks::new`].
    pub fn new(from: &Extract) -> Result<Source, String> {
        match (&from.json, &from.header, &from.regex) {
            (Some(path), None, None) => Ok(Source::Json(json_path(path)?)),
            (None, Some(name), part) => Ok(Source::Header(header_name(name)?, part.as_deref().map(regex).transpose()?)),
            (None, None, Some(pattern)) => Ok(Source::Body(bytes_regex(pattern)?)),
            _ => Err("a value is taken from one of `json`, `header` and `regex`".into()),
        }
    }

    /// What it looks at.
    pub fn wants(&self) -> Wants {
        let header = matches!(self, Source::Header(..));
        Wants { headers: header, body: !header, trailers: false }
    }

    /// Whether it looks into JSON.
    pub fn reads_json(&self) -> bool {
        matches!(self, Source::Json(_))
    }

    /// The value, if it is there; `null` is no value.
    pub fn take(&self, answer: &Answer, json: Option<&Value>) -> Option<Box<str>> {
        match self {
            Source::Json(path) => match path.query(json?).first()? {
                Value::Null => None,
                Value::String(text) => Some(text.as_str().into()),
                other => Some(other.to_string().into()),
            },
            Source::Header(name, part) => header(&answer.headers, name, part.as_ref()).map(Into::into),
            Source::Body(pattern) => {
                let groups = pattern.captures(&answer.body)?;
                let part = groups.get(1).or_else(|| groups.get(0).filter(|_| pattern.captures_len() == 1))?;
                std::str::from_utf8(part.as_bytes()).ok().map(Into::into)
            }
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName, part: Option<&Regex>) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?;
    let Some(pattern) = part else { return Some(value) };
    let groups = pattern.captures(value)?;
    groups.get(1).or_else(|| groups.get(0).filter(|_| pattern.captures_len() == 1)).map(|part| part.as_str())
}

/// Whether two JSON values are the same: numbers by their value, so that 1 is 1.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i128(), b.as_i128()) {
            (Some(a), Some(b)) => a == b,
            _ => a.as_f64() == b.as_f64(),
        },
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    name.parse().map_err(|_| format!("`{name}` is not a header name"))
}

fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|e| format!("not a regular expression: {e}"))
}

fn bytes_regex(pattern: &str) -> Result<BytesRegex, String> {
    BytesRegex::new(pattern).map_err(|e| format!("not a regular expression: {e}"))
}

fn json_path(path: &str) -> Result<JsonPath, String> {
    JsonPath::parse(path).map_err(|e| format!("`{path}` is not a JSON path: {e}"))
}
