//! From YAML text to the tree of [`Node`]s: syntax by serde-saphyr, positions and duplicate keys by us.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error, Location, Spanned};

use super::node::{Entry, Node, Number, Span, Value, shorten};

/// What is wrong at a place of a text, before it is known to which file the text belongs.
#[derive(Debug, Clone, PartialEq)]
pub struct Flaw {
    /// Where.
    pub span: Span,
    /// What, in plain words.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Flaw {
    /// A flaw without a hint.
    pub fn new(span: Span, message: impl Into<String>) -> Flaw {
        Flaw { span, message: message.into(), hint: None }
    }

    /// The same flaw with advice.
    pub fn hint(self, hint: impl Into<String>) -> Flaw {
        Flaw { hint: Some(hint.into()), ..self }
    }
}

/// Reads one YAML document. The tree comes with the flaws that leave a tree (a key given twice, a key that is not
/// text); a syntax error leaves none.
pub fn parse(text: &str) -> Result<(Node, Vec<Flaw>), Flaw> {
    // The parser's position of an empty document is not inside the text.
    if text.lines().map(str::trim).all(|l| l.is_empty() || l.starts_with('#') || l == "---") {
        return Err(Flaw::new(Span::START, "the file is empty").hint("`simulacro init` writes a starter scenario"));
    }
    let raw =
        serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options()).map_err(|e| syntax_flaw(text, &e))?;
    let mut builder = Builder { text, flaws: Vec::new() };
    let mut root = builder.node(raw);
    root.number(0);
    Ok((root, builder.flaws))
}

/// Limits well above any scenario written by people, and far below what would hurt this program.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 48,
            max_nodes: 100_000,
            max_events: 300_000,
            max_aliases: 2_000,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 50_000,
            max_replay_stack_depth: 16,
        },
        // Kept, so that every repetition is reported and not only the first.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        reject_unsupported_tags: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    }
}

/// The parser's complaint in our words, placed inside the text.
fn syntax_flaw(text: &str, error: &Error) -> Flaw {
    let span = span_of(text, error.location().unwrap_or(Location::UNKNOWN));
    let whole = error.to_string();
    // The position is shown apart; the parser repeats it at the end of its message.
    let message = whole.split(" at line ").next().unwrap_or(&whole).to_owned();
    let line = text.lines().nth(span.line - 1).unwrap_or("");
    let flaw = Flaw::new(span, message.clone());
    if message.contains("Documents") {
        Flaw::new(span, "a second YAML document begins here").hint("a file holds one scenario or one profile; split it")
    } else if message.contains("alias replay") || message.contains("budget breached") || message.contains("recursion") {
        Flaw::new(span, "the file is nested too deeply, or its aliases expand to too much")
    } else if message.contains("unknown anchor") {
        flaw.hint("an alias such as `*name` needs `&name` before it; text that begins with `*` needs quotes")
    } else if message.contains("recursive references") {
        Flaw::new(span, "an alias refers to the value it stands in")
    } else if message.contains("tabs") {
        flaw.hint("indent with spaces")
    } else if line.contains("${") && message.contains("flow") {
        flaw.hint("inside `{}` and `[]` put quotes around it: \"${name}\"")
    } else if message.contains("mapping values are not allowed") {
        flaw.hint("text that holds `: ` needs quotes; otherwise look at the indentation of this line")
    } else if message.contains("unexpected character") {
        flaw.hint("text that begins with this character needs quotes")
    } else {
        flaw
    }
}

/// The parser's location as a [`Span`] that lies inside `text`. Syntax errors carry line and column only.
fn span_of(text: &str, location: Location) -> Span {
    let (line, column) = (location.line().max(1) as usize, location.column().max(1) as usize);
    match location.span().byte_offset().zip(location.span().byte_len()) {
        Some((start, length)) => {
            let start = (start as usize).min(text.len());
            let end = (start + length as usize).min(text.len());
            Span { start, end, line, column }
        }
        None => place(text, line, column),
    }
}

/// The character at `line` and `column`, or the last place before it that exists.
fn place(text: &str, line: usize, column: usize) -> Span {
    let mut start = 0;
    let mut last = (1, "");
    for (i, content) in text.split_inclusive('\n').enumerate().take(line) {
        start += last.1.len();
        last = (i + 1, content);
    }
    let content = last.1.trim_end_matches(['\n', '\r']);
    let column = if last.0 == line { column } else { usize::MAX };
    let before: usize = content.chars().take(column - 1).map(char::len_utf8).sum();
    let length = content[before..].chars().next().map_or(0, char::len_utf8);
    let column = content[..before].chars().count() + 1;
    Span { start: start + before, end: start + before + length, line: last.0, column }
}

/// What serde-saphyr hands to a visitor, before positions are put into it.
enum Raw {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Raw, D::Error> {
        d.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Raw, D::Error> {
        d.deserialize_any(RawVisitor)
    }
    fn visit_bool<E>(self, b: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(b))
    }
    fn visit_u64<E>(self, n: u64) -> Result<Raw, E> {
        Ok(Raw::Number(Number::Unsigned(n)))
    }
    fn visit_i64<E>(self, n: i64) -> Result<Raw, E> {
        Ok(Raw::Number(u64::try_from(n).map_or(Number::Signed(n), Number::Unsigned)))
    }
    fn visit_f64<E>(self, n: f64) -> Result<Raw, E> {
        Ok(Raw::Number(Number::Float(n)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

struct Builder<'t> {
    text: &'t str,
    flaws: Vec<Flaw>,
}

impl Builder<'_> {
    fn node(&mut self, raw: Spanned<Raw>) -> Node {
        let mut span = span_of(self.text, raw.referenced);
        let defined = span_of(self.text, raw.defined);
        let origin = (defined != span).then_some(defined);
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Bool(b) => Value::Bool(b),
            Raw::Number(n) => Value::Number(n, self.text[defined.start..defined.end].trim().to_owned()),
            Raw::Text(text) => Value::Text(text),
            Raw::List(items) => Value::List(items.into_iter().map(|item| self.node(item)).collect()),
            Raw::Map(entries) => Value::Map(self.entries(entries)),
        };
        let node = Node { id: 0, span, origin, value };
        if origin.is_none() {
            span.end = node.children().map(|c| c.span.end).fold(span.end, usize::max);
        }
        Node { span, ..node }
    }

    fn entries(&mut self, raw: Vec<(Spanned<Raw>, Spanned<Raw>)>) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::with_capacity(raw.len());
        let mut lines: HashMap<String, usize> = HashMap::with_capacity(raw.len());
        for (key, value) in raw {
            let key = self.node(key);
            let Some(text) = key.scalar_text() else {
                let found = key.value.describe();
                self.flaws.push(Flaw::new(key.mark(), format!("a key must be text, this one is {found}")));
                continue;
            };
            let value = self.node(value);
            match lines.get(text) {
                Some(line) => {
                    let flaw = Flaw::new(key.span, format!("the key `{}` is given twice", shorten(text)));
                    self.flaws.push(flaw.hint(format!("the first is on line {line}; keep one of them")));
                }
                None => {
                    lines.insert(text.to_owned(), key.span.line);
                    entries.push(Entry { key: text.to_owned(), key_span: key.span, value });
                }
            }
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Node {
        let (root, flaws) = parse(text).unwrap();
        assert_eq!(flaws, []);
        root
    }

    fn slice(text: &str, span: Span) -> &str {
        &text[span.start..span.end]
    }

    #[test]
    fn every_value_and_key_knows_its_place() {
        let text = "a: 1.10\r\nb:\n  - é: {x: [7, 'q']}\n    deep: |\n      two\n      lines\n";
        let root = tree(text);
        let a = root.entry("a").unwrap();
        assert_eq!((a.key_span.line, a.key_span.column, slice(text, a.value.span)), (1, 1, "1.10"));
        assert_eq!(a.value.value, Value::Number(Number::Float(1.1), "1.10".into()));
        let Value::List(items) = &root.get("b").unwrap().value else { panic!("not a list") };
        let x = items[0].get("é").unwrap().entry("x").unwrap();
        assert_eq!((x.key_span.line, x.key_span.column), (3, 9));
        let Value::List(inner) = &x.value.value else { panic!("not a list") };
        assert_eq!((slice(text, inner[0].span), inner[1].span.column), ("7", 16));
        let deep = items[0].entry("deep").unwrap();
        assert_eq!((deep.key_span.line, deep.value.span.line), (4, 5));
        assert_eq!(deep.value.value, Value::Text("two\nlines\n".into()));
    }

    #[test]
    fn an_alias_stands_where_it_is_used_and_remembers_its_definition() {
        let root = tree("base: &b {x: 1}\nuse: *b\nmerged:\n  <<: *b\n  y: 2\n");
        let used = root.get("use").unwrap().get("x").unwrap();
        assert_eq!((used.span.line, used.origin.unwrap().line), (2, 1));
        assert_eq!(root.get("merged").unwrap().get("x").unwrap().span.line, 4);
    }

    #[test]
    fn every_repeated_key_is_found() {
        let (root, flaws) = parse("a: 1\nb: {c: 1, c: 2}\na: 3\na: 4\n").unwrap();
        let lines: Vec<_> = flaws.iter().map(|f| (f.span.line, f.message.as_str())).collect();
        let twice = "the key `a` is given twice";
        assert_eq!(lines, [(2, "the key `c` is given twice"), (3, twice), (4, twice)]);
        assert_eq!(root.get("a").unwrap().scalar_text(), Some("1"));
    }

    #[test]
    fn a_key_that_is_a_list_is_a_flaw() {
        let (_, flaws) = parse("? [a]\n: 1\nb: 2\n").unwrap();
        assert_eq!(flaws[0].message, "a key must be text, this one is a list");
    }

    #[test]
    fn syntax_errors_have_a_place_and_advice() {
        let cases = [
            ("a:\n\tb: 1", 2, 2, "tabs", "spaces"),
            ("a: {b: ${x}}", 1, 9, "flow mapping", "quotes"),
            ("a: b: c", 1, 5, "mapping values", "quotes"),
            ("a: 1\n---\nb: 2", 2, 1, "second YAML document", "split"),
            ("a: *x", 1, 4, "unknown anchor", "&name"),
            ("a: @x", 1, 4, "unexpected character", "quotes"),
        ];
        for (text, line, column, message, hint) in cases {
            let flaw = parse(text).unwrap_err();
            assert_eq!((flaw.span.line, flaw.span.column), (line, column), "{text}: {flaw:?}");
            assert!(flaw.message.contains(message) && !flaw.message.contains(" at line "), "{text}: {flaw:?}");
            assert!(flaw.hint.as_ref().is_some_and(|h| h.contains(hint)), "{text}: {flaw:?}");
            assert!(flaw.span.end <= text.len() && text.is_char_boundary(flaw.span.start));
        }
        assert!(parse("# nothing\n---\n").unwrap_err().message.contains("empty"));
    }

    #[test]
    fn hostile_files_are_refused_and_not_expanded() {
        let laughs = (1..12).fold("a0: &a0 [x]\n".to_owned(), |text, i| {
            format!("{text}a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 9].join(","))
        });
        let nested = (0..200).map(|i| format!("{}a:\n", " ".repeat(i))).collect::<String>();
        for text in [laughs, nested, "[".repeat(5000)] {
            assert!(parse(&text).unwrap_err().message.contains("too deeply"));
        }
    }
}
