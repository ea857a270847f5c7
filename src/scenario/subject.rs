//! What the subject of a condition means: a probe, a stream, the streams of a load entry, or a request name.

use super::profile::Profile;
use super::yaml::advice;
use crate::model::{Name, Subject};

/// The names that a subject may use.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Probes.
    pub probes: Vec<String>,
    /// Load streams with their request names.
    pub streams: Vec<(String, Vec<String>)>,
    /// Some request names are not known, because a profile could not be read.
    pub partly: bool,
}

/// One thing that a subject means; each is judged alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant<'a> {
    /// A probe.
    Probe(&'a str),
    /// All requests of a stream.
    Stream(&'a str),
    /// One request name of a stream.
    Request(&'a str, &'a str),
}

/// What is wrong with a subject, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misnamed {
    /// What is wrong.
    pub message: String,
    /// What would be right; may be empty.
    pub hint: String,
}

/// Whether a stream is called so, or belongs to the load entry of that name: `shop.browse` to `shop`.
pub fn belongs(stream: &str, to: &str) -> bool {
    stream.strip_prefix(to).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Known {
    /// Adds the streams of a load profile: its scenarios as `entry.scenario`, or as they are called where the profile
    /// runs alone; without scenarios, the entry or the profile itself.
    pub fn add(&mut self, entry: Option<&Name>, profile: &Profile) {
        for (scenario, stream) in profile.streams() {
            let name = match (entry, scenario) {
                (Some(entry), Some(scenario)) => format!("{entry}.{scenario}"),
                (Some(entry), None) => entry.to_string(),
                (None, Some(scenario)) => scenario.to_string(),
                (None, None) => profile.name.to_string(),
            };
            self.streams.push((name, stream.request_names().iter().map(Name::to_string).collect()));
        }
    }

    /// Everything that a subject means, in the order of the streams; nothing where nothing is called so.
    pub fn meant(&self, subject: &Subject) -> Vec<Meant<'_>> {
        let Some(name) = &subject.stream else {
            let streams: Vec<_> = self.streams.iter().map(|(stream, _)| Meant::Stream(stream)).collect();
            let probes = || self.probes.iter().map(|probe| Meant::Probe(probe)).collect();
            return if streams.is_empty() { probes() } else { streams };
        };
        let streams = || self.streams.iter().filter(|(stream, _)| belongs(stream, name.as_str()));
        if let Some(request) = &subject.request {
            return streams().filter_map(|stream| sent_by(stream, request.as_str())).collect();
        }
        let probes = self.probes.iter().filter(|probe| **probe == *name.as_str()).map(|probe| Meant::Probe(probe));
        let named: Vec<_> = streams().map(|(stream, _)| Meant::Stream(stream)).chain(probes).collect();
        if !named.is_empty() {
            return named;
        }
        self.streams.iter().filter_map(|stream| sent_by(stream, name.as_str())).collect()
    }

    /// What is wrong with a subject: nothing is called so, or two things are.
    pub fn problem(&self, subject: &Subject) -> Option<Misnamed> {
        let name = subject.stream.as_ref()?.as_str();
        let is_stream = self.streams.iter().any(|(stream, _)| belongs(stream, name));
        if self.meant(subject).is_empty() {
            return (!self.partly).then(|| self.unknown(name, subject.request.as_ref(), is_stream));
        }
        if subject.request.is_some() || !(is_stream || self.probes.iter().any(|probe| probe == name)) {
            return None;
        }
        // A stream that sends nothing else is that request.
        let same = |stream: &str, names: &[String]| stream == name && names.iter().all(|n| n == name);
        let sends = |(stream, names): &&(String, Vec<String>)| names.iter().any(|n| n == name) && !same(stream, names);
        let (stream, _) = self.streams.iter().find(sends)?;
        let what = if is_stream { "load stream" } else { "probe" };
        Some(Misnamed {
            message: format!("`{name}` is a {what}, and a request name of `{stream}`"),
            hint: format!("write `{stream}/{name}` for the request, or give the {what} another name"),
        })
    }

    fn unknown(&self, name: &str, request: Option<&Name>, is_stream: bool) -> Misnamed {
        let names = |of: &str| {
            let streams = self.streams.iter().filter(|(stream, _)| belongs(stream, of));
            streams.flat_map(|(_, names)| names.iter().map(String::as_str)).collect::<Vec<_>>()
        };
        let streams: Vec<&str> = self.streams.iter().map(|(stream, _)| stream.as_str()).collect();
        let (message, hint) = match request {
            Some(request) if is_stream => {
                let message = format!("`{name}` sends no request called `{request}`");
                (message, advice(request.as_str(), names(name)))
            }
            Some(_) => (format!("there is no load stream `{name}`"), advice(name, streams)),
            None => {
                let probes = self.probes.iter().map(String::as_str);
                let requests = self.streams.iter().flat_map(|(_, names)| names.iter().map(String::as_str));
                let mut all: Vec<&str> = Vec::new();
                probes.chain(streams).chain(requests).for_each(|name| {
                    if !all.contains(&name) {
                        all.push(name);
                    }
                });
                (format!("there is no probe, load stream or request called `{name}`"), advice(name, all))
            }
        };
        Misnamed { message, hint: hint.unwrap_or_default() }
    }
}

fn sent_by<'a>((stream, names): &'a (String, Vec<String>), request: &str) -> Option<Meant<'a>> {
    names.iter().find(|name| *name == request).map(|name| Meant::Request(stream, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let stream = |name: &str, names: &[&str]| (name.to_owned(), owned(names));
        let streams = vec![
            stream("shop.browse", &["list", "show"]),
            stream("shop.buy", &["create order", "list"]),
            stream("ping", &["ping"]),
            stream("show", &["other"]),
        ];
        Known { probes: owned(&["checkout"]), streams, partly: false }
    }

    fn meant(subject: &str) -> Vec<String> {
        let known = known();
        let shown = |meant: Meant<'_>| match meant {
            Meant::Probe(name) => format!("probe {name}"),
            Meant::Stream(name) => name.to_owned(),
            Meant::Request(name, request) => format!("{name}/{request}"),
        };
        known.meant(&subject.parse().unwrap()).into_iter().map(shown).collect()
    }

    fn problem(subject: &str) -> String {
        known().problem(&subject.parse().unwrap()).map_or_else(String::new, |p| format!("{}; {}", p.message, p.hint))
    }

    #[test]
    fn a_subject_is_a_stream_before_it_is_a_request() {
        assert_eq!(meant("checkout"), ["probe checkout"]);
        assert_eq!(meant("shop.buy"), ["shop.buy"]);
        assert_eq!(meant("shop"), ["shop.browse", "shop.buy"]);
        assert_eq!(meant("list"), ["shop.browse/list", "shop.buy/list"]);
        assert_eq!(meant("shop/create order"), ["shop.buy/create order"]);
        assert!(meant("shop.browse/create order").is_empty());
        assert!(meant("sho").is_empty());
        assert_eq!(known().meant(&Subject::default()).len(), 4);
    }

    #[test]
    fn what_is_misnamed_gets_a_suggestion() {
        assert_eq!(problem("shop/list") + &problem("ping") + &problem("shop") + &problem("list"), "");
        assert!(problem("shop.brows").contains("did you mean `shop.browse`"), "{}", problem("shop.brows"));
        assert!(problem("shop/creat order").contains("`create order`"), "{}", problem("shop/creat order"));
        assert!(problem("nobody/list").contains("no load stream `nobody`"));
        assert!(problem("show").contains("`shop.browse/show`"), "{}", problem("show"));
    }

    #[test]
    fn nothing_is_said_of_names_that_are_not_known() {
        let known = Known { partly: true, ..known() };
        assert_eq!(known.problem(&"create ordr".parse().unwrap()), None);
    }
}
