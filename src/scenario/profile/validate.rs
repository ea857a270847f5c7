//! What the types cannot say about a profile: all problems at once, each with the path of its key.

mod answers;
mod files;
mod http;
mod journeys;
mod names;
mod requests;

use std::time::Duration;

use self::names::Reach;
use super::{Breakpoint, Executor, LoadModel, PROFILE_VERSION, Profile, Stage};
use crate::model::{HumanDuration, Name};

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
        found.executors("", &self.executors(), self);
        for (name, scenario) in &self.scenarios {
            found.scenario(name, &self.alone(scenario.clone()));
        }
        if !self.scenarios.is_empty() && !self.executors().is_empty() {
            found.error("scenarios", "an executor beside `scenarios`: make it one of them");
        }
        found.variables(self);
        found.data(self);
        found.http(self);
        found.traffic("", self);
        found.0.extend(self.threshold_problems());
        if self.request_names().len() > MOST_NAMES {
            found.error(
                "",
                format!("more than {MOST_NAMES} request names: give requests that belong together one name"),
            );
        }
        found.once()
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

    /// The problems, each once: what several requests share is looked at with each of them.
    fn once(self) -> Vec<Problem> {
        let mut once: Vec<Problem> = Vec::new();
        for problem in self.0 {
            if !once.contains(&problem) {
                once.push(problem);
            }
        }
        once
    }

    /// Whatever is sent; `at` is the path of its scenario with a final dot, or empty.
    fn traffic(&mut self, at: &str, profile: &Profile) {
        for (nth, request) in profile.requests.iter().enumerate() {
            self.request(&format!("{at}requests[{nth}]"), request, &Reach::alone(profile));
        }
        for (nth, journey) in profile.journeys.iter().enumerate() {
            self.journey(&format!("{at}journeys[{nth}]"), journey, profile);
        }
        self.rows(at, profile);
    }

    /// One executor, and what it needs; `at` is the path of its scenario with a final dot, or empty.
    fn executors(&mut self, at: &str, executors: &[Executor<'_>], profile: &Profile) {
        match executors {
            [] if profile.scenarios.is_empty() => self.error(
                at.trim_end_matches('.'),
                "no executor: add one of constant_arrival_rate, ramping_arrival_rate, breakpoint, constant_vus, \
                 ramping_vus, per_vu_iterations",
            ),
            [] => {}
            [one] => self.executor(at, *one, profile),
            [..] => self.error(
                at.trim_end_matches('.'),
                "more than one executor: loads that run at once are written as `scenarios`",
            ),
        }
    }

    fn scenario(&mut self, name: &Name, alone: &Profile) {
        let at = format!("scenarios.{name}.");
        self.executors(&at, &alone.executors(), alone);
        self.traffic(&at, alone);
    }

    fn executor(&mut self, at: &str, executor: Executor<'_>, profile: &Profile) {
        let key = format!("{at}{}", executor.key());
        match executor {
            Executor::ConstantArrivalRate(rate) => {
                if rate.rate == 0 {
                    let message = "the rate is at least 1; raise `time_unit` for less than one per second";
                    self.error(format!("{key}.rate"), message);
                }
                self.duration(&key, rate.duration);
                self.unit(&key, rate.time_unit);
                if rate.rate > 0 && !rate.time_unit.get().is_zero() {
                    self.cap(&key, rate.senders(profile.timeout), rate.per_second(), profile.timeout);
                }
            }
            Executor::RampingArrivalRate(ramp) => {
                self.stages(&key, &ramp.stages, ramp.start_rate);
                self.unit(&key, ramp.time_unit);
                if !ramp.time_unit.get().is_zero() {
                    self.cap(&key, ramp.senders(profile.timeout), ramp.highest_per_second(), profile.timeout);
                }
            }
            Executor::Breakpoint(search) => {
                self.search(&key, search);
                if !profile.thresholds.is_empty() {
                    let message = "they are judged over the whole search, the step that breaks included; what must \
                                   hold in every step stands in `until`";
                    self.warn("thresholds", message);
                }
                self.cap(&key, search.senders(profile.timeout), f64::from(search.max_rate), profile.timeout);
            }
            Executor::ConstantVus(users) => {
                self.users(&key, users.vus);
                if users.start_per_second == Some(0) {
                    self.error(format!("{key}.start_per_second"), "at least one user starts in each second");
                }
                self.duration(&key, users.duration);
            }
            Executor::RampingVus(ramp) => self.stages(&key, &ramp.stages, ramp.start_vus),
            Executor::PerVuIterations(users) => {
                self.users(&key, users.vus);
                if users.iterations == 0 {
                    self.error(format!("{key}.iterations"), "at least one pass is needed");
                }
            }
        }
        match executor.model() {
            LoadModel::Open => self.open(at, profile),
            LoadModel::Closed => self.closed(at, profile),
        }
    }

    fn open(&mut self, at: &str, profile: &Profile) {
        if profile.requests.is_empty() {
            self.error(format!("{at}requests"), "an arrival rate needs requests to send: add at least one");
        } else if profile.requests.iter().all(|request| request.weight == 0) {
            self.error(format!("{at}requests"), "every weight is 0, so nothing would be sent");
        }
        if !profile.journeys.is_empty() {
            let message = "journeys belong to users, such as `constant_vus`; an arrival rate sends `requests`";
            self.error(format!("{at}journeys"), message);
        }
    }

    fn closed(&mut self, at: &str, profile: &Profile) {
        if profile.journeys.is_empty() {
            self.error(format!("{at}journeys"), "users need a journey: add at least one");
        } else if profile.journeys.iter().all(|journey| journey.weight == 0) {
            self.error(format!("{at}journeys"), "every weight is 0, so no user would go anywhere");
        }
        if !profile.requests.is_empty() {
            self.error(format!("{at}requests"), "requests belong to an arrival rate; users go through `journeys`");
        }
    }

    fn users(&mut self, key: &str, vus: u32) {
        if vus == 0 {
            self.error(format!("{key}.vus"), "at least one user is needed");
        }
    }

    fn unit(&mut self, key: &str, unit: HumanDuration) {
        if unit.get().is_zero() {
            self.error(format!("{key}.time_unit"), "the time unit is more than 0s");
        }
    }

    fn stages(&mut self, key: &str, stages: &[Stage], start: u32) {
        if stages.iter().all(|stage| stage.duration.get().is_zero()) {
            self.error(format!("{key}.stages"), "at least one stage that is longer than 0s is needed");
        } else if start == 0 && stages.iter().all(|stage| stage.target == 0) {
            self.error(format!("{key}.stages"), "every target is 0, so nothing would be sent");
        }
    }

    fn search(&mut self, key: &str, search: &Breakpoint) {
        if search.start_rate == 0 || search.start_rate > search.max_rate {
            self.error(format!("{key}.start_rate"), "the first rate is at least 1 and at most `max_rate`");
        }
        match (search.step, search.factor) {
            (Some(0), None) => self.error(format!("{key}.step"), "the rate rises by at least 1"),
            (None, Some(factor)) if !factor.is_finite() || factor <= 1.0 => {
                self.error(format!("{key}.factor"), "the factor is more than 1, such as 1.2");
            }
            (Some(_), Some(_)) | (None, None) => self.error(key, "give exactly one of `step` and `factor`"),
            _ => {}
        }
        if search.at_least.is_some_and(|least| least > search.max_rate) {
            self.error(format!("{key}.at_least"), "the search never gets there: it is more than `max_rate`");
        }
        if search.hold.get().is_zero() || search.confirm.get().is_zero() {
            self.error(key, "`hold` and `confirm` are more than 0s: nothing could be seen in no time");
        }
        if search.until.is_empty() {
            self.error(format!("{key}.until"), "say what must hold in every step, such as `p95 < 200ms`");
        }
    }

    /// A cap on senders that makes an open model a closed one.
    fn cap(&mut self, key: &str, cap: u32, rate: f64, timeout: HumanDuration) {
        if cap == 0 {
            return self.error(format!("{key}.max_senders"), "at least one sender is needed");
        }
        let needed = rate * timeout.get().as_secs_f64();
        if f64::from(cap) < needed {
            let holds = f64::from(cap) / rate;
            self.warn(
                format!("{key}.max_senders"),
                format!(
                    "{cap} senders hold {holds:.1} s of a hanging target at {rate}/s; a timeout of {timeout} needs \
                     {needed:.0}. Beyond that requests are dropped, which counts as failed"
                ),
            );
        }
    }

    fn duration(&mut self, key: &str, duration: Option<HumanDuration>) {
        if duration.is_some_and(|d| d.get().is_zero()) {
            self.error(format!("{key}.duration"), "the duration is more than 0s; leave it out to go on until stopped");
        }
    }
}
