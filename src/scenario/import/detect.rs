//! Which format a text has, by its content: names of files say little.

use std::fmt;

use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::ImportError;
use super::draft::method;

/// A format that load profiles are made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Targets of vegeta, in its http or its JSON format.
    Vegeta,
    /// A recording of a browser or a proxy, HAR 1.2.
    Har,
    /// An OpenAPI document, 3.0 or 3.1, as JSON or YAML.
    Openapi,
}

/// The format of `text`.
///
/// # Errors
/// When it is none of ours, or an older one.
pub(super) fn detect(text: &str) -> Result<Format, ImportError> {
    let start = text.trim_start();
    if start.is_empty() {
        return Err(ImportError::new(
            "the file is empty",
            "name a targets file, a HAR recording or an OpenAPI document",
        ));
    }
    if start.starts_with('{') {
        return first_key(start).ok_or_else(unknown);
    }
    let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let target = |line: &str| line.trim().split_once(' ').is_some_and(|(word, _)| method(word).is_some());
    if lines.next().is_some_and(target) {
        return Ok(Format::Vegeta);
    }
    let key = |line: &str| line.split_once(':').map(|(key, _)| key.trim_matches(['"', '\'']).to_owned());
    let mut keys = text.lines().filter_map(key);
    keys.any(|key| of_key(&key) == Some(Format::Openapi)).then_some(Format::Openapi).ok_or_else(unknown)
}

fn of_key(key: &str) -> Option<Format> {
    match key {
        "log" => Some(Format::Har),
        // The older one is read by the same reader, which says what to do.
        "openapi" | "swagger" => Some(Format::Openapi),
        "method" | "url" => Some(Format::Vegeta),
        _ => None,
    }
}

/// By the keys of the first JSON value, which may be damaged further on.
fn first_key(text: &str) -> Option<Format> {
    let mut found = None;
    let mut reader = serde_json::Deserializer::from_str(text);
    // The error is how the visitor ends the reading once it knows.
    let _ = reader.deserialize_map(Keys(&mut found));
    found
}

struct Keys<'a>(&'a mut Option<Format>);

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            *self.0 = of_key(&key);
            if self.0.is_some() {
                return Err(de::Error::custom("known"));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

fn unknown() -> ImportError {
    ImportError::new(
        "this is neither a vegeta targets file, nor a HAR recording, nor an OpenAPI document",
        "the first line of targets is like `GET http://host/path`, a recording has the key `log`, a document `openapi`; \
         `--as` says which it is meant to be",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_tells_the_format() {
        let cases = [
            ("# comment\n\nGET http://x/\n", Format::Vegeta),
            ("{\"method\": \"GET\", \"url\": \"http://x/\"}\n{\"url\"", Format::Vegeta),
            ("\n{ \"log\": { broken", Format::Har),
            ("{\"info\": {\"log\": 1}, \"openapi\": \"3.1.0\"}", Format::Openapi),
            ("# x\ninfo:\n  log: 1\n\"openapi\": 3.0.3\n", Format::Openapi),
            ("swagger: '2.0'\n", Format::Openapi),
        ];
        for (text, format) in cases {
            assert_eq!(detect(text), Ok(format), "{text}");
        }
        for text in ["", " \n", "<html>", "FETCH http://x/\n", "{\"a\": 1}", "{", "[1]", "name: x\n"] {
            assert!(detect(text).is_err(), "{text}");
        }
    }
}
