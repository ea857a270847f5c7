//! What the typed deserialiser reports: where, what kind, and the message in plain words.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use super::suggest::{advice, nearest};

/// The place an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// The node with this id.
    Value(u32),
    /// The key whose value has this id.
    Key(u32),
}

/// What to do about the error so that the rest can be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// The value, or the entry of the key, does not fit.
    Wrong,
    /// The map lacks this key.
    Missing(String),
    /// The value is known to be invalid.
    Known,
}

/// One reason why a tree is not the wanted type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeError {
    pub at: Option<At>,
    pub kind: Kind,
    pub message: String,
    pub hint: Option<String>,
    /// Of an unknown key: the key that was probably meant.
    pub meant: Option<String>,
}

impl DeError {
    pub fn wrong(message: impl Into<String>) -> DeError {
        DeError { at: None, kind: Kind::Wrong, message: message.into(), hint: None, meant: None }
    }

    pub fn hint(self, hint: Option<String>) -> DeError {
        DeError { hint, ..self }
    }

    /// The error, placed at `at` unless a deeper place is known already.
    pub fn or_at(self, at: At) -> DeError {
        DeError { at: self.at.or(Some(at)), ..self }
    }
}

impl fmt::Display for DeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DeError {}

/// serde's word for what was found, in ours.
fn found(unexpected: &Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(b) => format!("`{b}`"),
        Unexpected::Unsigned(n) => format!("the number {n}"),
        Unexpected::Signed(n) => format!("the number {n}"),
        Unexpected::Float(n) => format!("the number {n}"),
        Unexpected::Str(text) => format!("the text `{}`", super::node::shorten(text)),
        Unexpected::Unit | Unexpected::Option => "nothing".into(),
        Unexpected::Seq => "a list".into(),
        Unexpected::Map => "a map".into(),
        other => other.to_string(),
    }
}

/// serde's word for what it wanted, in ours.
fn wanted(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of 0 or more".into(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".into(),
        "f32" | "f64" => "a number".into(),
        "a boolean" => "`true` or `false`".into(),
        "a string" => "text".into(),
        "a sequence" => "a list".into(),
        "unit" => "nothing".into(),
        t if t.starts_with("struct ") || t.starts_with("internally tagged") => "a map".into(),
        t if t.starts_with("a nonzero") => "a whole number of 1 or more".into(),
        _ => text,
    }
}

impl Error for DeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        DeError::wrong(message.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        DeError::wrong(format!("expected {}, found {}", wanted(expected), found(&unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        DeError::wrong(format!("expected {}, found {length} elements", wanted(expected)))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        DeError::wrong(format!("`{variant}` is not a choice here")).hint(advice(variant, expected.iter().copied()))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let meant = nearest(field, expected.iter().copied()).map(str::to_owned);
        let error = DeError::wrong(format!("unknown key `{field}`")).hint(advice(field, expected.iter().copied()));
        DeError { meant, ..error }
    }

    fn missing_field(field: &'static str) -> Self {
        let message = format!("the key `{field}` is missing");
        DeError { at: None, kind: Kind::Missing(field.to_owned()), message, hint: None, meant: None }
    }

    fn duplicate_field(field: &'static str) -> Self {
        DeError::wrong(format!("the key `{field}` is given twice"))
    }
}
