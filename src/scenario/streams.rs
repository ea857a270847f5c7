//! Load profiles that hold several scenarios: in a drill each becomes a stream of its own, `shop.browse` for the
//! scenario `browse` of the load `shop`. Whatever names `shop` means all of them.

use std::collections::BTreeMap;

use super::Scenario;
use super::load::Load;
use super::subject::belongs;
use crate::model::{Name, NameError};
use crate::scenario::profile::Profile;

/// The streams of a load, by name.
///
/// # Errors
/// When a stream's name is too long.
pub fn streams_of(load: &Name, profile: &Profile) -> Result<Vec<(Name, Profile)>, NameError> {
    let named = |(scenario, profile): (Option<Name>, Profile)| match scenario {
        None => Ok((load.clone(), profile)),
        Some(scenario) => Ok((format!("{load}.{scenario}").parse()?, profile)),
    };
    profile.streams().into_iter().map(named).collect()
}

/// Puts the streams in the place of the loads, and in the recovery signal.
pub fn expand(scenario: &mut Scenario, profiles: &BTreeMap<Name, Profile>) {
    let names: Vec<Name> = scenario.load.iter().map(|load| load.name.clone()).collect();
    let of = |load: &Name| -> Vec<Name> {
        if profiles.contains_key(load) || !names.contains(load) {
            return vec![load.clone()];
        }
        profiles
            .keys()
            .filter(|stream| belongs(stream.as_str(), load.as_str()) && !names.contains(stream))
            .cloned()
            .collect()
    };
    let loads = std::mem::take(&mut scenario.load);
    scenario.load = loads
        .into_iter()
        .flat_map(|load| of(&load.name).into_iter().map(move |name| Load { name, ..load.clone() }))
        .collect();
    if let Some(signal) = &mut scenario.recovery_signal {
        signal.streams = signal.streams.iter().flat_map(of).collect();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::bundle::open;
    use super::super::problem::Problems;
    use super::*;

    const SHOP: &str = "simulacro_profile: 1\nname: shop\ntimeout: 1s\nscenarios:\n\
        \x20 browse:\n    constant_arrival_rate: { rate: 100 }\n    requests: [{ name: list, path: /list }]\n\
        \x20 buy:\n    constant_vus: { vus: 2 }\n    journeys: [{ name: j, wait_time: { min: 1s, max: 2s }, \
        steps: [{ name: put, path: /put }] }]\n";

    fn drill(rest: &str, profile: &str) -> Result<(Scenario, BTreeMap<Name, Profile>, Problems), Problems> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("shop.yaml"), profile).unwrap();
        let file = dir.path().join("drill.yaml");
        let text = format!(
            "name: drill\nload: [{{ name: day, profile: shop.yaml, base_url: 'http://127.0.0.1:1' }}]\n\
             probes: [{{ name: p, tcp: {{ address: '127.0.0.1:1' }}, every: 100ms }}]\n{rest}"
        );
        std::fs::write(&file, text).unwrap();
        let bundle = open(Path::new(&file), &[])?;
        Ok((bundle.scenario, bundle.profiles, bundle.warnings))
    }

    fn texts(names: impl IntoIterator<Item = Name>) -> Vec<String> {
        names.into_iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn a_load_with_scenarios_becomes_its_streams() {
        let (scenario, profiles, _) = drill("steady_state: ['day.browse.error_rate < 1%']\n", SHOP).unwrap();
        assert_eq!(texts(scenario.load.into_iter().map(|load| load.name)), ["day.browse", "day.buy"]);
        assert_eq!(texts(profiles.keys().cloned()), ["day.browse", "day.buy"]);
        assert!(profiles.values().all(|profile| profile.executor().is_some() && profile.scenarios.is_empty()));
    }

    #[test]
    fn the_recovery_signal_means_all_streams_of_a_load() {
        let open = SHOP.replace("constant_vus: { vus: 2 }", "constant_arrival_rate: { rate: 1 }");
        let open = open.replace("journeys: [{ name: j, wait_time: { min: 1s, max: 2s }, steps: [", "requests: [");
        let open = open.replace("/put }] }]", "/put }]");
        let (scenario, ..) = drill("recovery_signal: { streams: [day, p] }\n", &open).unwrap();
        assert_eq!(texts(scenario.recovery_signal.unwrap().streams), ["day.browse", "day.buy", "p"]);
        let problems = drill("recovery_signal: { streams: [day] }\n", SHOP).unwrap_err().to_string();
        assert!(problems.contains("`day` is a closed model"), "one of its streams is: {problems}");
    }

    #[test]
    fn what_is_for_a_load_alone_is_said() {
        let profile = format!("{SHOP}thresholds: ['browse.p95 < 1s']\n");
        let (.., warnings) = drill("", &profile).unwrap();
        assert!(warnings.to_string().contains("judged by `simulacro load` only"), "{warnings}");
        let search = "simulacro_profile: 1\nname: s\ntimeout: 1s\nrequests: [{ name: a, path: /a }]\n\
                      breakpoint: { start_rate: 1, max_rate: 2, step: 1, until: ['p95 < 1s'] }\n";
        let problems = drill("", search).unwrap_err().to_string();
        assert!(problems.contains("drill.yaml:2:30: `breakpoint` drives the target until it breaks"), "{problems}");
    }
}
