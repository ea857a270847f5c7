//! Secrets: `${env:NAME}` and `${file:PATH}` in texts, resolved by drivers at the last moment, and kept out of what is
//! written.
//!
//! Everything else of the program (plan, journal, events, results) carries the reference. A driver resolves it for the
//! one call that needs it, and passes what comes back (output, messages) through the [`Redactor`].

use std::borrow::Cow;
use std::fs;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use super::DriverError;

/// Largest secret file that is read.
const MAX_FILE: u64 = 64 * 1024;

/// Shorter values are not redacted: anybody could guess them, and to replace every `7` would make texts unreadable.
const MIN_REDACTED: usize = 4;

/// A reference cannot be resolved. The message names the reference, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is missing or not text.
    #[error("${{env:{0}}} is not set: export {0} before the drill starts")]
    Env(String),
    /// The file cannot be read.
    #[error("${{file:{path}}} cannot be read: {why}")]
    File {
        /// The path in the reference.
        path: String,
        /// Why.
        why: String,
    },
    /// A reference has no end.
    #[error("`{0}` has no closing brace")]
    Unclosed(&'static str),
}

impl From<SecretError> for DriverError {
    fn from(e: SecretError) -> Self {
        DriverError::NotFound(e.to_string())
    }
}

/// Resolves references to secrets and remembers, for redaction, what they stood for. Clones share that memory.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    redactor: Redactor,
}

/// Replaces the values of secrets that were resolved so far by their references.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Value and what replaces it, longest value first, so that a secret inside another does not break it up.
    known: Arc<Mutex<Vec<(String, String)>>>,
}

/// Says how many values are known, and none of them.
impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} values)", self.lock().len())
    }
}

impl Secrets {
    /// Knows no secret yet.
    pub fn new() -> Self {
        Secrets::default()
    }

    /// Whether a text contains a reference.
    pub fn refers(text: &str) -> bool {
        text.contains("${env:") || text.contains("${file:")
    }

    /// The text with every reference replaced by its value. Values are not searched for references again.
    ///
    /// # Errors
    /// When a reference has no value; the message names the reference.
    pub fn resolve<'a>(&self, text: &'a str) -> Result<Cow<'a, str>, SecretError> {
        if !Secrets::refers(text) {
            return Ok(Cow::Borrowed(text));
        }
        let mut resolved = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            resolved.push_str(&rest[..at]);
            let open = &rest[at..];
            let Some((start, read)) = kind(open) else {
                resolved.push_str("${");
                rest = &open[2..];
                continue;
            };
            let end = open.find('}').ok_or(SecretError::Unclosed(start))?;
            let value = read(&open[start.len()..end])?;
            self.redactor.learn(&value, &open[..=end]);
            resolved.push_str(&value);
            rest = &open[end + 1..];
        }
        resolved.push_str(rest);
        Ok(Cow::Owned(resolved))
    }

    /// Resolves every text of a list.
    ///
    /// # Errors
    /// When a reference has no value.
    pub fn resolve_all(&self, texts: &[String]) -> Result<Vec<String>, SecretError> {
        texts.iter().map(|text| self.resolve(text).map(Cow::into_owned)).collect()
    }

    /// What keeps the values out of texts.
    pub fn redactor(&self) -> Redactor {
        self.redactor.clone()
    }
}

type Reader = fn(&str) -> Result<String, SecretError>;

/// What kind of reference begins here, if any, and how it is read.
fn kind(text: &str) -> Option<(&'static str, Reader)> {
    let kinds: [(&'static str, Reader); 2] = [("${env:", from_env), ("${file:", from_file)];
    kinds.into_iter().find(|(start, _)| text.starts_with(start))
}

fn from_env(name: &str) -> Result<String, SecretError> {
    std::env::var(name).map_err(|_| SecretError::Env(name.to_owned()))
}

fn from_file(path: &str) -> Result<String, SecretError> {
    let wrong = |why: String| SecretError::File { path: path.to_owned(), why };
    let file = fs::File::open(path).map_err(|e| wrong(e.to_string()))?;
    let mut value = String::new();
    let length = file.take(MAX_FILE + 1).read_to_string(&mut value).map_err(|e| wrong(e.to_string()))?;
    if length as u64 > MAX_FILE {
        return Err(wrong(format!("it is larger than {} KiB", MAX_FILE / 1024)));
    }
    // Editors and `echo` end a file with a newline that is not part of the secret.
    value.truncate(value.trim_end_matches(['\n', '\r']).len());
    Ok(value)
}

impl Redactor {
    /// The text without any value that is known.
    pub fn redact(&self, text: &str) -> String {
        let known = self.lock();
        known.iter().fold(text.to_owned(), |text, (value, reference)| {
            if text.contains(value.as_str()) { text.replace(value.as_str(), reference) } else { text }
        })
    }

    /// Length in bytes of the longest value; a text that is cut for length is redacted first, or keeps so many bytes
    /// more until then, lest half a value slips through.
    pub fn longest(&self) -> usize {
        self.lock().first().map_or(0, |(value, _)| value.len())
    }

    fn learn(&self, value: &str, reference: &str) {
        let json = serde_json::Value::from(value).to_string();
        let escaped = json[1..json.len() - 1].to_owned();
        let mut known = self.lock();
        for form in [value.to_owned(), escaped] {
            if form.len() >= MIN_REDACTED && !known.iter().any(|(value, _)| *value == form) {
                known.push((form, reference.to_owned()));
            }
        }
        known.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(String, String)>> {
        // The list is valid after every statement that changes it, so a panic elsewhere does not spoil it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secret_file(content: &str) -> (tempfile::NamedTempFile, String) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        let reference = format!("${{file:{}}}", file.path().display());
        (file, reference)
    }

    #[test]
    fn references_become_values_and_values_become_references() {
        let (_file, reference) = secret_file("hunter\"22\n");
        let secrets = Secrets::new();
        let text = format!("a {reference} b ${{id}} ${{");
        assert_eq!(secrets.resolve(&text).unwrap(), "a hunter\"22 b ${id} ${");
        let redactor = secrets.redactor();
        assert_eq!(redactor.redact("got hunter\"22!"), format!("got {reference}!"));
        assert_eq!(redactor.redact(r#"{"p":"hunter\"22"}"#), format!(r#"{{"p":"{reference}"}}"#));
        assert!(!format!("{secrets:?}").contains("hunter"));
    }

    #[test]
    fn environment_is_read_and_what_is_missing_is_named() {
        let secrets = Secrets::new();
        let path = std::env::var("PATH").unwrap();
        assert_eq!(secrets.resolve("${env:PATH}").unwrap(), path);
        let missing = secrets.resolve("${env:SIMULACRO_NO_SUCH}").unwrap_err().to_string();
        assert!(missing.contains("${env:SIMULACRO_NO_SUCH} is not set"), "{missing}");
        assert!(secrets.resolve("${file:no/such/file}").unwrap_err().to_string().contains("${file:no/such/file}"));
        assert!(secrets.resolve("x ${env:PATH").unwrap_err().to_string().contains("closing brace"));
    }

    #[test]
    fn a_file_over_the_limit_is_refused() {
        let (_file, reference) = secret_file(&"x".repeat(MAX_FILE as usize + 1));
        assert!(Secrets::new().resolve(&reference).unwrap_err().to_string().contains("larger than 64 KiB"));
    }

    proptest! {
        #[test]
        fn no_value_survives_redaction(a in "[a-z]{4,12}", b in "[a-z]{4,12}", around in "[A-Z ]{0,9}") {
            let ((_fa, ra), (_fb, rb)) = (secret_file(&a), secret_file(&b));
            let secrets = Secrets::new();
            let text = secrets.resolve(&format!("{around}{ra}{around}{rb}")).unwrap().into_owned();
            // References name random files; what is checked is the text without them.
            let clean = secrets.redactor().redact(&text).replace(&ra, "").replace(&rb, "");
            prop_assert!(!clean.contains(&a) && !clean.contains(&b), "{}", clean);
        }

        #[test]
        fn texts_without_references_are_left_alone(text in "[^$]{0,40}") {
            prop_assert_eq!(Secrets::new().resolve(&text).unwrap(), text.as_str());
        }
    }
}
