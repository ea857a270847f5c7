//! Names in templates: whether there is such a value, and whether it is there by then.

use super::Problems;
use crate::scenario::profile::names::Named;
use crate::scenario::profile::template::{Template, TemplateError, Value};
use crate::scenario::profile::{Journey, Profile, Request};
use crate::scenario::yaml::nearest;

/// What a request can know when it is sent.
pub(super) struct Reach<'p> {
    profile: &'p Profile,
    /// The journey that the request is a step of.
    journey: Option<&'p Journey>,
    /// The names of values that were taken by then.
    taken: Vec<&'p str>,
}

impl<'p> Reach<'p> {
    /// A request of an arrival rate: it waits for no answer.
    pub fn alone(profile: &'p Profile) -> Reach<'p> {
        Reach { profile, journey: None, taken: Vec::new() }
    }

    /// The first step of a journey.
    pub fn first(profile: &'p Profile, journey: &'p Journey) -> Reach<'p> {
        Reach { profile, journey: Some(journey), taken: Vec::new() }
    }

    /// What comes after `step`.
    pub fn past(&mut self, step: &'p Request) {
        self.taken.extend(step.extract.keys().map(|name| name.as_str()));
    }

    /// The profile, with just one executor.
    pub fn profile(&self) -> &'p Profile {
        self.profile
    }

    /// Whether the request is a step of a journey.
    pub fn in_journey(&self) -> bool {
        self.journey.is_some()
    }

    /// Why a name that is no variable cannot be used here, if so.
    fn refuses(&self, name: &str) -> Option<String> {
        match self.profile.named(name) {
            Some(Named::Variable(_) | Named::Field { .. }) => None,
            Some(Named::Taken) if self.taken.contains(&name) => None,
            Some(Named::Taken) => Some(self.too_early(name)),
            None => Some(self.unknown(name)),
        }
    }

    fn too_early(&self, name: &str) -> String {
        let takes = |request: &&Request| request.extract.contains_key(name);
        let Some(journey) = self.journey else {
            return format!(
                "`${{{name}}}` is taken from an answer, but requests of an arrival rate wait for no answer: make them \
                 the steps of a journey, with `constant_vus`"
            );
        };
        if let Some(later) = journey.requests().find(takes) {
            return format!(
                "`${{{name}}}` is not there yet: it is taken from the answer to `{}`, which this comes before; take it \
                 in an earlier step or in `on_start`",
                later.name
            );
        }
        let others = self.profile.journeys.iter().find(|journey| journey.requests().any(|r| takes(&r)));
        let other =
            others.map_or_else(|| "another journey".to_owned(), |other| format!("the journey `{}`", other.name));
        format!("`${{{name}}}` is taken in {other}, and a user keeps to one journey: take it in this one as well")
    }

    fn unknown(&self, name: &str) -> String {
        if self.profile.data.contains_key(name) {
            return format!("`{name}` is a data file: say which field of its rows, as in `${{{name}.email}}`");
        }
        let known = self.profile.known_names();
        let listed: Vec<String> = known.iter().map(|name| format!("${{{name}}}")).collect();
        let meant = nearest(name, known.iter().map(String::as_str).filter(|name| !name.ends_with('…')));
        let meant = meant.map_or_else(String::new, |meant| format!(" (did you mean `${{{meant}}}`?)"));
        format!(
            "`${{{name}}}` is not known here{meant}: there are {}, and ${{random:1-1000}}, ${{choice:a|b}}, ${{hex:16}}, \
             ${{text:20}}, ${{env:NAME}}, ${{file:PATH}}",
            listed.join(", ")
        )
    }
}

impl Problems {
    /// A template of a request; `None` when it is none.
    pub(super) fn template(&mut self, path: &str, text: &str, reach: &Reach<'_>) -> Option<Template> {
        let template = self.parsed(path, text)?;
        for name in reach.profile.expanded(&template).names {
            if let Some(why) = reach.refuses(&name) {
                self.error(path, why);
            }
        }
        Some(template)
    }

    fn parsed(&mut self, path: &str, text: &str) -> Option<Template> {
        text.parse().map_err(|why: TemplateError| self.error(path, why.to_string())).ok()
    }

    /// The variables: each a template, none of which stands for itself.
    pub(super) fn variables(&mut self, profile: &Profile) {
        for (name, text) in &profile.vars {
            let path = format!("vars.{name}");
            self.reserved(&path, name.as_str());
            let Some(template) = self.parsed(&path, text) else { continue };
            if profile.expanded(&template).met.contains(name.as_str()) {
                self.error(path, format!("the variable `{name}` stands for itself in the end: break the circle"));
            }
        }
    }

    /// A name that would hide a value that every template has.
    pub(super) fn reserved(&mut self, path: &str, name: &str) {
        if Value::WORDS.contains(&name) {
            self.error(path, format!("`${{{name}}}` is a value that every template has: choose another name"));
        }
    }
}
