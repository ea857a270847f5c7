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
