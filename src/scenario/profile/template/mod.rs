//! Templates in a profile's requests: text with `${…}` values in it. Here they are read and checked; they are filled
//! where the requests are sent (`observe::load::plan`).

mod words;

pub use words::{MOST_CHARACTERS, Value};

use std::str::FromStr;

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text, as it stands.
    Text(String),
    /// A value, and in what form it is put in.
    Value(Value, Form),
}

/// In what form a value is put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As the place asks: percent-encoded in a path or a query, as it is elsewhere.
    Plain,
    /// `${json:…}`: with JSON's escapes, to stand between the quotes of a JSON string.
    Json,
    /// `${raw:…}`: as it is, even in a path: for a value that is a path itself, such as a `location`.
    Raw,
}

/// Why a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `${` without `}`.
    #[error("`${{` without its `}}`: close it, or write `$${{` for the characters themselves")]
    Unclosed,
    /// Not a kind of value that templates know.
    #[error(
        "`${{{0}}}` is not known: before the colon stands one of random, choice, hex, text, json, raw, env and file, as \
         in ${{random:1-1000}}, ${{choice:a|b|c}}, ${{hex:16}}, ${{text:20}}, ${{json:NAME}}, ${{raw:NAME}}, \
         ${{env:NAME}} and ${{file:PATH}}"
    )]
    Unknown(String),
    /// The bounds of a random number.
    #[error("`${{random:{0}}}` needs two whole numbers, the smaller first, as in ${{random:1-1000}}")]
    Bounds(String),
    /// The length of a random text.
    #[error("`${{{0}}}` needs a length from 1 to {MOST_CHARACTERS}, as in ${{hex:16}} and ${{text:20}}")]
    Length(String),
    /// Nothing between the braces, or before or after a colon.
    #[error("`${{{0}}}` has no name in it: write what value is meant, as in ${{seq}} or ${{users.email}}")]
    Empty(String),
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                // `$${` stands for `${` itself.
                literal.push_str(&rest[..at - 1]);
                literal.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            literal.push_str(&rest[..at]);
            let inner = &rest[at + 2..];
            let end = inner.find('}').ok_or(TemplateError::Unclosed)?;
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(part(&inner[..end])?);
            rest = &inner[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Template { parts })
    }
}

fn part(inner: &str) -> Result<Part, TemplateError> {
    let (value, form) = match inner.split_once(':') {
        Some(("json", value)) => (value, Form::Json),
        Some(("raw", value)) => (value, Form::Raw),
        _ => (inner, Form::Plain),
    };
    Ok(Part::Value(value.parse()?, form))
}

impl Template {
    /// Its pieces, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Its values, in order.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.parts.iter().filter_map(|part| if let Part::Value(value, _) = part { Some(value) } else { None })
    }

    /// The texts of the profile's author in it: what stands there as it is, and the words of choices.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().flat_map(|part| {
            match part {
                Part::Text(text) => std::slice::from_ref(text).iter(),
                Part::Value(Value::Choice(words), _) => words.iter(),
                Part::Value(..) => [].iter(),
            }
            .map(String::as_str)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(text: &str) -> Vec<Part> {
        text.parse::<Template>().unwrap().parts
    }

    fn text(text: &str) -> Part {
        Part::Text(text.into())
    }

    #[test]
    fn text_and_values_are_told_apart() {
        assert_eq!(parts("/o/load-${seq}"), [text("/o/load-"), Part::Value(Value::Seq, Form::Plain)]);
        assert_eq!(parts("no values, a $ and a }"), [text("no values, a $ and a }")]);
        assert_eq!(parts("$${seq} is ${seq}"), [text("${seq} is "), Part::Value(Value::Seq, Form::Plain)]);
        let name = Value::Name("users.email".into());
        assert_eq!(parts("${json:users.email}"), [Part::Value(name.clone(), Form::Json)]);
        assert_eq!(parts("${raw:users.email}"), [Part::Value(name, Form::Raw)]);
        assert_eq!(parts("${json:env:A:B}"), [Part::Value(Value::Env("A:B".into()), Form::Json)]);
        assert_eq!(parts(""), []);
    }

    #[test]
    fn words_of_the_author_are_known() {
        let template: Template = "/a/${choice:b|c}/${seq}/d".parse().unwrap();
        assert_eq!(template.literals().collect::<Vec<_>>(), ["/a/", "b", "c", "/", "/d"]);
        assert_eq!(template.values().count(), 2);
    }

    #[test]
    fn wrong_templates_say_what_would_fit() {
        let wrong = |text: &str| text.parse::<Template>().unwrap_err().to_string();
        assert!(wrong("${seq").contains("without its `}`"));
        assert!(wrong("${random:9-1}").contains("smaller first"));
        assert!(wrong("${random:x}").contains("two whole numbers"));
        assert!(wrong("${secret:x}").contains("${env:NAME}"));
        assert!(wrong("${hex:0}").contains("length from 1"));
        assert!(wrong("${text:many}").contains("`${text:many}`"));
        for empty in ["${}", "${ }", "${env:}", "${json:}", "${choice:}"] {
            assert!(wrong(empty).contains("no name in it"), "{empty}: {}", wrong(empty));
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused_without_panic(text in ".{0,40}") {
            let _ = text.parse::<Template>();
        }

        #[test]
        fn escaped_text_is_text_again(text in "[a${}]{1,20}") {
            prop_assert_eq!(parts(&text.replace("${", "$${")), [Part::Text(text)]);
        }
    }
}
