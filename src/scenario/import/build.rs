//! From drafts to a profile. It is built as a profile is read, from keys and values: the one place that knows them.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::draft::{Draft, Found, Traffic, Walk};
use super::names;
use super::{ImportError, mistake};
use crate::model::Name;
use crate::scenario::profile::{PROFILE_VERSION, Profile, Request};

/// Requests per second of a profile for an open model: more than a hint of load, and less than anybody minds.
const RATE: u32 = 10;
/// Users of a profile for a closed model.
const USERS: u32 = 5;

/// What becomes text.
pub(super) struct Built {
    pub profile: Profile,
    /// Written as comments.
    pub asleep: Vec<Request>,
    /// Whether there are more routes than names.
    pub names_are_shared: bool,
}

/// Makes the profile.
///
/// # Errors
/// When the types refuse it, which is a bug.
pub(super) fn build(name: &Name, found: &Found) -> Result<Built, ImportError> {
    let active: Vec<&Draft> = match &found.traffic {
        Traffic::Requests(drafts) => drafts.iter().collect(),
        Traffic::Walks(walks) => walks.iter().flat_map(|walk| &walk.steps).collect(),
    };
    let (names, names_are_shared) = names::assign(&active)?;
    let mut requests = active.iter().zip(&names).map(|(draft, name)| request(draft, name));
    let mut profile = json!({ "simulacro_profile": PROFILE_VERSION, "name": name, "title": found.title });
    match &found.traffic {
        Traffic::Requests(drafts) => {
            profile["constant_arrival_rate"] = json!({ "rate": RATE });
            profile["requests"] = requests.by_ref().take(drafts.len()).collect();
        }
        Traffic::Walks(walks) => {
            profile["constant_vus"] = json!({ "vus": USERS });
            let mut taken = std::collections::HashSet::new();
            let mut journeys = Vec::new();
            for walk in walks {
                let name = names::unique(&walk.name, &taken)?;
                journeys.push(journey(walk, &name, requests.by_ref().take(walk.steps.len()).collect()));
                taken.insert(name);
            }
            profile["journeys"] = Value::Array(journeys);
        }
    }
    // Apart from the others, so that what sleeps takes no names.
    let asleep: Vec<&Draft> = found.asleep.iter().collect();
    let (names, _) = names::assign(&asleep)?;
    let asleep = asleep.iter().zip(&names).map(|(draft, name)| typed(request(draft, name)));
    let asleep = asleep.collect::<Result<Vec<Request>, _>>()?;
    Ok(Built { profile: typed(profile)?, asleep, names_are_shared })
}

fn request(draft: &Draft, name: &Name) -> Value {
    let headers: Map<String, Value> = draft.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let mut request = json!({
        "name": name,
        "method": draft.method,
        "path": draft.path,
        "headers": headers,
        "weight": draft.weight,
    });
    if let Some(body) = &draft.body {
        request["body"] = json!(body);
    }
    if !draft.statuses.is_empty() {
        request["expect"] = json!({ "status": draft.statuses });
    }
    request
}

fn journey(walk: &Walk, name: &Name, steps: Value) -> Value {
    let (min, max) = walk.think;
    json!({ "name": name, "wait_time": { "min": format!("{min}ms"), "max": format!("{max}ms") }, "steps": steps })
}

fn typed<T: DeserializeOwned>(value: Value) -> Result<T, ImportError> {
    serde_json::from_value(value).map_err(|why| mistake(&why.to_string()))
}
