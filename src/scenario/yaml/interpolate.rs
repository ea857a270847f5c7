//! Variables: `${name}` from the file's `vars:` and from `-V name=value`, put into the tree before it gets its types.
//!
//! A scalar that is one `${name}` and nothing else takes the variable's value with its type, so that `rate: "${rate}"`
//! is a number. Text that is put in keeps the place of the scalar it stands in.

use std::collections::BTreeMap;

use super::node::{Node, Number, Span, Value, shorten};
use super::parse::{Flaw, parse};
use super::suggest::advice;
use crate::scenario::reference::{Piece, Reference, escapes_reference, is_variable_name, pieces};

/// Longest text that all variables of a file may expand to, in bytes: variables may refer to variables, and doubling a
/// text forty times is a few lines.
const MOST_TEXT: usize = 4 << 20;

/// Longest chain of variables that refer to variables.
const DEEPEST: usize = 100;

/// Puts the variables in. Scalars that cannot be completed become [`Value::Invalid`], each with a flaw.
pub fn interpolate(root: &mut Node, text: &str, overrides: &[(String, String)]) -> Vec<Flaw> {
    let mut vars = Vars { text, defs: BTreeMap::new(), known: true, flaws: Vec::new(), left: MOST_TEXT };
    vars.declare(root);
    vars.override_with(root, overrides);
    for name in vars.defs.keys().cloned().collect::<Vec<_>>() {
        vars.settle(&name, &mut Vec::new());
    }
    let Value::Map(entries) = &mut root.value else { return vars.flaws };
    for entry in entries {
        if entry.key == "vars" {
            vars.put_back(&mut entry.value);
        } else {
            vars.key(&entry.key, entry.key_span);
            vars.fill(&mut entry.value);
        }
    }
    vars.flaws
}

/// A variable and how far its value is known.
struct Var {
    key_span: Span,
    value: Node,
    settled: bool,
    overridden: bool,
}

struct Vars<'t> {
    text: &'t str,
    defs: BTreeMap<String, Var>,
    /// Whether the names are known: they are not when `vars:` itself is malformed, which is reported by type.
    known: bool,
    flaws: Vec<Flaw>,
    left: usize,
}

impl Vars<'_> {
    fn declare(&mut self, root: &Node) {
        let Some(vars) = root.get("vars") else { return };
        let Value::Map(entries) = &vars.value else {
            self.known = false;
            return;
        };
        for entry in entries {
            let flaw = |message: String| Flaw::new(entry.key_span, message);
            if Reference::WORDS.contains(&entry.key.as_str()) {
                let message = format!("`{}` has a meaning of its own and cannot be a variable", entry.key);
                self.flaws.push(flaw(message).hint("choose another name"));
            } else if !is_variable_name(&entry.key) {
                let rule = "use letters, digits, `_` and `-`, beginning with a letter or `_`";
                self.flaws.push(flaw(format!("`{}` cannot name a variable", shorten(&entry.key))).hint(rule));
            }
            let var = Var { key_span: entry.key_span, value: entry.value.clone(), settled: false, overridden: false };
            self.defs.insert(entry.key.clone(), var);
        }
    }

    fn override_with(&mut self, root: &Node, overrides: &[(String, String)]) {
        for (name, value) in overrides {
            match self.defs.get_mut(name) {
                Some(var) => {
                    var.value.value = scalar(value);
                    var.overridden = true;
                }
                None if self.known => {
                    let place = root.entry("vars").map_or(Span::START, |e| e.key_span);
                    let flaw = Flaw::new(place, format!("-V {name}: this file has no variable of that name"));
                    let hint = advice(name, self.defs.keys().map(String::as_str));
                    self.flaws
                        .push(Flaw { hint: hint.or(Some(format!("declare it: `vars: {{ {name}: … }}`"))), ..flaw });
                }
                None => {}
            }
        }
    }

    /// Completes the value of a variable, after the variables it refers to. `way` holds those that wait for it.
    fn settle(&mut self, name: &str, way: &mut Vec<String>) {
        if let Some(at) = way.iter().position(|w| w == name) {
            let mut cycle = way[at..].to_vec();
            cycle.push(name.to_owned());
            let message = format!("variables refer to each other in a circle: {}", cycle.join(" -> "));
            self.flaws.push(Flaw::new(self.defs[name].key_span, message).hint("give one of them a value of its own"));
            for member in &cycle {
                self.finish(member, Value::Invalid);
            }
            return;
        }
        let Some(var) = self.defs.get(name) else { return };
        if var.settled {
            return;
        }
        if way.len() >= DEEPEST {
            let message = format!("variables refer to variables more than {DEEPEST} deep");
            self.flaws.push(Flaw::new(var.key_span, message));
            self.finish(name, Value::Invalid);
            return;
        }
        let mut value = var.value.clone();
        if let Value::Text(text) = &value.value {
            way.push(name.to_owned());
            for piece in pieces(text) {
                if let Piece::Variable(other) = piece {
                    self.settle(other, way);
                }
            }
            way.pop();
        }
        // A circle has settled it in the meantime.
        if !self.defs[name].settled {
            self.scalar(&mut value);
            self.finish(name, value.value);
        }
    }

    fn finish(&mut self, name: &str, value: Value) {
        if let Some(var) = self.defs.get_mut(name) {
            var.value.value = value;
            var.settled = true;
        }
    }

    fn put_back(&mut self, vars: &mut Node) {
        let Value::Map(entries) = &mut vars.value else { return };
        for entry in entries {
            if let Some(var) = self.defs.get(&entry.key) {
                entry.value.value = var.value.value.clone();
            }
        }
    }

    fn fill(&mut self, node: &mut Node) {
        if let Value::Map(entries) = &node.value {
            for entry in entries {
                self.key(&entry.key, entry.key_span);
            }
        }
        self.scalar(node);
        for child in node.children_mut() {
            self.fill(child);
        }
    }

    fn key(&mut self, key: &str, span: Span) {
        if pieces(key).iter().any(|p| !matches!(p, Piece::Literal(_))) {
            self.flaws.push(Flaw::new(span, "a key cannot hold `${…}`").hint("variables stand in values only"));
        }
    }

    fn scalar(&mut self, node: &mut Node) {
        let Value::Text(text) = &node.value else { return };
        if !text.contains("${") {
            return;
        }
        let (text, span) = (text.clone(), node.span);
        let parts = pieces(&text);
        if let [Piece::Variable(name)] = parts[..] {
            let value = self.value_of(name, span);
            if let Some(var) = self.defs.get(name).filter(|v| !v.overridden) {
                node.origin = Some(var.value.span);
            }
            node.value = value.unwrap_or(Value::Invalid);
            return;
        }
        let mut out = Some(String::new());
        for part in parts {
            let add = self.part(part, span);
            out = out.zip(add).map(|(out, add)| out + &add);
        }
        match out {
            Some(out) if out.len() > self.left => {
                self.flaws.push(Flaw::new(span, "the variables in this file expand to too much text"));
                node.value = Value::Invalid;
            }
            Some(out) => {
                self.left -= out.len();
                node.value = Value::Text(out);
            }
            None => node.value = Value::Invalid,
        }
    }

    /// The text that stands for a part; `None` when there is none, which has been reported.
    fn part(&mut self, part: Piece<'_>, span: Span) -> Option<String> {
        match part {
            Piece::Literal(text) => Some(text.to_owned()),
            Piece::Reference(reference) => Some(reference.to_string()),
            Piece::Escaped(whole) if escapes_reference(whole) => Some(whole.to_owned()),
            Piece::Escaped(whole) => Some(whole[1..].to_owned()),
            Piece::Variable(name) => {
                let value = self.value_of(name, span)?;
                Node::bare(value).scalar_text().map(str::to_owned)
            }
            Piece::Broken(whole, why) => {
                let flaw = Flaw::new(narrow(self.text, span, whole), format!("`{}`: {why}", shorten(whole)));
                self.flaws.push(flaw.hint("for the characters themselves write `$${`"));
                None
            }
        }
    }

    /// A variable's value; `None`, and a flaw where there is none yet, when it has no usable one.
    fn value_of(&mut self, name: &str, span: Span) -> Option<Value> {
        match self.defs.get(name) {
            Some(var) => match &var.value.value {
                // Wrong by type, which is reported where the variable is defined.
                Value::Null | Value::List(_) | Value::Map(_) | Value::Invalid => None,
                value => Some(value.clone()),
            },
            None => {
                if self.known {
                    let place = narrow(self.text, span, &format!("${{{name}}}"));
                    let flaw = Flaw::new(place, format!("there is no variable `{name}`"));
                    let names = self.defs.keys().map(String::as_str).chain(Reference::WORDS);
                    let hint = super::suggest::nearest(name, names).map(|n| format!("did you mean `${{{n}}}`?"));
                    let otherwise = format!("declare it under `vars:`; a secret is written `${{env:{name}}}`");
                    self.flaws.push(flaw.hint(hint.unwrap_or(otherwise)));
                }
                None
            }
        }
    }
}

/// An override's text as YAML reads it when it is a scalar, else as text.
fn scalar(text: &str) -> Value {
    match parse(text) {
        Ok((Node { value: value @ (Value::Bool(_) | Value::Number(..) | Value::Text(_)), .. }, _)) => match value {
            Value::Number(Number::Float(n), _) if !n.is_finite() => Value::Text(text.into()),
            value => value,
        },
        _ => Value::Text(text.into()),
    }
}

/// The place of `needle` within `span`, when it is written there as it is; else the whole span.
fn narrow(text: &str, span: Span, needle: &str) -> Span {
    let Some(at) = text.get(span.start..span.end).and_then(|slice| slice.find(needle)) else { return span };
    let before = &text[span.start..span.start + at];
    let line = span.line + before.matches('\n').count();
    let column = match before.rfind('\n') {
        Some(newline) => before[newline + 1..].chars().count() + 1,
        None => span.column + before.chars().count(),
    };
    Span { start: span.start + at, end: span.start + at + needle.len(), line, column }
}

#[cfg(test)]
#[path = "interpolate_tests.rs"]
mod tests;
