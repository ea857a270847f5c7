//! What the types cannot say about a profile: all problems at once, each with the path of its key.

use std::time::Duration;

use super::{ConstantArrivalRate, ConstantVus, Journey, PROFILE_VERSION, Profile, Request, Template};
use crate::model::HumanDuration;

/// The largest value of an HDR histogram here: no request may take longer (`timeline::load_line`).
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);
/// More distinct names than anybody reads would make lines and reports grow without use.
const MOST_NAMES: usize = 64;

/// Whether a profile with this problem can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but it may not measure what its author thinks.
    Warning,
}

/// One problem of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, from the top: `requests[2].path`.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
    /// Whether the profile can be used all the same.
    pub severity: Severity,
}

impl Profile {
    /// Every problem of the profile; with none of [`Severity::Error`] it can be run.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Problems(Vec::new());
        if self.simulacro_profile != PROFILE_VERSION {
            let message = format!("this program reads version {PROFILE_VERSION} of load profiles");
            found.error("simulacro_profile", message);
        }
        if self.timeout.get().is_zero() || self.timeout.get() > LONGEST_TIMEOUT {
            found.error("timeout", "a request's timeout is more than 0s and at most 600s");
        }
        match (&self.constant_arrival_rate, &self.constant_vus) {
            (Some(rate), None) => found.open(self, rate),
            (None, Some(users)) => found.closed(self, users),
            (None, None) => found.error("", "no executor: add `constant_arrival_rate` or `constant_vus`"),
            (Some(_), Some(_)) => {
                found.error("", "two executors: a profile has one; write the other as its own profile")
            }
        }
        for (nth, request) in self.requests.iter().enumerate() {
            found.request(&format!("requests[{nth}]"), request);
        }
        for (nth, journey) in self.journeys.iter().enumerate() {
            found.journey(&format!("journeys[{nth}]"), journey);
        }
        if self.request_names().len() > MOST_NAMES {
            found.error(
                "",
                format!("more than {MOST_NAMES} request names: give requests that belong together one name"),
            );
        }
        found.0
    }
}

struct Problems(Vec<Problem>);

impl Problems {
    fn error(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem { path: path.into(), message: message.into(), severity: Severity::Error });
    }

    fn warn(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem { path: path.into(), message: message.into(), severity: Severity::Warning });
    }

    fn open(&mut self, profile: &Profile, rate: &ConstantArrivalRate) {
        let key = "constant_arrival_rate";
        if rate.rate == 0 {
            self.error(format!("{key}.rate"), "the rate is at least 1; raise `time_unit` for less than one per second");
        }
        if rate.time_unit.get().is_zero() {
            self.error(format!("{key}.time_unit"), "the time unit is more than 0s");
        }
        if rate.max_senders == Some(0) {
            self.error(format!("{key}.max_senders"), "at least one sender is needed");
        }
        self.duration(key, rate.duration);
        if profile.requests.is_empty() {
            self.error("requests", "an arrival rate needs requests to send: add at least one");
        } else if profile.requests.iter().all(|request| request.weight == 0) {
            self.error("requests", "every weight is 0, so nothing would be sent");
        }
        if !profile.journeys.is_empty() {
            self.error("journeys", "journeys belong to `constant_vus`; an arrival rate sends `requests`");
        }
        if rate.rate > 0 && !rate.time_unit.get().is_zero() {
            let cap = rate.senders(profile.timeout);
            let needed = rate.per_second() * profile.timeout.get().as_secs_f64();
            if f64::from(cap) < needed {
                let holds = f64::from(cap) / rate.per_second();
                self.warn(
                    format!("{key}.max_senders"),
                    format!(
                        "{cap} senders hold {holds:.1} s of a hanging target at {}/s; a timeout of {} needs {needed:.0}. \
                         Beyond that requests are dropped, which counts as failed",
                        rate.per_second(),
                        profile.timeout
                    ),
                );
            }
        }
    }

    fn closed(&mut self, profile: &Profile, users: &ConstantVus) {
        if users.vus == 0 {
            self.error("constant_vus.vus", "at least one user is needed");
        }
        if users.start_per_second == Some(0) {
            self.error("constant_vus.start_per_second", "at least one user starts in each second");
        }
        self.duration("constant_vus", users.duration);
        if profile.journeys.is_empty() {
            self.error("journeys", "users need a journey: add at least one");
        } else if profile.journeys.iter().all(|journey| journey.weight == 0) {
            self.error("journeys", "every weight is 0, so no user would go anywhere");
        }
        if !profile.requests.is_empty() {
            self.error("requests", "requests belong to an arrival rate; users go through `journeys`");
        }
    }

    fn duration(&mut self, key: &str, duration: Option<HumanDuration>) {
        if duration.is_some_and(|d| d.get().is_zero()) {
            self.error(format!("{key}.duration"), "the duration is more than 0s; leave it out to go on until stopped");
        }
    }

    fn journey(&mut self, at: &str, journey: &Journey) {
        if journey.steps.is_empty() {
            self.error(format!("{at}.steps"), "a journey needs at least one step");
        }
        match journey.wait_time {
            Some(wait) if wait.min > wait.max => {
                self.error(format!("{at}.wait_time"), "`min` is longer than `max`");
            }
            None => {
                self.warn(format!("{at}.wait_time"), "without think time a few users make as much load as they can")
            }
            Some(_) => {}
        }
        for (nth, step) in journey.steps.iter().enumerate() {
            self.request(&format!("{at}.steps[{nth}]"), step);
        }
    }

    fn request(&mut self, at: &str, request: &Request) {
        if !request.path.starts_with('/') {
            self.error(format!("{at}.path"), "a path starts with `/`; the host comes from the stream's `base_url`");
        }
        let unsafe_in_path = |c: char| !c.is_ascii_graphic() || "\"<>\\^`{|}#".contains(c);
        if let Some(path) = self.template(format!("{at}.path"), &request.path)
            && let Some(wrong) = path.literals().find_map(|text| text.chars().find(|c| unsafe_in_path(*c)))
        {
            let bytes = wrong.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
            self.error(format!("{at}.path"), format!("a path has no {wrong:?}: write it as `{bytes}`"));
        }
        if let Some(body) = &request.body {
            self.template(format!("{at}.body"), body);
        }
        for (name, value) in &request.headers {
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(token) {
                self.error(format!("{at}.headers"), format!("`{name}` is not a header name"));
            }
            if value.chars().any(|c| c.is_control() && c != '\t') {
                self.error(format!("{at}.headers.{name}"), "a header value has no line ends or control characters");
            }
            self.template(format!("{at}.headers.{name}"), value);
        }
    }

    fn template(&mut self, path: String, text: &str) -> Option<Template> {
        text.parse().map_err(|why: super::TemplateError| self.error(path, why.to_string())).ok()
    }
}
