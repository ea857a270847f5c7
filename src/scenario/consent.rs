//! What whoever starts a drill agrees to, beyond what the scenario says.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::Name;

/// How long a token is good for: long enough for a second person to read the plan, short enough that they read this one.
pub const TOKEN_LASTS: SignedDuration = SignedDuration::from_mins(60);
/// How much later than ours another machine's clock may be.
const SKEW: SignedDuration = SignedDuration::from_mins(2);
/// What every token begins with: its format.
const PREFIX: &str = "sp1";

/// The members of each target, as a token names them.
pub type Tickets = BTreeMap<Name, Vec<String>>;

/// What whoever starts a drill agrees to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Consent {
    /// Acts that cannot be taken back.
    pub yes: bool,
    /// Exactly these targets: what the token of a production drill says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<Tickets>,
    /// Files that end the drill by being there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kill_files: Vec<PathBuf>,
}

/// What `simulacro plan` prints for a production drill, and `simulacro run` asks for: whoever starts the drill has seen
/// its targets. It is no secret and no signature; its checksum finds what was mangled on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanToken {
    /// When it was printed.
    pub at: Timestamp,
    /// The scenario's digest, variables and load profiles included.
    pub scenario: String,
    /// Every target's members.
    pub targets: Tickets,
}

impl PlanToken {
    /// When it is too old.
    pub fn until(&self) -> Timestamp {
        self.at.saturating_add(TOKEN_LASTS).unwrap_or(Timestamp::MAX)
    }

    /// Whether it is good for this scenario now.
    ///
    /// # Errors
    /// Why not.
    pub fn good_for(&self, scenario: &str, now: Timestamp) -> Result<(), String> {
        let again = "run `simulacro plan` again";
        if self.scenario != scenario {
            return Err(format!("the plan token is for another scenario, or its file or variables changed: {again}"));
        }
        if now >= self.until() {
            let minutes = TOKEN_LASTS.as_mins();
            return Err(format!("the plan token of {} is older than {minutes} minutes: {again}", self.at));
        }
        if self.at > now.saturating_add(SKEW).unwrap_or(Timestamp::MAX) {
            return Err(format!("the plan token was made at {}, which is in the future: look at the clocks", self.at));
        }
        Ok(())
    }
}

fn mark(body: &str) -> String {
    Sha256::digest(body)[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Display for PlanToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).map_err(|_| fmt::Error)?);
        write!(f, "{PREFIX}.{body}.{}", mark(&body))
    }
}

/// A text is not a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not a plan token: give the whole text that `simulacro plan` printed after `plan token:`")]
pub struct TokenError;

impl FromStr for PlanToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let mut parts = text.trim().split('.');
        let (Some(PREFIX), Some(body), Some(sum), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError);
        };
        if mark(body) != sum {
            return Err(TokenError);
        }
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_| TokenError)?;
        serde_json::from_slice(&bytes).map_err(|_| TokenError)
    }
}

/// Whether targets are those that were planned; if not, both lists, target by target.
///
/// # Errors
/// What was planned and what there is now.
pub fn same_targets(planned: &Tickets, now: &Tickets) -> Result<(), String> {
    let list = |members: Option<&Vec<String>>| match members {
        Some(members) if !members.is_empty() => members.join(", "),
        _ => "nothing".to_owned(),
    };
    let names: std::collections::BTreeSet<_> = planned.keys().chain(now.keys()).collect();
    let changed = names.into_iter().filter(|name| planned.get(*name) != now.get(*name));
    let changed: Vec<String> = changed
        .map(|name| format!("target {name}: planned {}; now {}", list(planned.get(name)), list(now.get(name))))
        .collect();
    match changed.is_empty() {
        true => Ok(()),
        false => Err(format!("the targets are not those of the plan token: {}", changed.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> PlanToken {
        let members = vec!["container a [1]".to_owned(), "container b [2]".to_owned()];
        PlanToken {
            at: "2026-11-23T12:00:00Z".parse().unwrap(),
            scenario: "digest".into(),
            targets: Tickets::from([("app".parse().unwrap(), members)]),
        }
    }

    #[test]
    fn a_token_survives_being_copied_and_nothing_else() {
        let text = token().to_string();
        assert_eq!(format!(" {text}\n").parse(), Ok(token()));
        for i in 0..text.len() {
            let mut mangled = text.clone().into_bytes();
            mangled[i] = if mangled[i] == b'A' { b'B' } else { b'A' };
            let mangled = String::from_utf8(mangled).unwrap();
            assert_eq!(mangled.parse::<PlanToken>(), Err(TokenError), "{mangled}");
        }
        for wrong in ["", "sp1", "sp1..", "yes", &text[..text.len() - 1], &format!("{text}.x")] {
            assert_eq!(wrong.parse::<PlanToken>(), Err(TokenError), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_good_for_its_scenario_and_for_an_hour() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(token().good_for("digest", at("2026-11-23T12:59:59Z")), Ok(()));
        assert_eq!(token().good_for("digest", at("2026-11-23T11:58:30Z")), Ok(()), "clocks differ a little");
        let why = |scenario, now| token().good_for(scenario, at(now)).unwrap_err();
        assert!(why("other", "2026-11-23T12:01:00Z").contains("another scenario"));
        assert!(why("digest", "2026-11-23T13:00:00Z").contains("60 minutes"));
        assert!(why("digest", "2026-11-23T11:00:00Z").contains("future"));
    }

    #[test]
    fn a_changed_target_is_told_with_both_lists() {
        let planned = token().targets;
        assert_eq!(same_targets(&planned, &planned), Ok(()));
        let now = Tickets::from([("app".parse().unwrap(), vec!["container a [1]".into(), "container b [3]".into()])]);
        let why = same_targets(&planned, &now).unwrap_err();
        assert!(
            why.contains("planned container a [1], container b [2]; now container a [1], container b [3]"),
            "{why}"
        );
        assert!(same_targets(&planned, &Tickets::new()).unwrap_err().contains("now nothing"));
        assert!(same_targets(&Tickets::new(), &planned).unwrap_err().contains("planned nothing"));
    }
}
