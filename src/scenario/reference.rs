//! `${…}` in text: variables, which are put in when a file is read, and references, which stay until they are needed.
//!
//! References are `${run_dir}`, `${id}`, `${seed}`, and the secrets `${env:NAME}` and `${file:PATH}`: a scenario, a
//! plan and a journal hold the reference, never the value. `$${` is a literal `${`.

use std::fmt;

/// Something that is known only when a drill runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference<'t> {
    /// The run's folder.
    RunDir,
    /// The number of a ledger entry.
    Id,
    /// The run's seed.
    Seed,
    /// An environment variable of the runner: a secret.
    Env(&'t str),
    /// The content of a file, without a newline at its end: a secret.
    File(&'t str),
}

impl Reference<'_> {
    /// The words that cannot be names of variables.
    pub const WORDS: [&'static str; 3] = ["run_dir", "id", "seed"];

    /// Whether its value must appear nowhere.
    pub fn is_secret(self) -> bool {
        matches!(self, Reference::Env(_) | Reference::File(_))
    }
}

impl fmt::Display for Reference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::RunDir => f.write_str("${run_dir}"),
            Reference::Id => f.write_str("${id}"),
            Reference::Seed => f.write_str("${seed}"),
            Reference::Env(name) => write!(f, "${{env:{name}}}"),
            Reference::File(path) => write!(f, "${{file:{path}}}"),
        }
    }
}

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Text as it is.
    Literal(&'t str),
    /// `$${…}`: the whole of it.
    Escaped(&'t str),
    /// A reference.
    Reference(Reference<'t>),
    /// A variable's name.
    Variable(&'t str),
    /// `${…` that is neither: the whole of it, and what is wrong.
    Broken(&'t str, &'static str),
}

/// Cuts a text into its parts.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let escaped = rest[..at].ends_with('$');
        let start = if escaped { at - 1 } else { at };
        if start > 0 {
            pieces.push(Piece::Literal(&rest[..start]));
        }
        let end = rest[at..].find('}').map(|i| at + i + 1);
        let whole = &rest[start..end.unwrap_or(rest.len())];
        pieces.push(match end {
            _ if escaped => Piece::Escaped(whole),
            None => Piece::Broken(whole, "`${` without its `}`"),
            Some(end) => classify(whole, &rest[at + 2..end - 1]),
        });
        rest = &rest[start + whole.len()..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    pieces
}

fn classify<'t>(whole: &'t str, inner: &'t str) -> Piece<'t> {
    match inner {
        "run_dir" => Piece::Reference(Reference::RunDir),
        "id" => Piece::Reference(Reference::Id),
        "seed" => Piece::Reference(Reference::Seed),
        "" => Piece::Broken(whole, "`${}` names nothing"),
        _ => match inner.split_once(':') {
            Some(("env", name)) if is_variable_name(name) && !name.contains('-') => {
                Piece::Reference(Reference::Env(name))
            }
            Some(("env", _)) => Piece::Broken(whole, "`env:` needs the name of an environment variable"),
            Some(("file", path)) if !path.trim().is_empty() => Piece::Reference(Reference::File(path)),
            Some(("file", _)) => Piece::Broken(whole, "`file:` needs a path"),
            Some(_) => Piece::Broken(whole, "the kinds of secrets are `env:NAME` and `file:PATH`"),
            None if is_variable_name(inner) => Piece::Variable(inner),
            None => Piece::Broken(whole, "a variable's name is made of letters, digits, `_` and `-`"),
        },
    }
}

/// Whether a word can name a variable: letters, digits, `_` and `-`, not beginning with a digit or `-`.
pub(super) fn is_variable_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// The references in a text of a loaded scenario, in order.
pub fn references(text: &str) -> Vec<Reference<'_>> {
    pieces(text).into_iter().filter_map(|p| if let Piece::Reference(r) = p { Some(r) } else { None }).collect()
}

/// A text of a loaded scenario with every reference replaced by what `value` gives, and escapes undone.
///
/// # Errors
/// The first error of `value`.
pub fn resolve<E>(text: &str, mut value: impl FnMut(Reference<'_>) -> Result<String, E>) -> Result<String, E> {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Reference(reference) => out.push_str(&value(reference)?),
            Piece::Escaped(whole) if escapes_reference(whole) => out.push_str(&whole[1..]),
            // Loading has undone every other escape: what looks like a variable here is meant literally.
            Piece::Literal(text) | Piece::Escaped(text) | Piece::Broken(text, _) => out.push_str(text),
            Piece::Variable(name) => out.push_str(&format!("${{{name}}}")),
        }
    }
    Ok(out)
}

/// A text of a loaded scenario with those references replaced for which `value` gives something; the others, and
/// escapes, stay as they are.
pub fn put_in(text: &str, mut value: impl FnMut(&Reference<'_>) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Reference(reference) => {
                out.push_str(&value(&reference).unwrap_or_else(|| reference.to_string()));
            }
            Piece::Escaped(text) | Piece::Literal(text) | Piece::Broken(text, _) => out.push_str(text),
            Piece::Variable(name) => out.push_str(&format!("${{{name}}}")),
        }
    }
    out
}

/// Whether an escape must outlive loading, because without it the text would be a reference.
pub(super) fn escapes_reference(whole: &str) -> bool {
    matches!(pieces(&whole[1..]).first(), Some(Piece::Reference(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_falls_into_its_parts() {
        assert_eq!(
            pieces("a${x}$${y}${env:HOME}-${file:/etc/key}${id}$5 ${"),
            [
                Piece::Literal("a"),
                Piece::Variable("x"),
                Piece::Escaped("$${y}"),
                Piece::Reference(Reference::Env("HOME")),
                Piece::Literal("-"),
                Piece::Reference(Reference::File("/etc/key")),
                Piece::Reference(Reference::Id),
                Piece::Literal("$5 "),
                Piece::Broken("${", "`${` without its `}`"),
            ]
        );
        for broken in ["${}", "${env:}", "${env:A B}", "${file: }", "${vault:x}", "${a b}", "${1}"] {
            assert!(matches!(pieces(broken)[..], [Piece::Broken(whole, _)] if whole == broken), "{broken}");
        }
    }

    #[test]
    fn references_are_resolved_and_escapes_undone() {
        let value = |r: Reference<'_>| if r == Reference::Seed { Err("no seed") } else { Ok(format!("<{r:?}>")) };
        assert_eq!(resolve("${run_dir}/a $${id} ${b} $${b}", value).unwrap(), "<RunDir>/a ${id} ${b} $${b}");
        assert_eq!(resolve("${seed}", value), Err("no seed"));
        assert_eq!(references("${env:A}${x}$${id}${id}"), [Reference::Env("A"), Reference::Id]);
    }

    proptest! {
        #[test]
        fn pieces_lose_nothing(text in r"[a${}:x \PC]{0,40}") {
            let whole: String = pieces(&text).into_iter().map(|p| match p {
                Piece::Literal(t) | Piece::Escaped(t) | Piece::Broken(t, _) => t.to_owned(),
                Piece::Variable(name) => format!("${{{name}}}"),
                Piece::Reference(r) => r.to_string(),
            }).collect();
            prop_assert_eq!(whole, text);
        }
    }
}
