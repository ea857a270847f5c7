//! What an import left out, changed or hid: said on the terminal and in the profile's comments, each thing once.

use std::collections::BTreeMap;

use crate::scenario::profile::Request;

/// The most kinds of what was left out that are told one by one.
const MOST_KINDS: usize = 40;
/// What stands for all further ones.
const OTHERS: &str = "others, for reasons like these";

/// Remarks of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    left_out: Vec<(String, usize)>,
    changed: Vec<String>,
    secrets: BTreeMap<String, String>,
}

impl Notes {
    /// Something is not in the profile; `why` is a noun with its reason. The same `why` again is counted.
    pub(super) fn left_out(&mut self, why: impl Into<String>) {
        let why = plain(&why.into());
        let known = self.left_out.iter().position(|(known, _)| *known == why);
        let full = self.left_out.len() > MOST_KINDS;
        match known {
            Some(at) => self.left_out[at].1 += 1,
            // The last one stands for all that come after.
            None if full => self.left_out[MOST_KINDS].1 += 1,
            None if self.left_out.len() == MOST_KINDS => self.left_out.push((OTHERS.to_owned(), 1)),
            None => self.left_out.push((why, 1)),
        }
    }

    /// Something is in the profile otherwise than in the input, or deserves a look.
    pub(super) fn changed(&mut self, what: impl Into<String>) {
        let what = plain(&what.into());
        if !self.changed.contains(&what) && self.changed.len() < MOST_KINDS {
            self.changed.push(what);
        }
    }

    /// The environment variable `name` stands for a secret, which was found at `place`.
    pub(super) fn secret(&mut self, name: &str, place: &str) {
        self.secrets.entry(name.to_owned()).or_insert_with(|| plain(place));
    }

    /// Forgets the secrets of requests that were left out in the end, and marks those of requests that sleep.
    pub(super) fn keep_secrets_of(&mut self, awake: &[&Request], asleep: &[Request]) {
        let holds = |request: &Request, name: &str| {
            let secret = format!("${{env:{name}}}");
            let mut headers = request.headers.values();
            request.path.contains(&secret)
                || request.body.as_ref().is_some_and(|body| body.contains(&secret))
                || headers.any(|value| value.contains(&secret))
        };
        self.secrets.retain(|name, place| {
            let wanted = awake.iter().any(|request| holds(request, name));
            let later = asleep.iter().any(|request| holds(request, name));
            if later && !wanted {
                place.push_str(" (only for what is commented out)");
            }
            wanted || later
        });
    }

    /// What is not in the profile, one sentence each.
    pub fn all_left_out(&self) -> impl Iterator<Item = String> + '_ {
        self.left_out.iter().map(|(why, times)| format!("{times} × {why}"))
    }

    /// What is otherwise than in the input, or deserves a look.
    pub fn all_changed(&self) -> impl Iterator<Item = &str> {
        self.changed.iter().map(String::as_str)
    }

    /// The environment variables that must be set for a run, with what each holds.
    pub fn all_secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.secrets.iter().map(|(name, place)| (name.as_str(), place.as_str()))
    }
}

/// Text of the input for a comment or a terminal: one line, without control characters, of bounded length.
pub(super) fn plain(text: &str) -> String {
    const MOST: usize = 300;
    let harmless = |c: char| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') { ' ' } else { c };
    let mut plain: String = text.chars().take(MOST).map(harmless).collect();
    if text.chars().nth(MOST).is_some() {
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_reason_is_told_once_with_its_count() {
        let mut notes = Notes::default();
        (0..3).for_each(|_| notes.left_out("image"));
        notes.left_out("two\nlines\u{1b}[31m");
        (0..100).for_each(|n| notes.left_out(format!("reason {n}")));
        let all: Vec<_> = notes.all_left_out().collect();
        assert_eq!((all[0].as_str(), all[1].as_str()), ("3 × image", "1 × two lines [31m"));
        assert_eq!(all.last().unwrap(), "62 × others, for reasons like these");
        assert_eq!(all.len(), MOST_KINDS + 1);
    }
}
