//! `guard:`: limits of a drill.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::freeze::Freeze;
use crate::model::{Condition, HumanDuration, Member, Name};

/// The label that protects whatever carries it with the value `true`, in every scenario.
pub const PROTECTED: &str = "simulacro.protected";

/// Limits of a drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// The drill is stopped and healed when one of these holds. A guard that sees nothing for 10 s trips.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_when: Vec<Condition>,
    /// Largest number of things one fault may be aimed at.
    pub max_targets: u32,
    /// How many must stay ready and untouched: a fault that would leave fewer does not begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_ready: Option<KeepReady>,
    /// Faults are aimed at nothing but what fits this. What the drill started itself always does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Allow>,
    /// What fits this is never touched, whatever a selector says; nor is what is labelled `simulacro.protected=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protect: Option<Protect>,
    /// Times in which no drill starts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<Freeze>,
    /// More such times, in a file that teams share: a list like `freeze`, or an iCalendar file. Its path is relative to
    /// the scenario's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze_file: Option<String>,
    /// While this file exists no drill starts, and one that runs is stopped and healed. Its path is relative to the
    /// scenario's file; `--kill-file` adds another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill_file: Option<String>,
    /// No fault outlives this, whatever happens to the runner.
    pub max_hold: HumanDuration,
    /// Where the drill runs.
    pub environment: Environment,
    /// Consent to acts that cannot be taken back. They also ask for `--yes`.
    pub allow_irreversible: bool,
}

impl Default for Guard {
    fn default() -> Self {
        Guard {
            stop_when: Vec::new(),
            max_targets: 1,
            keep_ready: None,
            allow: None,
            protect: None,
            freeze: Vec::new(),
            freeze_file: None,
            kill_file: None,
            max_hold: HumanDuration::from_secs(300),
            environment: Environment::Local,
            allow_irreversible: false,
        }
    }
}

/// Where a drill runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// One machine, nobody else's traffic.
    #[default]
    Local,
    /// A shared test system.
    Staging,
    /// Real users. Asks for `--allow-production`, the token that `plan` prints for exactly these targets, and a guard
    /// on real traffic.
    Production,
}

/// How many must stay ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum KeepReady {
    /// So many beside each target of a fault: of the same Compose service, else of the same selector.
    Beside(u32),
    /// So many of these targets, whatever a fault is aimed at.
    Of(BTreeMap<Name, u32>),
}

/// By hand, because serde's own reading of untagged choices loses the line of an error inside.
impl<'de> Deserialize<'de> for KeepReady {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = KeepReady;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, or a map from targets to numbers")
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<KeepReady, E> {
                u32::try_from(n).map(KeepReady::Beside).map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<KeepReady, E> {
                u32::try_from(n).map(KeepReady::Beside).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<KeepReady, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(KeepReady::Of)
            }
        }
        d.deserialize_any(Visit)
    }
}

/// What faults may be aimed at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Allow {
    /// Labels that all of them must carry; `*` in a value stands for anything.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Names of which one must fit; `*` stands for anything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

impl Allow {
    /// Why something may not be touched.
    pub fn refuses(&self, member: &Member) -> Option<String> {
        if member.own {
            return None;
        }
        let lacks = |(key, asked): &(&String, &String)| !member.labels.get(*key).is_some_and(|has| fits(asked, has));
        if let Some((key, asked)) = self.labels.iter().find(lacks) {
            return Some(match member.labels.get(key) {
                Some(has) => format!("it is labelled {key}={has}, and `guard.allow` asks for {key}={asked}"),
                None => format!("it is not labelled {key}={asked}, which `guard.allow` asks for"),
            });
        }
        let named = self.names.is_empty() || self.names.iter().any(|asked| fits(asked, &member.name));
        (!named).then(|| format!("its name {:?} is not among those of `guard.allow`", member.name))
    }
}

/// What is never touched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Protect {
    /// Labels of which one is enough; `*` in a value stands for anything.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Names of which one is enough; `*` stands for anything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

impl Guard {
    /// Why something may not be touched, by its labels and its name.
    pub fn refuses(&self, member: &Member) -> Option<String> {
        if member.labels.get(PROTECTED).is_some_and(|value| value == "true") {
            return Some(format!("it is labelled {PROTECTED}=true"));
        }
        if let Some(protect) = &self.protect {
            let mut labels = protect.labels.iter();
            if let Some((key, value)) =
                labels.find(|(key, asked)| member.labels.get(*key).is_some_and(|has| fits(asked, has)))
            {
                return Some(format!("`guard.protect` keeps what is labelled {key}={value}"));
            }
            if let Some(name) = protect.names.iter().find(|asked| fits(asked, &member.name)) {
                return Some(format!("`guard.protect` keeps what is named {name}"));
            }
        }
        self.allow.as_ref()?.refuses(member)
    }
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Readiness;

    fn member(name: &str, labels: &[(&str, &str)]) -> Member {
        Member {
            identity: "1".into(),
            shown: format!("container {name}"),
            name: name.into(),
            owner: String::new(),
            labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            readiness: Readiness::Ready,
            own: false,
        }
    }

    fn guard(yaml: &str) -> Guard {
        serde_saphyr::from_str(yaml).unwrap()
    }

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, expected) in [
            ("app", "app", true),
            ("app", "app-1", false),
            ("app-*", "app-1", true),
            ("*-db", "orders-db", true),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_protected_is_refused_whatever_allows_it() {
        let open = Guard::default();
        assert_eq!(open.refuses(&member("app", &[])), None);
        assert_eq!(open.refuses(&member("app", &[(PROTECTED, "false")])), None);
        assert!(open.refuses(&member("app", &[(PROTECTED, "true")])).unwrap().contains(PROTECTED));
        let guard = guard("{ allow: { names: ['*'] }, protect: { labels: { tier: gold* }, names: ['*-primary'] } }");
        assert!(guard.refuses(&member("app", &[("tier", "golden")])).unwrap().contains("tier=gold*"));
        assert!(guard.refuses(&member("db-primary", &[])).unwrap().contains("*-primary"));
        assert_eq!(guard.refuses(&member("db-replica", &[("tier", "silver")])), None);
    }

    #[test]
    fn only_what_is_allowed_may_be_touched() {
        let guard = guard("{ allow: { labels: { chaos: 'yes', team: '*' }, names: ['app-*', cache] } }");
        let labels = [("chaos", "yes"), ("team", "a")];
        assert_eq!(guard.refuses(&member("app-1", &labels)), None);
        assert_eq!(guard.refuses(&member("cache", &labels)), None);
        assert!(guard.refuses(&member("db", &labels)).unwrap().contains("not among"));
        assert!(guard.refuses(&member("app-1", &labels[..1])).unwrap().contains("not labelled team"));
        assert!(guard.refuses(&member("app-1", &[("chaos", "no")])).unwrap().contains("labelled chaos=no"));
        let own = Member { own: true, ..member("db", &[]) };
        assert_eq!(guard.refuses(&own), None, "what the drill started may always be touched");
    }
}
