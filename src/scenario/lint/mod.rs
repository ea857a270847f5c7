//! What the types cannot say about a scenario: names that lead nowhere, times that collide, objectives that could never
//! be judged. Pure: it looks at what was read, and finds everything in one pass.

mod addresses;
mod calls;
mod clickhouse;
mod database;
mod guard;
mod ledger;
mod load;
mod names;
mod objectives;
mod overlap;
mod probes;
mod references;
mod samples;
mod shape;
mod timing;
#[cfg(test)]
mod calls_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::damage::Damage;
use super::grpc::DescriptorSets;
use super::problem::Problem;
use super::profile::{LoadModel, Profile};
use super::source::Source;
use super::subject::{Known, belongs};
use super::yaml::{Value, advice};
use super::{Scenario, Target};
use crate::model::Name;
use crate::scenario::target::ProcessSelector;

/// The load profiles of a scenario by the name of their stream, as far as they could be read.
pub type Profiles = BTreeMap<Name, Profile>;

/// Every problem of a scenario that is right by type.
pub fn lint(scenario: &Scenario, profiles: &Profiles, source: &Source) -> Vec<Problem> {
    let whole = Damage::default();
    let mut lint = Lint { scenario, profiles, source, damage: &whole, problems: Vec::new() };
    shape::check(&mut lint);
    names::check(&mut lint);
    references::check(&mut lint);
    timing::check(&mut lint);
    overlap::check(&mut lint);
    objectives::check(&mut lint);
    samples::check(&mut lint);
    load::check(&mut lint);
    probes::check(&mut lint);
    ledger::check(&mut lint);
    clickhouse::check(&mut lint);
    database::check(&mut lint);
    addresses::check(&mut lint);
    guard::check(&mut lint);
    lint.problems
}

/// What can be said of a scenario with errors: only what they cannot have caused.
pub fn lint_partly(scenario: &Scenario, source: &Source, damage: &Damage) -> Vec<Problem> {
    let mut lint = Lint { scenario, profiles: &Profiles::new(), source, damage, problems: Vec::new() };
    names::check(&mut lint);
    if !damage.hides_names() {
        references::check(&mut lint);
    }
    timing::check_ends(&mut lint);
    probes::check(&mut lint);
    addresses::check(&mut lint);
    lint.problems
}

/// What is wrong with the calls by gRPC, as far as their descriptor sets can tell.
pub fn lint_calls(scenario: &Scenario, sets: &DescriptorSets, source: &Source, damage: &Damage) -> Vec<Problem> {
    let mut lint = Lint { scenario, profiles: &Profiles::new(), source, damage, problems: Vec::new() };
    calls::check(&mut lint, sets);
    lint.problems
}

/// What the rules look at, and what they found.
struct Lint<'a> {
    scenario: &'a Scenario,
    profiles: &'a Profiles,
    source: &'a Source,
    damage: &'a Damage,
    problems: Vec<Problem>,
}

impl<'a> Lint<'a> {
    /// An error about a value.
    fn error(&mut self, path: impl Into<String>, message: impl Into<String>, hint: &str) {
        let problem = self.source.error(self.damage.original(&path.into()), message);
        self.push(problem, hint);
    }

    /// An error about a key: the value under it is missing something.
    fn key_error(&mut self, path: impl Into<String>, message: impl Into<String>, hint: &str) {
        let problem = self.source.key_error(self.damage.original(&path.into()), message);
        self.push(problem, hint);
    }

    /// A warning about a value.
    fn warn(&mut self, path: impl Into<String>, message: impl Into<String>, hint: &str) {
        let problem = self.source.error(self.damage.original(&path.into()), message).warning();
        self.push(problem, hint);
    }

    /// A warning about a key.
    fn key_warn(&mut self, path: impl Into<String>, message: impl Into<String>, hint: &str) {
        let problem = self.source.key_error(self.damage.original(&path.into()), message).warning();
        self.push(problem, hint);
    }

    fn push(&mut self, problem: Problem, hint: &str) {
        if !self.damage.explains(&problem.path) {
            self.problems.push(if hint.is_empty() { problem } else { problem.hint(hint) });
        }
    }

    /// The line of a value.
    fn line(&self, path: &str) -> usize {
        self.source.at(&self.damage.original(path)).line
    }

    /// The names that a section of the file gives, right or wrong by type: keys of a map, `name` in a list.
    fn written(&self, section: &str) -> Vec<&'a str> {
        match self.source.root.get(section).map(|n| &n.value) {
            Some(Value::Map(entries)) => entries.iter().map(|e| e.key.as_str()).collect(),
            Some(Value::List(items)) => items.iter().filter_map(|i| i.get("name")?.scalar_text()).collect(),
            _ => Vec::new(),
        }
    }

    /// An error unless `name` is one of `known`.
    fn must_exist<'n>(
        &mut self,
        path: impl Into<String>,
        what: &str,
        name: &Name,
        known: impl IntoIterator<Item = &'n Name>,
    ) -> bool {
        let known: Vec<&str> = known.into_iter().map(Name::as_str).collect();
        let sections: &[&str] = match what {
            "service" => &["services"],
            "proxy" => &["proxies"],
            "target" => &["targets"],
            "fault" => &["faults"],
            "playbook step" => &["playbook"],
            _ => &["probes", "load"],
        };
        if known.contains(&name.as_str()) || sections.iter().any(|s| self.written(s).contains(&name.as_str())) {
            return true;
        }
        let hint = advice(name.as_str(), known.iter().copied());
        let none = format!("the scenario has no {what} at all");
        self.error(path, format!("there is no {what} `{name}`"), &hint.unwrap_or(none));
        false
    }

    /// Names of everything that yields observations: probes, loads, and the streams of loads that have several.
    fn streams(&self) -> Vec<&'a Name> {
        let load = self.scenario.load.iter().map(|l| &l.name);
        let mut names: Vec<&Name> = load.chain(self.scenario.probes.iter().map(|p| &p.name)).collect();
        let more = self.profiles.keys().filter(|name| !names.contains(name)).collect::<Vec<_>>();
        names.extend(more);
        names
    }

    /// The streams of a load, or the stream itself; none for probes and for profiles that could not be read.
    fn profiles_of(&self, load: &Name) -> Vec<(&'a Name, &'a Profile)> {
        match self.profiles.get_key_value(load) {
            Some(one) => vec![one],
            None => self.profiles.iter().filter(|(stream, _)| belongs(stream.as_str(), load.as_str())).collect(),
        }
    }

    /// The load models of the streams that a name means.
    fn models(&self, load: &Name) -> Vec<LoadModel> {
        self.profiles_of(load).iter().filter_map(|(_, profile)| Some(profile.executor()?.model())).collect()
    }

    /// The names that the subject of a condition may use.
    fn known(&self) -> Known {
        let probes = self.scenario.probes.iter().map(|probe| probe.name.to_string()).collect();
        let mut known = Known { probes, ..Known::default() };
        for load in &self.scenario.load {
            let streams = self.profiles_of(&load.name);
            if streams.is_empty() {
                known.partly = true;
                known.streams.push((load.name.to_string(), Vec::new()));
            }
            streams.into_iter().for_each(|(stream, profile)| known.add(Some(stream), profile));
        }
        known
    }

    /// The names of the stages of all loads.
    fn stages(&self) -> Vec<String> {
        let executors = self.profiles.values().filter_map(Profile::executor);
        executors.flat_map(|e| e.stages().into_iter().map(|(name, _)| name).collect::<Vec<_>>()).collect()
    }

    /// The service that a target means, when it means one of the drill's own.
    fn service_of(&self, target: &Name) -> Option<&'a Name> {
        match self.scenario.targets.get(target)? {
            Target::Process(ProcessSelector::Service(service)) => Some(service),
            Target::Process(ProcessSelector::Foreign(_)) => None,
            Target::Container(_) | Target::Host(_) | Target::Postgres(_) | Target::Redis(_) => None,
        }
    }

    /// The paths of the entries of a key that takes one value or a list of them.
    fn one_or_many(&self, path: &str, count: usize) -> Vec<String> {
        match self.source.node(path).map(|n| &n.value) {
            Some(Value::List(_)) => (0..count).map(|i| format!("{path}[{i}]")).collect(),
            _ => vec![path.to_owned(); count],
        }
    }
}
