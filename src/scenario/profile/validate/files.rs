//! The files that a profile names, read: is everything there, and does it fit?

use std::collections::BTreeMap;

use super::{Problem, Problems};
use crate::model::grpc::Descriptors;
use crate::scenario::profile::names::Named;
use crate::scenario::profile::rows::{no_field, read_small};
use crate::scenario::profile::template::Template;
use crate::scenario::profile::{Auth, DataFile, GrpcCall, Journey, MOST_BODY, Name, Profile, Request};

/// Data files up to this size are read to their end by a check, in bytes; of larger ones only the beginning.
const READ_WHOLE: u64 = 8 << 20;
/// The largest PEM file or descriptor set, in bytes.
const MOST_PEM: u64 = 4 << 20;

impl Profile {
    /// Every problem with the files that the profile names; their paths are absolute ([`Profile::resolved`]).
    pub fn file_problems(&self) -> Vec<Problem> {
        let mut found = Problems(Vec::new());
        let tls = &self.http.tls;
        for (key, path) in [("ca", &tls.ca), ("cert", &tls.cert), ("key", &tls.key)] {
            let Some(path) = path else { continue };
            match read_small(path, MOST_PEM) {
                Err(why) => found.error(format!("http.tls.{key}"), format!("{path}: {why}")),
                Ok(bytes) if !String::from_utf8_lossy(&bytes).contains("-----BEGIN ") => {
                    found.error(format!("http.tls.{key}"), format!("{path}: this is no PEM file"));
                }
                Ok(_) => {}
            }
        }
        let mut wanted = BTreeMap::new();
        for (at, request) in self.sent() {
            found.files_of(&at, request);
            found.fields_of(&at, request, self, &mut wanted);
        }
        for (name, file) in &self.data {
            found.rows_of(name, file, wanted.remove(name).unwrap_or_default());
        }
        found.once()
    }

    /// Every request with the path of its key.
    fn sent(&self) -> Vec<(String, &Request)> {
        let mut all = of_one("", &self.requests, &self.journeys);
        for (name, scenario) in &self.scenarios {
            all.extend(of_one(&format!("scenarios.{name}."), &scenario.requests, &scenario.journeys));
        }
        all
    }
}

fn of_one<'p>(at: &str, requests: &'p [Request], journeys: &'p [Journey]) -> Vec<(String, &'p Request)> {
    let mut all: Vec<_> =
        (0..).zip(requests).map(|(nth, one): (usize, _)| (format!("{at}requests[{nth}]"), one)).collect();
    for (nth, journey) in journeys.iter().enumerate() {
        for (part, steps) in [("on_start", &journey.on_start), ("steps", &journey.steps), ("on_stop", &journey.on_stop)]
        {
            let steps = steps.iter().enumerate();
            all.extend(steps.map(|(step, one)| (format!("{at}journeys[{nth}].{part}[{step}]"), one)));
        }
    }
    all
}

/// Fields that are wanted of each data file, each with the key of a template that wants it.
type Wanted = BTreeMap<Name, BTreeMap<String, String>>;

impl Problems {
    fn files_of(&mut self, at: &str, request: &Request) {
        if let Some(path) = &request.body_file
            && let Err(why) = read_small(path, MOST_BODY)
        {
            self.error(format!("{at}.body_file"), format!("{path}: {why}"));
        }
        if let Some(call) = &request.grpc
            && let Err((key, why)) = callable(call)
        {
            self.error(format!("{at}.grpc.{key}"), why);
        }
    }

    /// Notes the fields that a request wants.
    fn fields_of(&mut self, at: &str, request: &Request, profile: &Profile, wanted: &mut Wanted) {
        let mut templates: Vec<(String, &str)> =
            request.templates().into_iter().map(|(key, text)| (format!("{at}.{key}"), text)).collect();
        match &profile.http.auth {
            Some(Auth::Bearer(token)) => templates.push(("http.auth.bearer".into(), token)),
            Some(Auth::Basic(basic)) => templates.extend([
                ("http.auth.basic.user".into(), basic.user.as_str()),
                ("http.auth.basic.password".into(), &basic.password),
            ]),
            None => {}
        }
        for (key, text) in templates {
            let Ok(template) = text.parse::<Template>() else { continue };
            for name in profile.expanded(&template).names {
                if let Some(Named::Field { file, field }) = profile.named(&name) {
                    wanted.entry(file.clone()).or_default().entry(field.to_owned()).or_insert(key.clone());
                }
            }
        }
    }

    fn rows_of(&mut self, name: &Name, file: &DataFile, wanted: BTreeMap<String, String>) {
        let kind = if file.csv.is_some() { "csv" } else { "jsonl" };
        let path = format!("data.{name}.{kind}");
        if file.path().is_empty() {
            return;
        }
        let fields = match file.fields() {
            Ok(fields) => fields,
            Err(why) => return self.error(path, why),
        };
        for (field, key) in wanted.iter().filter(|(field, _)| !fields.contains(field)) {
            self.error(&**key, format!("`${{{name}.{field}}}`: {}", no_field(field, &fields)));
        }
        let there: Vec<String> = wanted.into_keys().filter(|field| fields.contains(field)).collect();
        if file.size().is_ok_and(|size| size <= READ_WHOLE)
            && let Err(why) = file.each_row(&there, &mut |_| {})
        {
            self.error(path, why);
        }
    }
}

/// Whether a call's method can be found and, where its message is the same each time, whether that fits.
fn callable(call: &GrpcCall) -> Result<(), (&'static str, String)> {
    let descriptors = match &call.descriptors {
        Some(path) => {
            let bytes = read_small(path, MOST_PEM).map_err(|why| ("descriptors", format!("{path}: {why}")))?;
            Descriptors::read(&bytes).map_err(|why| ("descriptors", format!("{path}: {why}")))?
        }
        None => Descriptors::health().map_err(|why| ("method", why.to_string()))?,
    };
    let method = descriptors.method(&call.method).map_err(|why| ("method", why.to_string()))?;
    let message = call.message.as_deref().unwrap_or("{}");
    match message.parse::<Template>() {
        Ok(template) if template.values().next().is_none() => method
            .encode(&template.literals().collect::<String>())
            .map(drop)
            .map_err(|why| ("message", why.to_string())),
        _ => Ok(()),
    }
}
