//! Import: a load profile made from what a team has already: vegeta targets, a HAR recording, an OpenAPI document.
//!
//! Pure: text in, profile and notes out. Each format is read into [`draft::Draft`]s; from there on all go the same way:
//! secrets become references, one host is kept, requests get names, the profile is written as YAML with comments, and
//! what was written is read and checked once more before anybody sees it.

mod build;
mod detect;
mod draft;
mod emit;
mod har;
mod hosts;
mod names;
mod notes;
mod openapi;
mod secrets;
mod url;
mod vegeta;

use std::io;
use std::path::Path;

use crate::model::Name;
use crate::scenario::bundle;
use crate::scenario::profile::Profile;
use crate::scenario::source::MAX_BYTES;

pub use detect::Format;
pub use notes::Notes;

use draft::Found;

/// The largest input that is read, in bytes. Recordings of a browser hold every answer and grow to some tens of MB.
pub const MOST_BYTES: u64 = 100 << 20;

/// The largest body that is copied into a profile, in bytes: a profile has at most 1 MiB in all.
const MOST_BODY: usize = 64 << 10;

/// The most requests, or steps of a journey, that a profile gets.
const MOST_REQUESTS: usize = 500;

/// The most headers of a request. With the most requests these stay within the limits of reading YAML.
const MOST_HEADERS: usize = 64;

/// What is imported.
pub struct Input<'a> {
    /// The file's name without its folder, for comments.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Reads the files that it names: bodies of vegeta targets.
    pub read: &'a dyn Fn(&str) -> io::Result<Vec<u8>>,
}

/// How it is imported.
#[derive(Debug, Clone)]
pub struct Options {
    /// The profile's name.
    pub name: Name,
    /// The format; found out from the content when absent.
    pub format: Option<Format>,
    /// The host to keep, with its port where it is not the usual one; the most frequent when absent.
    pub host: Option<String>,
    /// Keep the static assets of a recording.
    pub assets: bool,
    /// A journey for each page of a recording, instead of one for all.
    pub per_page: bool,
    /// Send the operations of an OpenAPI document that write.
    pub writes: bool,
}

/// A profile, and what its user should know.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The profile.
    pub profile: Profile,
    /// The same as commented YAML.
    pub text: String,
    /// Scheme and authority of what was imported, where it has any: a profile has paths only.
    pub base_url: Option<String>,
    /// What was left out or changed, and why.
    pub notes: Notes,
}

/// Why there is no profile. No secret of the input is quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({hint})")]
pub struct ImportError {
    /// Line and column of the input, from 1, where it is known.
    pub place: Option<(usize, usize)>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl ImportError {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> ImportError {
        ImportError { place: None, message: message.into(), hint: hint.into() }
    }

    /// What serde says, without the values that it quotes.
    fn of_json(why: &serde_json::Error, hint: &str) -> ImportError {
        let text = why.to_string();
        let text = text.split(" at line ").next().unwrap_or_default();
        let message = match (text.find('"'), text.rfind('"')) {
            (Some(from), Some(to)) if from < to => format!("{}…{}", &text[..=from], &text[to..]),
            _ => text.to_owned(),
        };
        ImportError::new(message, hint).at(why.line().max(1), why.column().max(1))
    }

    fn at(self, line: usize, column: usize) -> ImportError {
        ImportError { place: Some((line, column)), ..self }
    }
}

/// Makes a load profile.
///
/// # Errors
/// When the format is not known, the input is malformed, or nothing of it can be sent.
pub fn import(input: &Input<'_>, options: &Options) -> Result<Imported, ImportError> {
    let input = &Input { text: input.text.strip_prefix('\u{feff}').unwrap_or(input.text), ..*input };
    let format = match options.format {
        Some(format) => format,
        None => detect::detect(input.text)?,
    };
    let mut notes = Notes::default();
    let found = match format {
        Format::Vegeta => vegeta::read(input, options, &mut notes)?,
        Format::Har => har::read(input, options, &mut notes)?,
        Format::Openapi => openapi::read(input, options, &mut notes)?,
    };
    finish(input.file, options, found, notes)
}

fn finish(file: &str, options: &Options, found: Found, mut notes: Notes) -> Result<Imported, ImportError> {
    let built = build::build(&options.name, &found)?;
    if built.names_are_shared {
        notes.changed("there are more than 64 different routes: requests share names by the beginning of their paths");
    }
    notes.keep_secrets_of(&built.profile.all_requests().collect::<Vec<_>>(), &built.asleep);
    let base_url = found.base_url.clone();
    let text = emit::emit(file, &found, &built, &notes)?;
    if text.len() as u64 > MAX_BYTES {
        let message = format!("the profile would have {} KiB; 1 MiB is the most", text.len() >> 10);
        return Err(ImportError::new(message, "import fewer requests, or such with smaller bodies"));
    }
    // What `check` would refuse is never written; and what is read back is what was meant.
    let read = bundle::profile_text(Path::new("profile"), &text);
    let (read, _) = read.map_err(|problems| mistake(&problems.to_string()))?;
    if read != built.profile {
        return Err(mistake("it reads back as another one"));
    }
    Ok(Imported { profile: built.profile, text, base_url, notes })
}

/// A bug of ours that the input brought to light.
fn mistake(why: &str) -> ImportError {
    let message = format!("the profile made from this is not valid: {why}");
    ImportError::new(message, "this is a bug of simulacro: please report it with the input, secrets taken out")
}

/// The text of a count: `1 request`, `3 requests`.
fn count(n: usize, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}

/// A size for people: `100 MiB`.
fn size(bytes: usize) -> String {
    format!("{} MiB", bytes >> 20)
}

#[cfg(test)]
mod tests;
