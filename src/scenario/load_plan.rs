//! From a load profile to the plan of `simulacro load`: a scenario with its streams and without faults.

use std::path::Path;

use super::Scenario;
use super::bundle;
use super::guard::Guard;
use super::load::Load;
use super::objectives::Objectives;
use super::phases::Phases;
use super::plan::{LoadPlan, Plan, VERSION};
use super::problem::Problems;
use super::profile::{Executor, Profile, Severity};
use super::reference::{Piece, pieces};
use super::resolve::{Settings, digest, host_name, machine, run_id};
use super::source::read_file;
use crate::model::{HumanDuration, Name};

/// What `simulacro load` takes beside what every run takes.
#[derive(Debug, Clone, Default)]
pub struct LoadSettings {
    /// Where the paths begin, instead of what the profile says.
    pub base_url: Option<String>,
    /// How long executors with a constant rate or number of users go on, instead of what the profile says.
    pub duration: Option<HumanDuration>,
}

/// Reads and checks a load profile; warnings come with the plan.
///
/// # Errors
/// Every problem at once, those of the settings too.
pub fn resolve_load(file: &Path, settings: &Settings, load: &LoadSettings) -> Result<(Plan, Problems), Problems> {
    let text = read_file(file)?;
    let (mut profile, source, mut warnings) = bundle::profile_source(file, &text)?;
    let mut wrong = Vec::new();
    for (name, value) in &settings.vars {
        if !set(&mut profile, name, value) {
            let message = format!("-V {name}: this profile has no variable of that name");
            wrong.push(source.error("vars", message).hint("declare it under `vars:`"));
        }
    }
    if let Some(duration) = load.duration
        && !set_duration(&mut profile, duration)
    {
        let message = "--duration: nothing in this profile goes on at a constant rate or number of users";
        let hint = "change the stages, or whatever else sets its end, in the profile";
        wrong.push(source.error("", message).hint(hint));
    }
    if !settings.vars.is_empty() {
        // A value may hold what a template cannot.
        let found = profile.problems().into_iter().filter(|p| p.severity == Severity::Error);
        wrong.extend(found.map(|p| source.error(p.path, p.message)));
    }
    if let Some(endless) = endless(&profile) {
        let message = format!("`{endless}` has no duration, so this load would never end");
        wrong.push(source.key_error(endless, message).hint("add `duration:` to it, or give `--duration 60s`"));
    }
    let base_url = base_url(&profile, load.base_url.as_deref()).map_err(|message| {
        let hint = "set `base_url:` in the profile, or give `--base-url http://127.0.0.1:8080`";
        wrong.push(source.error("base_url", message).hint(hint));
    });
    if profile.thresholds.is_empty() && !has_conditions(&profile) {
        let message = "no thresholds: whatever the target does, this load does not fail";
        let hint = "add `thresholds:`, such as `error_rate < 1%`";
        warnings.merge(source.problems(vec![source.error("", message).hint(hint).warning()]));
    }
    match base_url {
        Ok(base_url) if wrong.is_empty() => Ok((plan(file, settings, profile, base_url), warnings)),
        _ => {
            warnings.merge(source.problems(wrong));
            Err(warnings)
        }
    }
}

/// Where the paths begin: as given, else as the profile says, its variables put in; references to secrets stay.
fn base_url(profile: &Profile, given: Option<&str>) -> Result<String, String> {
    let Some(text) = given.or(profile.base_url.as_deref()) else {
        return Err("it is not said where the paths begin".into());
    };
    let mut out = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Variable(name) => match profile.vars.iter().find(|(known, _)| known.as_str() == name) {
                Some((_, value)) => out.push_str(value),
                None => {
                    return Err(format!("the base URL `{text}` names `{name}`, which is not declared under `vars:`"));
                }
            },
            Piece::Broken(_, why) => return Err(format!("the base URL `{text}`: {why}")),
            Piece::Reference(reference) => out.push_str(&reference.to_string()),
            Piece::Literal(text) | Piece::Escaped(text) => out.push_str(text),
        }
    }
    Ok(out)
}

fn plan(file: &Path, settings: &Settings, profile: Profile, base_url: String) -> Plan {
    let named = |(name, alone): (Option<Name>, Profile)| (name.unwrap_or_else(|| profile.name.clone()), alone);
    let profiles: std::collections::BTreeMap<Name, Profile> = profile.streams().into_iter().map(named).collect();
    let stream = |name: &Name| {
        let (name, profile) = (name.clone(), file.display().to_string());
        Load { name, profile, base_url: base_url.clone() }
    };
    let scenario = scenario(&profile, profiles.keys().map(stream).collect());
    let run = run_id(&settings.utc, &profile.name, settings.seed);
    let load = LoadPlan {
        profile: profile.name.clone(),
        thresholds: profile.thresholds.clone(),
        error_budget: profile.error_budget.clone(),
    };
    Plan {
        version: VERSION,
        file: file.to_owned(),
        digest: digest(&profile.clone().portable()),
        objectives_digest: digest(&load),
        seed: settings.seed,
        dir: settings.report_dir.join(&run.0),
        simulated: settings.simulated,
        allow_commands: false,
        host: host_name(),
        load: Some(load),
        retry_of: None,
        consent: Default::default(),
        machine: machine(),
        profiles,
        scenario,
        run,
    }
}

fn scenario(profile: &Profile, load: Vec<Load>) -> Scenario {
    Scenario {
        simulacro: 1,
        name: profile.name.clone(),
        title: profile.title.clone(),
        owner: None,
        criticality: None,
        runbook: None,
        tags: Vec::new(),
        vars: Default::default(),
        services: Default::default(),
        proxies: Default::default(),
        targets: Default::default(),
        load,
        probes: Vec::new(),
        recovery_signal: None,
        ledger: None,
        steady_state: Vec::new(),
        phases: Phases::default(),
        faults: Vec::new(),
        playbook: Vec::new(),
        backups: Default::default(),
        objectives: Objectives::default(),
        guard: Guard::default(),
    }
}

/// Whether there is a variable of that name, which is then set.
fn set(profile: &mut Profile, name: &str, value: &str) -> bool {
    let var = profile.vars.iter_mut().find(|(known, _)| known.as_str() == name);
    var.map(|(_, old)| value.clone_into(old)).is_some()
}

/// Whether there was anything to set.
fn set_duration(profile: &mut Profile, duration: HumanDuration) -> bool {
    let mut of = Vec::new();
    of.extend(profile.constant_arrival_rate.as_mut().map(|e| &mut e.duration));
    of.extend(profile.constant_vus.as_mut().map(|e| &mut e.duration));
    for scenario in profile.scenarios.values_mut() {
        of.extend(scenario.constant_arrival_rate.as_mut().map(|e| &mut e.duration));
        of.extend(scenario.constant_vus.as_mut().map(|e| &mut e.duration));
    }
    let any = !of.is_empty();
    of.into_iter().for_each(|old| *old = Some(duration));
    any
}

/// The key of an executor that goes on until it is stopped.
fn endless(profile: &Profile) -> Option<String> {
    profile.streams().into_iter().find_map(|(name, alone)| {
        let executor = alone.executor().filter(|e| e.duration().is_none())?;
        Some(match name {
            Some(name) => format!("scenarios.{name}.{}", executor.key()),
            None => executor.key().to_owned(),
        })
    })
}

/// Whether an executor has conditions of its own.
fn has_conditions(profile: &Profile) -> bool {
    profile.streams().iter().filter_map(|(_, alone)| alone.executor()).any(|executor| match executor {
        Executor::Breakpoint(_) => true,
        other => other.stages().iter().any(|(_, stage)| !stage.thresholds.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "simulacro_profile: 1\nname: p\nbase_url: 'http://${host}/${env:TENANT}'\ntimeout: 1s\n\
        vars: { host: a }\nscenarios:\n\
        \x20 one:\n    constant_arrival_rate: { rate: 10 }\n    requests: [{ name: list, path: /list }]\n\
        \x20 two:\n    constant_arrival_rate: { rate: 10, duration: 1m }\n    requests: [{ name: list, path: /list }]\n\
        thresholds: ['one.p95 < 1s']\n";

    fn resolved(text: &str, vars: &[(&str, &str)], load: LoadSettings) -> Result<(Plan, Problems), Problems> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p.yaml");
        std::fs::write(&file, text).unwrap();
        let settings = Settings {
            vars: vars.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect(),
            seed: 1,
            utc: "20260101T000000Z".into(),
            report_dir: "/reports".into(),
            simulated: false,
            allow_commands: false,
        };
        resolve_load(&file, &settings, &load)
    }

    fn seconds(seconds: u64) -> LoadSettings {
        LoadSettings { base_url: None, duration: Some(HumanDuration::from_secs(seconds)) }
    }

    #[test]
    fn a_profile_becomes_a_plan_with_a_stream_for_each_scenario() {
        let (plan, warnings) = resolved(PROFILE, &[("host", "b")], seconds(5)).unwrap();
        assert!(warnings.is_empty(), "{warnings}");
        let streams: Vec<_> = plan.scenario.load.iter().map(|l| (l.name.as_str(), l.base_url.as_str())).collect();
        assert_eq!(streams, [("one", "http://b/${env:TENANT}"), ("two", "http://b/${env:TENANT}")]);
        let durations = plan.profiles.values().map(|p| p.executor().and_then(|e| e.duration()));
        assert!(durations.into_iter().all(|d| d == Some(HumanDuration::from_secs(5))), "given for all of them");
        assert_eq!(plan.load.unwrap().thresholds.len(), 1);
        assert!(plan.run.0.starts_with("20260101T000000Z-p-") && plan.scenario.faults.is_empty());
        let single = PROFILE.split("scenarios").next().unwrap().to_owned()
            + "constant_arrival_rate: { rate: 1, duration: 1s }\nrequests: [{ name: a, path: /a }]\n";
        let (plan, warnings) = resolved(&single, &[], LoadSettings::default()).unwrap();
        assert_eq!(plan.profiles.keys().map(Name::as_str).collect::<Vec<_>>(), ["p"], "called as the profile is");
        assert!(warnings.to_string().contains("no thresholds"), "{warnings}");
    }

    #[test]
    fn all_that_is_missing_is_said_at_once_and_at_its_place() {
        let text = PROFILE.replace("base_url: 'http://${host}/${env:TENANT}'\n", "");
        let problems = resolved(&text, &[("hots", "b")], LoadSettings::default()).unwrap_err();
        let found: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.span.line, p.message)).collect();
        assert_eq!(
            found,
            [
                "1: it is not said where the paths begin",
                "4: -V hots: this profile has no variable of that name",
                "7: `scenarios.one.constant_arrival_rate` has no duration, so this load would never end",
            ]
        );
        let given = LoadSettings { base_url: Some("http://${nobody}".into()), duration: None };
        let problems = resolved(PROFILE, &[], given).unwrap_err().to_string();
        assert!(problems.contains("names `nobody`, which is not declared"), "{problems}");
        let stages = "simulacro_profile: 1\nname: p\nbase_url: 'http://a'\n\
                      ramping_vus: { stages: [{ duration: 1s, target: 1 }] }\n\
                      journeys: [{ name: j, steps: [{ name: a, path: /a }] }]\n";
        let problems = resolved(stages, &[], seconds(1)).unwrap_err().to_string();
        assert!(problems.contains("--duration: nothing in this profile"), "{problems}");
    }
}
