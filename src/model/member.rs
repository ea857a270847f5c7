//! What a target means right now: its members, as far as guards and plans ask about them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that a target means right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// What tells it from every other, also from a later one of the same name: an engine's id, a pid and its start.
    pub identity: String,
    /// What it is called in messages: `process 42`, `container orders-1`.
    pub shown: String,
    /// The name that `guard.allow` and `guard.protect` compare.
    pub name: String,
    /// Whose it is: a user, a Compose project, `this drill`; empty when nobody says.
    pub owner: String,
    /// What it is labelled with.
    pub labels: BTreeMap<String, String>,
    /// Whether it does its work.
    pub readiness: Readiness,
    /// Whether the drill started it itself.
    pub own: bool,
}

impl Member {
    /// How a plan's token names it: what it is called, and enough of its identity to tell it from its successor.
    pub fn ticket(&self) -> String {
        format!("{} [{}]", self.shown, self.identity.chars().take(24).collect::<String>())
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)?;
        let name = if self.shown.contains(&self.name) { "" } else { &self.name };
        let owner = if self.owner.is_empty() { String::new() } else { format!("of {}", self.owner) };
        let said: Vec<String> = [name.to_owned(), owner, self.readiness.to_string()].into();
        let said: Vec<String> = said.into_iter().filter(|text| !text.is_empty()).collect();
        write!(f, " ({})", said.join(", "))?;
        let labels: Vec<_> = self.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        if labels.is_empty() { Ok(()) } else { write!(f, " {{{}}}", labels.join(", ")) }
    }
}

/// Whether something does its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// It runs, and whatever looks after its health says that it is well.
    Ready,
    /// It does not; in words.
    NotReady(String),
    /// Nobody can tell; why. A guard counts it as not ready.
    Unknown(String),
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Readiness::Ready => f.write_str("ready"),
            Readiness::NotReady(how) => write!(f, "not ready: {how}"),
            Readiness::Unknown(why) => write!(f, "readiness unknown: {why}"),
        }
    }
}
